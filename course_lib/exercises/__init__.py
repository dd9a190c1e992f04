"""Exercises of the notebooks: blanks that never stop a lecture, checkers that say what is wrong, hints and answers.

    @exercise("topic.name")      left as ``...``: the reference answers; filled in: checked at once
    hint("topic.name")           the first hint, then the second
    answer("topic.name")         the reference with its explanation
    progress()                   what is solved, over sessions
"""

from course_lib.exercises.notebook import answer, exercise, hint, progress

__all__ = ["answer", "exercise", "hint", "progress"]

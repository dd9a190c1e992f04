"""Everybody who can be asked, and everything that can be asked, found by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from course_lib.exam.entrant import Candidate, Entrant, EntrantError, check_address, own_entrant
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError, did_you_mean, load, names

ENTRANTS, QUESTIONS = "course_lib.exam.entrants", "course_lib.exam.questions"
Ask = Callable[[Entrant, Sitting], Iterator[Row]]
SCHOOLS = {  # names under which several take the exam together
    "jepa": ("i_jepa", "mae", "v_jepa", "iwm", "action_jepa", "film_jepa"),
    "agent": ("action_jepa",),
}
USUAL = ("prediction", "control", "probing", "surprise", "returns")  # put to every world model that names no others


def entrants() -> dict[str, Callable[[], Entrant]]:
    """How to make everybody who comes with the course, by name, file after file."""
    return {name: make for file in names(ENTRANTS) for name, make in load(ENTRANTS, file, what="file").ENTRANTS.items()}


def get_entrant(name: str) -> Entrant:
    """One entrant by name. Raises EntrantError with the names there are, and the one that was probably meant."""
    return candidate(name).make()


def members(names: Iterable[str]) -> list[str]:
    """The same names with every school spelled out, each name once."""
    return list(dict.fromkeys(one for name in names for one in SCHOOLS.get(name, (name,))))


def candidate(name: str) -> Candidate:
    """One entrant by name, not made yet. Raises EntrantError for a name that nobody has."""
    known = entrants()
    if name not in known:
        raise EntrantError(
            f"nobody called {name!r} takes the exam{did_you_mean(name, known)}; there are: {', '.join(known)}; and "
            f"together: {', '.join(SCHOOLS)}"
        )
    return Candidate(name, known[name])


def own_candidate(address: str) -> Candidate:
    """A learner's own model, not read yet. Raises EntrantError for an address that is none."""
    return Candidate(check_address(address)[1], lambda: own_entrant(address))


def questions() -> list[str]:
    """The names of all groups of questions."""
    return names(QUESTIONS)


def get_question(name: str) -> Ask:
    """A group of questions by name. Raises ExamError with the names there are, and the one that was probably meant."""
    return load(QUESTIONS, name, what="group of questions", error=ExamError).ask


def check_questions(asked: Iterable[str]) -> None:
    """Raise ExamError for a name that no group of questions has."""
    for name in asked:
        get_question(name)

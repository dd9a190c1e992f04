"""The exam in two processes is the exam: the same rows in the same order, and errors come through."""

from __future__ import annotations

import pytest

from course_lib.exam.processes import examine_in_processes
from course_lib.exam.registry import SCHOOLS, candidate, entrants, members
from course_lib.exam.rows import Row
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import CourseError

ABOUT = {"count": 5, "seed": 0, "split": "validation"}
WHO = ("copy-last", "linear")


def test_rows_and_their_order_do_not_depend_on_the_processes() -> None:
    asked, seen = ["surprise"], list[Row]()
    together = examine_in_processes(WHO, jobs=2, sitting=ABOUT, questions=asked, on_row=seen.append)
    alone = examine([candidate(name) for name in WHO], Sitting(**ABOUT), questions=asked)
    assert [row.as_dict() for row in together.rows] == [row.as_dict() for row in alone.rows]
    assert seen == together.rows, "every row is handed on"


def test_a_name_that_nobody_has_is_an_error_of_the_course() -> None:
    with pytest.raises(CourseError, match="copy-lust"):
        examine_in_processes(["copy-lust"], jobs=2, sitting=ABOUT)


def test_a_school_stands_for_its_members_and_nobody_is_asked_twice() -> None:
    assert members(["i_jepa", "jepa"]) == ["i_jepa", *(one for one in SCHOOLS["jepa"] if one != "i_jepa")]
    assert {one for school in SCHOOLS.values() for one in school} <= set(entrants())
    assert not set(SCHOOLS) & set(entrants()), "one name, one meaning"

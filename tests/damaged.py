"""What a study kept, damaged: whoever reads it must say what is wrong and how to measure again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from course_lib.lookup import ExamError


def check_refused(
    study: ModuleType, read: Callable[[], object], harm: Callable[[dict], object], match: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict | None = None,
) -> None:  # fmt: skip
    """``read`` refuses what the study kept after ``harm``, with a message that matches. facts: in place of the kept."""
    harmed = json.loads(study.KEPT.read_text()) if facts is None else copy.deepcopy(facts)
    harm(harmed)
    monkeypatch.setattr(study, "KEPT", tmp_path / study.KEPT.name)
    study.KEPT.write_text(json.dumps(harmed))
    with pytest.raises(ExamError, match=match):
        read()

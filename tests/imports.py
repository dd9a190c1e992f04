"""What a Python file imports, read from its syntax tree without running it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def imported_modules(path: Path, root: Path = ROOT) -> set[str]:
    """Full names of the modules that a file imports, also inside functions and under `if TYPE_CHECKING`.

    `from course_lib import show` counts as `course_lib.show`: which room is meant stands in the imported name.
    Relative imports are resolved below ``root``. Notebook magics (lines that start with % or !) are not Python and are
    left out.
    """
    source = "\n".join(
        "pass" if line.startswith(("%", "!")) else line for line in path.read_text(encoding="utf-8").splitlines()
    )
    package = list(path.resolve().relative_to(root).parent.parts) if path.resolve().is_relative_to(root) else []
    found = set()
    for node in ast.walk(ast.parse(source, filename=str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def python_files(*folders: str) -> list[Path]:
    """All Python files below folders of the repository, sorted."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
    )

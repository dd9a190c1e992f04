"""What pyproject.toml cannot say: a wheel carries the files that the library reads and that lie beside it in a clone.

The checkpoints, the recordings, the kept results and the table of contents go into the installed library's folder
`carried`, where course_lib/places.py finds them. An editable install leaves everything where it is.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CARRIED = ("data/**/*.safetensors", "data/**/*.json", "data/**/*.npz", "data/**/*.png", "data/**/*.md",
           "notebooks/contents.yaml")  # fmt: skip


class BuildWithFiles(build_py):
    """setuptools' step that gathers a package's files, with the carried ones."""

    def run(self) -> None:
        """Gather the files; see the top of this file."""
        super().run()
        if self.editable_mode:
            return
        found = {pattern: sorted(ROOT.glob(pattern)) for pattern in CARRIED}
        missing = [pattern for pattern, paths in found.items() if not paths]
        if missing:
            raise FileNotFoundError(f"{ROOT} has no {', '.join(missing)}: the wheel would lack what the course reads")
        for source in (path for paths in found.values() for path in paths):
            target = Path(self.build_lib, "course_lib", "carried", source.relative_to(ROOT))
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target), preserve_mode=False)


setup(cmdclass={"build_py": BuildWithFiles})

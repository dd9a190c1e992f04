"""Pictures, films, tables and widgets for the notebooks. They take arrays, never models.

Frames are uint8: a picture ``(H, W, 3)``, a film ``(T, H, W, 3)``, several pictures ``(N, H, W, 3)``.
Whatever is shown stays small when it is stored in a notebook.
"""

from course_lib.show.canvas import FilmPlayer, canvas
from course_lib.show.films import gif, side_by_side
from course_lib.show.live import live
from course_lib.show.paint import painter
from course_lib.show.pictures import grid, strip, strips
from course_lib.show.points import points
from course_lib.show.style import use_style
from course_lib.show.tables import table
from course_lib.show.widgets import explore, probe

__all__ = [
    "FilmPlayer",
    "canvas",
    "explore",
    "gif",
    "grid",
    "live",
    "painter",
    "points",
    "probe",
    "side_by_side",
    "strip",
    "strips",
    "table",
    "use_style",
]

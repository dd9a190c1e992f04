"""World Models from Scratch: one small physical world, four schools of world model, one exam."""

import os

from course_lib.places import CLONED, user_folder

__version__ = "0.1.0"

if not CLONED:  # beside an installed library nothing may be written; worlds/films.py asks for this variable
    os.environ.setdefault("COURSE_CACHE", str(user_folder("cache")))

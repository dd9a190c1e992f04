"""The Playground's specification, frozen before any model was trained on it.

Every figure of the course depends on these numbers. Changing one changes ``VERSION``, and with it every cached film,
every checkpoint and every measured value. Read it as the rules of a small universe.

Units: length in *units* (the box is 32 x 32 units, so one unit is one pixel at 32 x 32), time in seconds, mass in
arbitrary mass units, angles in radians. ``x`` grows to the right, ``y`` grows upwards (pictures have row 0 on top; the
drawing turns it over).
"""

from __future__ import annotations

VERSION = "playground-1"

# --- the box -------------------------------------------------------------------------------------------------------
BOX = 32.0  # side of the world
WALL = 1.0  # thickness of the left and right wall and of the ceiling
FLOOR = 2.0  # height of the floor

# --- time ----------------------------------------------------------------------------------------------------------
FRAME_SECONDS = 0.1  # ten frames a second
SUBSTEPS = 5  # physics steps a frame (0.02 s each: the fastest body moves 1.2 units in one, less than any radius)
FILM_FRAMES = 32  # a film lasts 3.2 seconds
EPISODE_STEPS = 128  # an episode of the environment is cut off after 12.8 seconds

# --- physics -------------------------------------------------------------------------------------------------------
GRAVITY = 60.0  # units / s^2: a fall through the whole box takes one second
MASS = (0.5, 2.0)  # log-uniform, drawn apart from the size: a mass cannot be seen, it shows in collisions
FRICTION = (0.1, 0.7)
ELASTICITY = (0.5, 0.98)  # of a body; a collision multiplies those of its two partners; walls and floor have 1
SIZE = (2.2, 3.2)  # radius of a ball, half of a box's side, distance of a triangle's corners from its centre / 1.25
SPEED = (0.0, 20.0)  # of a body in the first frame, any direction
SPIN = (-4.0, 4.0)  # rad / s in the first frame

# --- the agent -----------------------------------------------------------------------------------------------------
AGENT_HALF_WIDTH = 1.5
AGENT_HALF_HEIGHT = 2.0
AGENT_MASS = 2.0
RUN_SPEED = 18.0  # 1.8 pixels a frame at 32 x 32: every press of a key can be seen
RUN_ACCELERATION = 240.0  # on the ground: full speed within a frame
AIR_ACCELERATION = 120.0  # in the air the agent steers half as well
JUMP_SPEED = 30.0  # rises 7.8 units, stays in the air for a second
ACTIONS = ("no-op", "left", "right", "jump")

# --- the goal (film set and task "goal") ---------------------------------------------------------------------------
STAR_REACH = 3.0  # the star is reached when its centre is nearer to the agent's than this
STAR_REWARD = 1.0  # and at once appears somewhere else

# --- what can be seen ----------------------------------------------------------------------------------------------
SHAPES = ("ball", "box", "triangle")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
PALETTE = {  # the fixed palette, 0 to 255
    "red": (208, 58, 58),
    "orange": (240, 138, 36),
    "yellow": (242, 205, 60),
    "green": (58, 158, 98),
    "blue": (56, 120, 212),
    "purple": (146, 88, 196),
}
BACKGROUND = (246, 243, 236)
WALL_COLOUR = (98, 108, 126)
PLATFORM_COLOUR = (132, 142, 158)
OCCLUDER_COLOUR = (176, 182, 176)
AGENT_COLOUR = (34, 44, 72)
STAR_COLOUR = (255, 190, 20)
SHADOW = 0.30  # a shadow takes this part of the light away
# the random colours of "rich": hue (degrees) around these, saturation and value from the ranges; hues stay 6 degrees
# or more apart from the neighbour's, so that a colour word never becomes a matter of taste
HUES = {
    "red": (352, 364),
    "orange": (22, 32),
    "yellow": (46, 58),
    "green": (110, 160),
    "blue": (200, 228),
    "purple": (262, 290),
}
SATURATION = (0.6, 0.9)
VALUE = (0.80, 0.98)

# --- state -----------------------------------------------------------------------------------------------------------
# One row a body: slot 0 is the agent, slots 1 to 4 are bodies, slot 5 is the star.
SLOTS = 6
MAX_BODIES = 4
AGENT_SLOT, STAR_SLOT = 0, 5
KINDS = ("absent", "agent", "ball", "box", "triangle", "star")
FIELDS = (
    "kind",  # index into KINDS
    "colour",  # index into COLOURS; -1 for the agent and the star
    "x",  # units
    "y",  # units
    "vx",  # units / s
    "vy",  # units / s
    "angle",  # radians, counter-clockwise
    "spin",  # rad / s
    "size",  # units, see SIZE
    "mass",
    "friction",
    "elasticity",
    "visible",  # the part that no occluder hides of the square around the body's circumscribed circle, 0 to 1
    "facing",  # -1 left, +1 right: where the agent's eye is; 0 for the rest
    "red",  # 0 to 1
    "green",
    "blue",
)
FIELD = {name: i for i, name in enumerate(FIELDS)}

# --- reserved for the questions about generalisation: no training run may draw these -------------------------------
# A speed is that of the first frame. Falling and struck bodies become as fast in any film; what a training film hardly
# ever shows is a body in fast level flight (|vx| above 20 in 3 % of its frames, in 11 % of those of "simple-fast").
RESERVED_SPEED = (20.0, 36.0)
RESERVED_MASS = (2.0, 6.0)  # heavier than any
RESERVED_COMBINATIONS = frozenset({("red", "triangle"), ("green", "box"), ("purple", "ball")})
# A film's seed says which split it belongs to. Training films have seeds below 2**30, and so on.
SPLITS = {"train": 0, "validation": 1 << 30, "test": 1 << 31}
SEEDS_PER_SPLIT = 1 << 30

"""World Models from Scratch: one small physical world, four schools of world model, one exam."""

__version__ = "0.1.0"

"""Planning and acting with a world model: evolution of a controller, search for actions."""

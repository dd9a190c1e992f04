"""The models of the course: one file per idea, readable top to bottom beside its paper."""

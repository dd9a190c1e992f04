"""Questions: one group a file, under its file's name; each exports ``ask(entrant, sitting) -> rows``."""

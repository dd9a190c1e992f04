"""Entrants: one file a model; each exports ``ENTRANTS``, how to make those that come with the course, by name."""

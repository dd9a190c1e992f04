"""Measures: what is computed from frames, codes and numbers; no file here knows an entrant or a sitting."""

"""The course's look: white ground, few lines, letters for the last row, colours that all eyes can tell apart."""

from __future__ import annotations

from cycler import cycler

# The eight colours of Okabe and Ito (2008), in the order in which lines take them; yellow comes last because it is
# faint on white.
COLOURS: dict[str, str] = {
    "blue": "#0072b2",
    "orange": "#e69f00",
    "green": "#009e73",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
    "sky": "#56b4e9",
    "black": "#222222",
    "yellow": "#f0e442",
}

DPI = 96

STYLE: dict[str, object] = {
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "figure.figsize": (7.0, 3.8),
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.prop_cycle": cycler(color=list(COLOURS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "font.size": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Give matplotlib the course's style for the rest of the session."""
    import matplotlib

    matplotlib.rcParams.update(STYLE)

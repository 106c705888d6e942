"""How figures look: the report's paper, ink and colours, told apart by common colour blindness, and nothing decorative.

Blue, orange, green and purple are those of the report. Signed values run from blue over paper to orange, sizes from
paper to blue. The fonts are matplotlib's own DejaVu, so that a figure looks the same on every machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

PAPER, INK, SOFT, RULE, FAINT = "#fdfcf9", "#1b1f24", "#59616c", "#dcdcd6", "#efeeea"
BLUE, ORANGE, GREEN, PURPLE, OLIVE, SLATE = "#0b66a8", "#b4570a", "#17755a", "#9a3f7c", "#6d6a00", "#4a5568"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, OLIVE, SLATE)
MARKERS = ("o", "s", "^", "D", "v", "P")
SIGNED = LinearSegmentedColormap.from_list("signed", ["#0b4f86", "#5b9ccb", PAPER, "#e0975a", "#a04a05"])
SIZES = LinearSegmentedColormap.from_list("sizes", [PAPER, "#a9c9e3", BLUE, "#0a3b63"])

_SETTINGS: dict[Any, Any] = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": FAINT,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "font.family": "DejaVu Sans",
    "font.size": 9,
}


@contextmanager
def drawing(path: Path, *, size: tuple[float, float], title: str = "") -> Iterator[Figure]:
    """A figure of this size in inches, laid out and saved as PNG at the end."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09))
        FigureCanvasAgg(figure)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=INK)
        yield figure
        figure.savefig(path, dpi=130)


def matrix(axes: Axes, values: np.ndarray, corner: tuple[float, float], *, title: str, limit: float) -> None:
    """A small matrix as cells of side 1 with numbers in them, its top left corner at (x, y); y runs downwards.

    Blue is below zero, orange above, strongest at `limit`.
    """
    left, top = corner
    for (row, column), value in np.ndenumerate(values):
        strength = 0.5 + 0.5 * max(-1.0, min(1.0, float(value) / limit))
        cell = Rectangle((left + column, top + row), 1, 1, facecolor=SIGNED(strength), edgecolor=RULE, linewidth=0.8)
        axes.add_patch(cell)
        colour = "white" if abs(value) > 0.62 * limit else INK
        text = f"{value:g}".replace("-", "−")
        axes.text(left + column + 0.5, top + row + 0.5, text, ha="center", va="center", fontsize=8.5, color=colour)
    axes.text(left, top - 0.35, title, fontsize=9.5, fontweight="bold")


def plain(axes: Axes) -> None:
    """No ticks and no frame: an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)

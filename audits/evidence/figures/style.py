"""One look for all figures, the same bytes for the same numbers, readable in black and white.

Never depends on the machine: letters are drawn as paths from matplotlib's own font, no date and no random id
is written.
"""

import contextlib
import io
from collections.abc import Callable, Iterator

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Drawing

from audits.evidence.record import Figure

INK = "#1b2a41"
FILL = "#3d5a80"
PALE = "#b8c7d9"
GRID = "#d9dee5"
WIDTH = 6.9  # inches: the text width of an A4 page with ordinary margins

_LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.dpi": 200,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    "svg.hashsalt": "countersign",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
    "ytick.labelsize": 8,
}


def draw(name: str, title: str, alt: str, height: float, paint: Callable[[Drawing], None]) -> Figure:
    """Let ``paint`` draw on an empty sheet of the text width and ``height`` inches, and take it as SVG."""
    with _look():
        sheet = Drawing(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(sheet)
        paint(sheet)
        out = io.BytesIO()
        sheet.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return Figure(name=name, title=title, alt=alt, svg=out.getvalue())


def percent(value: float) -> str:
    """A share for alternative text and labels: ``12.3 %``."""
    return f"{100 * value:.1f} %"


def shortened(text: str, most: int = 34) -> str:
    """A label that fits beside a bar."""
    return text if len(text) <= most else text[: most - 1] + "…"


def bare(axes: Axes, axis: str) -> None:
    """Grid lines only across the direction in which values are read."""
    axes.grid(visible=False, axis="x" if axis == "y" else "y")
    axes.tick_params(axis="y" if axis == "x" else "x", length=0)


@contextlib.contextmanager
def _look() -> Iterator[None]:
    with matplotlib.style.context(["default", _LOOK]):
        yield

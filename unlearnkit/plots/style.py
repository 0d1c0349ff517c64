"""What all figures share: marker and colour of a method, fonts, the caption, files that are the same twice.
Figures are made without pyplot: nothing stays open, the user's backend and settings stay as they are.
matplotlib and seaborn are imported inside the functions."""

import io
import math
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Marker = str | tuple  # as matplotlib takes it: a letter, a star or polygon by its numbers, an outline
UPRIGHT = ((-1, -1), (1, -1), (-1, 1), (1, 1), (-1, -1))  # an hourglass
LYING = ((-1, -1), (-1, 1), (1, -1), (1, 1), (-1, -1))
BAR = ((-1, -0.4), (1, -0.4), (1, 0.4), (-1, 0.4), (-1, -0.4))
PILLAR = tuple((y, x) for x, y in BAR)
ROOF = ((-1, -0.7), (1, -0.7), (0.4, 0.7), (-0.4, 0.7), (-1, -0.7))
BOWL = tuple((x, -y) for x, y in ROOF)
HOUSE = ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.1), (0, 1), (-0.9, 0.1), (-0.9, -0.9))
SHIELD = tuple((x, -y) for x, y in HOUSE)
SLANTED = ((-1, -0.6), (0.4, -0.6), (1, 0.6), (-0.4, 0.6), (-1, -0.6))

# method -> (marker, colour). Grey: reference rows. Blue: FLAT's divergences. Orange, brown: without retain data.
# Magenta: baselines with retain data. Violet: A Closer Look's own. Every marker occurs once; within a family the
# colours differ in lightness.
STYLE: dict[str, tuple[Marker, str]] = {
    "base": ("X", "#8F8F8F"),
    "original": ("s", "#000000"),
    "retain": ("*", "#4A4A4A"),
    "retain_2": ("p", "#6B6B6B"),
    "flat_tv": ("o", "#0B2E6F"),
    "flat_kl": ("D", "#2567C0"),
    "flat_js": ("^", "#1AA3CC"),
    "flat_pearson": ("v", "#9AC8F2"),
    "ga": ("<", "#D55E00"),
    "npo": (">", "#F0A202"),
    "dpo": ("d", "#8A3A00"),
    "task_vector": ("H", "#B08A5B"),
    "whp": ((7, 1, 0), "#6E4A1F"),
    "kl": ("P", "#DB6FB0"),
    "gd": ((4, 1, 0), "#5E0F45"),
    "po": ("h", "#C2307F"),
    "mismatch": ((6, 1, 0), "#8E1F8A"),
    "llmu": (UPRIGHT, "#E8507F"),
    "npo_rt": ((5, 0, 180), "#EDA9CC"),
    "me": (SHIELD, "#B9A5F0"),
    "me_gd": (HOUSE, "#4B2A9B"),
    "idk_ap": (ROOF, "#7D5BD6"),
    "npo_kl": (BOWL, "#B0487F"),
    "dpo_gd": (PILLAR, "#7A2553"),
    "dpo_kl": (SLANTED, "#F28CB4"),
    "idk_kl": ((4, 1, 45), "#D14B6A"),
    "rmu": ((3, 1, 0), "#9A6B00"),
}
# Methods that the kit does not know, a user's own: green, by their name.
OWN: tuple[tuple[Marker, str], ...] = (
    (BAR, "#1B9E48"),
    ((8, 1, 0), "#0B5B27"),
    (LYING, "#7CC47F"),
    ("8", "#117A65"),
    ((5, 1, 180), "#A3B82A"),
)

DASHED = (0, (5, 3))
INK, FAINT = "#262626", "#8C8C8C"  # text and axes; helping lines
SMALL = 8  # points: nothing is smaller
WIDTH = 7.0  # inches
CHARACTERS_PER_INCH = 16.5  # of SMALL text
FLOOR = 1e-6  # a smaller p-value is drawn here
ALPHA = 0.05  # the level that the literature compares forget quality with
DPI = 160


def styles_of(rows: Iterable[dict]) -> dict[str, tuple[Marker, str]]:
    """Marker and colour of every method in the rows.

    A user's own method gets the place in OWN that its name leads to, the next one where that is taken.
    """
    own: dict[str, tuple[Marker, str]] = {}
    for method in sorted({row["method"] for row in rows} - STYLE.keys()):
        first = zlib.crc32(method.encode())
        places = [OWN[(first + step) % len(OWN)] for step in range(len(OWN))]
        own[method] = next((place for place in places if place not in own.values()), places[0])
    return STYLE | own


def size_of(marker: Marker, size: float) -> float:
    """The marker's size in points: stars and outlines are drawn larger, they look smaller than they are."""
    slim = marker == "*" or (isinstance(marker, tuple) and marker[1] != 0)
    return 1.35 * size if slim else size


def dark(colour: str) -> str:
    """The colour for text: as dark as white paper needs (contrast of 4.5 or more, WCAG 2)."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = to_rgb(colour)
    while 1.05 / (_luminance(rgb) + 0.05) < 4.5:
        rgb = tuple(0.95 * part for part in rgb)
    return to_hex(rgb)


def _luminance(rgb: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def row_name(row: dict) -> str:
    """The row's key in truth ratios and trajectories: 'llama/npo', 'llama/npo_release', 'llama/npo_paper_setting'."""
    return row.get("row") or f"{row['base_model']}/{row['method']}"


def main_rows(rows: Sequence[dict]) -> list[dict]:
    """The rows in the paper's form at the table's own setting; all figures but the trajectories draw no others."""
    return [row for row in rows if row.get("variant") in (None, "paper") and row.get("setting") is None]


def label_of(row: dict) -> str:
    """The name as printed, with the status where it is not ok."""
    return row["printed_as"] if row.get("status") in (None, "ok") else f"{row['printed_as']} ({row['status']})"


def fill_of(row: dict, colour: str) -> dict:
    """Fill and edge of a row's marker: hollow where it collapsed."""
    if row.get("status") == "collapsed":
        return {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 1.5}
    return {"markerfacecolor": colour, "markeredgecolor": "white", "markeredgewidth": 0.6}


def known(value: float | str | None) -> bool:
    """Whether there is a number to draw."""
    return isinstance(value, int | float) and math.isfinite(value)


def base_models(rows: Iterable[dict]) -> dict[str, list[dict]]:
    """Rows by base model, both in the order of the table."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["base_model"], []).append(row)
    return groups


def not_drawn(rows: Sequence[dict], others: Sequence[dict] = ()) -> list[str]:
    """The sentence of the caption about what a figure lacks; none where it lacks nothing.

    rows: named one by one. others: rows that this kind of figure never draws, named by their kind.
    """
    several = len(base_models(rows)) > 1
    names = [f"{row['base_model']} {label_of(row)}" if several else label_of(row) for row in rows]
    names += ["release variants"] if any(row.get("variant") not in (None, "paper") for row in others) else []
    names += ["other settings"] if any(row.get("setting") is not None for row in others) else []
    return [f"Not drawn: {', '.join(names)}."] if names else []


def first_seed(rows: Iterable[dict]) -> list[str]:
    """The sentence of the caption where rows have several seeds and a figure draws one of them."""
    several = max((row.get("seeds") or 1 for row in rows), default=1)
    return [f"Drawn is the first of {several} seeds."] if several > 1 else []


def p_axis(axes: "Axes", lowest: float, every: int = 1) -> None:
    """Make y a log axis of p-values from `lowest` (FLOOR or more) up to 1, with a line and a tick at ALPHA.

    every: how many powers of ten lie between two ticks.
    """
    decades = -math.log10(min(lowest, 1e-2))
    axes.set_yscale("log")
    axes.set_ylim(10 ** (-1.08 * decades), 10 ** (0.06 * decades))
    powers = range(0, math.floor(1.08 * decades) + 1, every)
    ticks = {10.0**-power: f"1e-{power}" if power > 3 else f"{10.0**-power:g}" for power in powers}
    axes.set_yticks([*ticks, ALPHA], [*ticks.values(), f"p = {ALPHA}"])
    axes.set_yticks([], minor=True)
    axes.axhline(ALPHA, color=FAINT, linewidth=0.9, linestyle=DASHED, zorder=1)


def house_style() -> AbstractContextManager:
    """matplotlib's defaults, seaborn's ticks and our sizes, whatever the user has set."""
    import matplotlib.style
    import seaborn

    return matplotlib.style.context(
        [
            "default",
            seaborn.axes_style("ticks"),
            {
                "font.family": "DejaVu Sans",
                "font.size": SMALL,
                "axes.titlesize": 9,
                "axes.titlelocation": "left",
                "axes.labelsize": 9,
                "xtick.labelsize": SMALL,
                "ytick.labelsize": SMALL,
                "legend.fontsize": SMALL,
                "legend.frameon": False,
                "axes.linewidth": 0.8,
                "xtick.major.width": 0.8,
                "ytick.major.width": 0.8,
                "ytick.minor.width": 0.5,
                "xtick.major.size": 3.5,
                "ytick.major.size": 3.5,
                "ytick.minor.size": 2,
                "text.color": INK,
                "axes.labelcolor": INK,
                "xtick.color": INK,
                "ytick.color": INK,
                "axes.edgecolor": INK,
                "pdf.fonttype": 42,
            },
        ]
    )


def new_figure(height: float) -> "Figure":
    """An empty figure of our width, `height` inches high. A notebook shows it as the last value of a cell."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """IPython asks for `_repr_png_`; without pyplot nothing else would show a Figure."""

        def _repr_png_(self) -> tuple[bytes, dict]:
            return _png(self), {"width": round(96 * self.get_figwidth())}

    return NotebookFigure(figsize=(WIDTH, height), layout="constrained")


def add_caption(figure: "Figure", caption: str, notes: Sequence[str] = ()) -> None:
    """Write the caption small below, our notes after it, and settle the layout: nothing moves afterwards.

    From the third line on the figure grows with the caption.
    """
    across = round(CHARACTERS_PER_INCH * WIDTH)
    lines = [line for text in (caption, " ".join(notes)) for line in textwrap.wrap(text, across)]
    figure.set_figheight(figure.get_figheight() + 1.2 * SMALL / 72 * max(0, len(lines) - 2))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=SMALL, color="#555555")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def save(figure: "Figure", folder: str | Path, name: str) -> list[Path]:
    """Write `name`.png and `name`.pdf, without date and version: the same figure gives the same bytes.

    Makes the folder, returns both paths. pyplot forgets the figure, if it knew it; it can still be shown.
    """
    from matplotlib import pyplot

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
    png.write_bytes(_png(figure))
    with house_style():
        figure.savefig(pdf, metadata={"Creator": None, "Producer": None, "CreationDate": None})
    pyplot.close(figure)
    return [png, pdf]


def _png(figure: "Figure") -> bytes:
    content = io.BytesIO()
    with house_style():
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()

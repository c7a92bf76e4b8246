"""The picture of a week: who climbed and fell, and how many tokens are on each band.

A program of its own, `python -m alerts.channels.discord_picture`: what it draws with takes memory
and holds the interpreter for long stretches, which is nobody else's to pay. It reads a digest's
`data` a line, and writes a PNG for each, its length in front, until its input ends; after a length
of zero comes a line that says what was wrong.
"""

import io
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle
from matplotlib.text import Text

from alerts.channels.discord_embeds import FOLDER_PREFIX, PICTURE_LENGTH, PICTURE_ROWS
from alerts.channels.wording import dates_of, shown, signed
from alerts.domain.digests import Digest, KindDigest, Line, read_digest
from alerts.domain.grades import Kind
from alerts.domain.payloads import TokenView

# A card of its own, for Discord's pages are dark or light as each reader likes.
CARD, TRACK, TEXT, MUTED, DARK = "#1f2333", "#3d4463", "#f4f5fa", "#b4bbd3", "#151826"
UP, DOWN = "#4fd1a1", "#ff8a73"
# From the lowest band to the highest; apart in lightness too, for those who see hues alike.
COLOURS: Final = ("#d9534f", "#f0a35e", "#d8d3c4", "#7fcfd6", "#2f9ec4")
NAMES: Final = {Kind.FUNDAMENTAL: "Fundamental", Kind.TRADER: "Trader"}
FONT: Final = "DejaVu Sans"

# All lengths are inches, 100 pixels each. Discord shows the picture at half its size, and one that
# is higher than it is wide much smaller than that.
DPI: Final = 100
WIDTH, MARGIN, GAP = 11.0, 0.4, 0.6
HEAD, TITLE, ROW, BAR, FOOT = 1.0, 0.75, 0.5, 0.56, 0.2
SYMBOL_WIDTH, DELTA_WIDTH, BAR_LABEL_WIDTH = 1.5, 0.95, 1.2
LARGE, MEDIUM, SMALL = 24, 19, 16
LONGEST_SYMBOL: Final = 8
BOX: Final = "□"
# Changes of each direction, where two kinds share the page, and where one has it alone.
ROWS_BESIDE, ROWS_ALONE = 3, PICTURE_ROWS
# From this part of a bar on, its share is written into it.
WRITTEN_SHARE: Final = 0.11


@dataclass(frozen=True, slots=True)
class _Column:
    """Half of the page. Places on it are inches from the left and from the top."""

    page: Axes
    left: float
    top: float
    width: float = (WIDTH - 2 * MARGIN - GAP) / 2

    @property
    def right(self) -> float:
        return self.left + self.width

    def write(self, x: float, y: float, text: str, **style: Any) -> Text:  # noqa: ANN401
        """A text, its middle at that height."""
        given: dict[str, Any] = {"size": MEDIUM, "color": TEXT, "va": "center"} | style
        return self.page.text(x, self.top + y, text, **given)

    def below(self, height: float) -> "_Column":
        return _Column(self.page, self.left, self.top + height)


def draw(digest: Digest) -> bytes:
    """A digest's picture as PNG; there are grades in it."""
    kinds = [kind for kind in digest.kinds if kind.tokens]
    is_alone = len(kinds) == 1
    rows = [_rows(kind, ROWS_ALONE if is_alone else ROWS_BESIDE) for kind in kinds]
    ladders = TITLE + ROW * max(1, *map(len, rows)) + 0.25
    shares = 2 * BAR + 1.1
    labels = ("last week", "this week") if digest.weeks == 1 else ("before", "now")
    with mpl.rc_context({"text.parse_math": False, "font.family": FONT}):
        body = max(ladders, TITLE + shares) if is_alone else ladders + shares
        figure = Figure(figsize=(WIDTH, HEAD + body + FOOT), dpi=DPI)
        page = _page(figure, HEAD + body + FOOT)
        left = _Column(page, MARGIN, HEAD)
        right = _Column(page, left.right + GAP, HEAD)
        title = f"Weekly grades · {dates_of(digest)}"
        page.text(MARGIN, 0.55, title, size=LARGE, weight="bold", color=TEXT, va="center")
        for column, kind, its in zip((left, right), kinds, rows, strict=False):
            _draw_ladder(column, kind, its)
            where = right.below(TITLE) if is_alone else column.below(ladders)
            _draw_shares(where, kind, labels)
        if is_alone:
            right.write(right.left, 0.2, "Tokens by band", weight="bold")
        written = io.BytesIO()
        figure.savefig(written, format="png", facecolor=CARD)
    return written.getvalue()


def main() -> None:
    """Draw what comes in until nothing more does."""
    folder = Path(os.environ.get("MPLCONFIGDIR", ""))
    try:
        for line in sys.stdin.buffer:
            sys.stdout.buffer.write(_answer(line))
            sys.stdout.buffer.flush()
    finally:
        # Who began us was killed, and does not clear it away.
        if folder.name.startswith(FOLDER_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)


def _answer(line: bytes) -> bytes:
    """A picture with its length in front, or why it cannot be drawn."""
    try:
        drawn, problem = draw(read_digest(json.loads(line))), b""
    except Exception as error:  # noqa: BLE001 - the edge of a process: the next may be well.
        drawn, problem = b"", f"{type(error).__name__}: {error}".replace("\n", " ").encode()
    return PICTURE_LENGTH.pack(len(drawn)) + (drawn or problem + b"\n")


def _page(figure: Figure, height: float) -> Axes:
    FigureCanvasAgg(figure)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_xlim(0, WIDTH)
    page.set_ylim(height, 0)
    page.axis("off")
    return page


def _rows(kind: KindDigest, most: int) -> Sequence[Line]:
    """The largest changes of each direction."""
    return [*kind.upgrades.lines[:most], *kind.downgrades.lines[:most]]


def _draw_ladder(column: _Column, kind: KindDigest, rows: Sequence[Line]) -> None:
    """A line for each change: from where to where on the bands, and by how much."""
    column.write(column.left, 0.2, NAMES[kind.kind], weight="bold")
    counts = (("▼", kind.downgrades, DOWN, 0.0), ("▲", kind.upgrades, UP, 1.3))
    for sign, section, colour, inset in counts:
        style = {"color": colour, "ha": "right", "weight": "bold"}
        column.write(column.right - inset, 0.2, f"{sign} {section.total:,}", **style)
    if not rows:
        column.write(column.left, TITLE + ROW / 2, "No change of band", color=MUTED)
    for place, line in enumerate(rows):
        colour = UP if line.notches > 0 else DOWN
        y = TITLE + ROW * (place + 0.5)
        called = column.write(column.left, y, _drawable(line.token), weight="bold")
        _fit(called, SYMBOL_WIDTH - 0.25)
        if line.before is not None and line.after is not None:
            ranks = (line.before.rank, line.after.rank)
            _draw_climb(column, y, ranks, bands=len(kind.bands), colour=colour)
            delta = signed(line.after.score - line.before.score)
            column.write(column.right, y, delta, color=colour, ha="right")


def _draw_climb(
    column: _Column, y: float, ranks: tuple[int, int], *, bands: int, colour: str
) -> None:
    """All bands as dots, the two that matter large, and the way between them."""
    first = column.left + SYMBOL_WIDTH
    step = (column.right - DELTA_WIDTH - 0.35 - first) / max(1, bands - 1)
    for rank, dot in enumerate(_colours(bands), start=1):
        radius, alpha, order = (0.12, 1.0, 3) if rank in ranks else (0.06, 0.45, 0)
        place = (first + (rank - 1) * step, column.top + y)
        column.page.add_artist(Circle(place, radius, color=dot, alpha=alpha, zorder=order))
    ends = [(first + (rank - 1) * step, column.top + y) for rank in ranks]
    # The arrow begins and ends at the rims of its dots; 72 of its units are an inch.
    arrow = FancyArrowPatch(
        *ends, arrowstyle="-|>", mutation_scale=22, linewidth=4, color=colour, shrinkA=9, shrinkB=9
    )
    column.page.add_artist(arrow)


def _draw_shares(column: _Column, kind: KindDigest, labels: tuple[str, str]) -> None:
    """How the tokens are spread over the bands: a bar for a week ago, and one for now."""
    colours = _colours(len(kind.bands))
    for place, counts in enumerate((kind.shares_before, kind.shares_after)):
        y = BAR * (place + 0.5)
        column.write(column.left, y, labels[place], color=MUTED, size=SMALL)
        left, total = column.left + BAR_LABEL_WIDTH, sum(counts)
        if not total:
            column.write(left, y, "not known", color=MUTED, size=SMALL)
            continue
        whole = column.right - left
        for colour, count in zip(colours, counts, strict=True):
            share = count / total
            bar = Rectangle((left, column.top + y - 0.2), whole * share, 0.4, color=colour)
            column.page.add_artist(bar)
            if share >= WRITTEN_SHARE:
                style = {"color": DARK, "size": SMALL, "ha": "center"}
                column.write(left + whole * share / 2, y, f"{share:.0%}", **style)
            left += whole * share
    _draw_legend(column.below(2 * BAR), kind.bands)


def _draw_legend(column: _Column, bands: Sequence[str]) -> None:
    x, y = column.left, 0.3
    for colour, band in zip(_colours(len(bands)), bands, strict=True):
        taken = 0.28 + 0.125 * len(band) + 0.2
        if x + taken - 0.2 > column.right:
            x, y = column.left, y + 0.42
        column.page.add_artist(Circle((x + 0.08, column.top + y), 0.08, color=colour))
        column.write(x + 0.26, y, band, size=SMALL, color=MUTED)
        x += taken


def _colours(count: int) -> Sequence[str]:
    """A colour for each band, the lowest first; a ladder of others than five repeats some."""
    if count == 1:
        return COLOURS[:1]
    return [COLOURS[round(place * (len(COLOURS) - 1) / (count - 1))] for place in range(count)]


def _fit(text: Text, width: float) -> None:
    """Make a text of medium size smaller if it takes more than so many inches."""
    taken = text.get_window_extent().width / DPI
    if taken > width:
        text.set_fontsize(MEDIUM * width / taken)


def _drawable(token: TokenView) -> str:
    """A symbol, or else a name, as the font has it; where it has neither, boxes stand for signs."""
    known = get_font(findfont(FontProperties(family=FONT)))
    drawn = [
        "".join(
            c if known.get_char_index(ord(c)) else BOX for c in shown(text, most=LONGEST_SYMBOL)
        )
        for text in (token.symbol, token.name or token.symbol)
    ]
    return next((text for text in drawn if BOX not in text), drawn[0])


if __name__ == "__main__":
    main()

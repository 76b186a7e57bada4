"""Charts as SVG that reads in light and dark: bars for one condition, lines on two logarithmic axes for several.

A chart is drawn from numbers and names alone; nothing here knows what they mean. Colours are chosen so that they
differ in lightness too, and every line and bar is labelled where it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH = 760
LEFT, RIGHT, TOP = 66, 250, 62
PLOT_HEIGHT = 300
ROW = 34
LABEL_GAP = 16
STYLE = """
svg{background:#fff}
text{font:13px system-ui,sans-serif;fill:#1d2329}.title{font-size:16px;font-weight:600}.soft{fill:#5b6570}
.grid{stroke:#dfe3e8;stroke-width:1}.whisker{stroke:#1d2329;stroke-width:1.5}
path{fill:none;stroke-width:2.25}
.ours{--c:#0b6bcb}.ours_log{--c:#5aa3ea}.node{--c:#2f8a3c}.node_streams{--c:#7cbf6b}.node_sync{--c:#7cbf6b}
.stock{--c:#b4540a}.stock_uvloop{--c:#e09a4f}.stock_redis{--c:#e09a4f}.floor{--c:#8a929b}
path,circle.dot{stroke:var(--c)}rect.bar,circle.dot{fill:var(--c)}path{fill:none}
@media(prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e6e9ec}.soft{fill:#9aa4ae}
.grid{stroke:#2c343c}.whisker{stroke:#e6e9ec}
.ours{--c:#5aa9ff}.ours_log{--c:#2f74bd}.node{--c:#5fc06d}.node_streams{--c:#3d7f47}.node_sync{--c:#3d7f47}
.stock{--c:#f08a3c}.stock_uvloop{--c:#a8662a}.stock_redis{--c:#a8662a}.floor{--c:#98a1aa}}
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A value and the quartiles around it. x: the condition."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Series:
    """One peer's points. name: its class in the style sheet. label: what people read."""

    name: str
    label: str
    points: Sequence[Point]


def bars(title: str, unit: str, series: Sequence[Series], digits: int) -> str:
    """Draw one bar for each series, with a whisker from quartile to quartile."""
    left, width = 240, WIDTH - 240 - 90
    most = max(one.points[0].high for one in series)
    height = TOP + ROW * len(series) + 14
    parts = []
    for row, one in enumerate(series):
        point, y = one.points[0], TOP + ROW * row
        x, low, high = (left + value / most * width for value in (point.y, point.low, point.high))
        parts += [
            f'<text x="{left - 10}" y="{y + 16}" text-anchor="end">{escape(one.label)}</text>',
            f'<rect class="bar" x="{left}" y="{y}" width="{x - left:.1f}" height="22" rx="2"/>',
            f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 11}" y2="{y + 11}"/>',
            f'<text x="{max(x, high) + 8:.1f}" y="{y + 16}">{point.y:.{digits}f}</text>',
        ]
        parts[-4:] = [f'<g class="{one.name}">', *parts[-4:], "</g>"]
    return _page(title, unit, height, parts)


def lines(title: str, unit: str, condition: str, series: Sequence[Series]) -> str:
    """Draw one line for each series; both axes are logarithmic."""
    points = [point for one in series for point in one.points]
    across = _Axis(min(p.x for p in points), max(p.x for p in points), LEFT, WIDTH - RIGHT)
    up = _Axis(min(p.low for p in points), max(p.high for p in points), TOP + PLOT_HEIGHT, TOP)
    parts = [*_grid(across, up, sorted({point.x for point in points})), *_lines(series, across, up)]
    middle, below = (LEFT + WIDTH - RIGHT) / 2, TOP + PLOT_HEIGHT + 42
    parts.append(f'<text class="soft" x="{middle:.0f}" y="{below}" text-anchor="middle">{escape(condition)}</text>')
    return _page(title, unit, TOP + PLOT_HEIGHT + 58, parts)


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis: values from low to high lie between two coordinates."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        if self.low == self.high:
            return (self.start + self.end) / 2
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values inside of the axis, at most about ten."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1,)):
            found = [step * 10.0**decade for decade in decades for step in steps]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) <= 9:
                return found
        return found


def _grid(across: _Axis, up: _Axis, conditions: Sequence[float]) -> list[str]:
    parts = []
    for value in up.ticks():
        y = up.at(value)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text class="soft" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>',
        ]
    for value in conditions:
        x, y = across.at(value), TOP + PLOT_HEIGHT + 22
        parts.append(f'<text class="soft" x="{x:.1f}" y="{y}" text-anchor="middle">{_number(value)}</text>')
    return parts


def _lines(series: Sequence[Series], across: _Axis, up: _Axis) -> list[str]:
    parts, labels = [], _spread_out([up.at(one.points[-1].y) for one in series])
    for one, label_y in zip(series, labels, strict=True):
        at = [(across.at(point.x), up.at(point.y)) for point in one.points]
        path = "L".join(f"{x:.1f},{y:.1f}" for x, y in at)
        dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in at)
        x, y = at[-1]
        lead = f'<path class="lead" d="M{x + 5:.1f},{y:.1f}L{WIDTH - RIGHT + 18},{label_y:.1f}" stroke-opacity="0.35"/>'
        text = f'<text x="{WIDTH - RIGHT + 22}" y="{label_y + 4:.1f}">{escape(one.label)}</text>'
        parts.append(f'<g class="{one.name}"><path d="M{path}"/>{dots}{lead}{text}</g>')
    return parts


def _spread_out(wanted: Sequence[float]) -> list[float]:
    """Move labels apart that would cover each other; the order stays."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = list(wanted)
    for before, index in pairwise(order):
        placed[index] = max(placed[index], placed[before] + LABEL_GAP)
    over = max(placed, default=0) - (TOP + PLOT_HEIGHT)
    if over > 0:
        placed[order[-1]] -= over
        for after, index in pairwise(reversed(order)):
            placed[index] = min(placed[index], placed[after] - LABEL_GAP)
    return placed


def _number(value: float) -> str:
    if value >= 1000 and value % 1000 == 0:
        return f"{value / 1000:g} k"
    return f"{value:g}"


def _page(title: str, unit: str, height: float, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="16" y="26">{escape(title)}</text>',
            f'<text class="soft" x="16" y="46">{escape(unit)}</text>',
            *parts,
            "</svg>\n",
        ]
    )

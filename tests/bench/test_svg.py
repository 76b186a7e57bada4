from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.svg import LABEL_GAP, PLOT_HEIGHT, TOP, Point, Series, _Axis, _spread_out, bars, lines

SPACE = "{http://www.w3.org/2000/svg}"


def series(name: str, *values: float) -> Series:
    points = [Point(float(x), y, y * 0.9, y * 1.1) for x, y in zip((1, 10, 100), values, strict=False)]
    return Series(name, f"<{name}> & co", points)


def test_bars_are_as_long_as_their_values() -> None:
    page = ET.fromstring(bars("t", "µs", [series("ours", 5.0), series("node", 10.0)], 1))
    short, long = (float(bar.attrib["width"]) for bar in page.iter(SPACE + "rect"))

    assert abs(long - 2 * short) < 0.2


def test_names_are_shown_as_they_are() -> None:
    page = ET.fromstring(lines("a < b", "µs", "members", [series("ours", 1.0, 2.0, 4.0)]))

    assert {"a < b", "<ours> & co"} <= {text.text for text in page.iter(SPACE + "text")}


def test_more_is_higher_and_further_right() -> None:
    page = ET.fromstring(lines("t", "µs", "members", [series("ours", 1.0, 2.0, 400.0)]))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in page.iter(SPACE + "circle")]

    assert all(x < next_x and y > next_y for (x, y), (next_x, next_y) in pairwise(dots))


def test_equal_factors_are_equally_far_apart() -> None:
    axis = _Axis(1, 100, 0, 200)

    assert (axis.at(1), axis.at(10), axis.at(100)) == (0, 100, 200)


@given(st.lists(st.floats(TOP, TOP + PLOT_HEIGHT), min_size=1, max_size=8))
def test_labels_never_cover_each_other(wanted: list[float]) -> None:
    placed = sorted(_spread_out(wanted))

    assert all(below - above >= LABEL_GAP - 1e-6 for above, below in pairwise(placed))
    assert placed[-1] <= TOP + PLOT_HEIGHT + 1e-6

"""Names beside points, so that no reader has to match markers with a legend.
Every label tries places around its point, near ones first, and keeps the cheapest: clear of other labels, of
markers and of the axes' edge. Lengths are points (1/72 inch); no chance is involved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

Box = tuple[float, float, float, float]  # left, bottom, right, top
Point = tuple[float, float]

DIRECTIONS = [2 * math.pi * step / 48 for step in range(48)]
DISTANCES = (7, 12, 18, 26, 36, 48, 62, 78, 95)
LEADER_FROM = 12  # a label at least this far away is tied to its point by a line
MARKER = 4.5  # half the width of a marker
SWEEPS = 100  # rounds at most, until nothing moves
TRIED = 80  # places of a label that are compared with those of the others


@dataclass(frozen=True)
class Spot:
    """One place for one label: what it costs by itself, its box, the line to its point where that is far."""

    cost: float
    box: Box
    leader: tuple[Point, Point] | None


def places_of(axes: "Axes", points: Sequence[Point]) -> list[Point]:
    """Where data coordinates lie, in points from the figure's lower left corner. The layout must be final."""
    per_point = axes.get_figure().dpi / 72
    return [(x / per_point, y / per_point) for x, y in axes.transData.transform(points)]


def side_by_side(axes: "Axes", places: Sequence[Point], gap: float = 2 * MARKER) -> list[float]:
    """How far each marker has to move sideways so that no two are nearer than `gap`; 0 for most.

    Their order stays, and all stay between the edges of the axes.
    """
    edges = (place[0] for place in places_of(axes, [(x, axes.get_ylim()[0]) for x in axes.get_xlim()]))
    first, last = sorted(edges)
    order = sorted(range(len(places)), key=lambda index: places[index][0])
    x = [place[0] for place in places]
    for _ in range(SWEEPS):
        for left, right in combinations(order, 2):
            height = abs(places[left][1] - places[right][1])
            if height >= gap:
                continue
            lack = math.sqrt(gap**2 - height**2) - (x[right] - x[left])
            if lack > 0:
                x[left] -= lack / 2
                x[right] += lack / 2
        x = [min(max(position, first), last) for position in x]
    return [round(moved - place[0], 2) for moved, place in zip(x, places, strict=True)]


def moved(axes: "Axes", right: float, down: float = 0) -> "Transform":
    """The transform of a marker that stands so many points to the right of its data and below it."""
    from matplotlib.transforms import ScaledTranslation

    return axes.transData + ScaledTranslation(right / 72, -down / 72, axes.get_figure().dpi_scale_trans)


def write_labels(
    axes: "Axes", places: Sequence[Point], texts: Sequence[tuple[str, str]], obstacles: Sequence[Box]
) -> None:
    """Write each text, given with its colour, beside its place, without overlap as far as there is room.

    obstacles: boxes that no text should cover, beside the markers. Lengths as from `places_of`.
    """
    per_point = axes.get_figure().dpi / 72
    left, bottom, right, top = (value / per_point for value in axes.get_window_extent().extents)
    frame = (left + 2, bottom + 2, right, top)
    spots = [_spots(index, places, _size(axes, text), obstacles, frame) for index, (text, _) in enumerate(texts)]
    for (text, colour), spot in zip(texts, _choose(places, spots), strict=True):
        _write(axes, text, colour, spot)


def _spots(
    index: int, places: Sequence[Point], size: tuple[float, float], obstacles: Sequence[Box], frame: Box
) -> list[Spot]:
    """The best places for one label as if it were the only one, best first."""
    place = places[index]
    rest = [other for at, other in enumerate(places) if at != index]
    own, *markers = (_around(other, (2 * MARKER, 2 * MARKER)) for other in (place, *rest))
    spots = []
    for distance in DISTANCES:
        for angle in DIRECTIONS:
            box = _around(_beside(place, size, angle, distance), size)
            leader = (place, _nearest(place, box)) if distance >= LEADER_FROM else None
            cost = distance + (0 if box[0] >= place[0] else 2) + 40 * _outside(box, frame)
            cost += sum(40 + area for other in (own, *markers, *obstacles) if (area := _overlap(box, other)))
            nearer = sum(_away(other, box) < _away(place, box) + 1 for other in rest)
            cost += nearer * (8 if leader else 25)
            if leader:
                cost += 40 * sum(_crosses(leader, marker) for marker in markers)
            spots.append(Spot(cost, box, leader))
    return sorted(spots, key=lambda spot: spot.cost)[:TRIED]


def _choose(places: Sequence[Point], spots: Sequence[list[Spot]]) -> list[Spot]:
    """One spot per label, each in turn until none moves; of four orders the one with the cheapest outcome."""
    crowd = [sum(min(math.dist(place, other), 60) for other in places) for place in places]
    orders = [sorted(range(len(places)), key=key) for key in (crowd.__getitem__, lambda i: places[i])]
    outcomes = []
    for order in [order[::step] for order in orders for step in (1, -1)]:
        chosen: dict[int, Spot] = {}
        for _ in range(SWEEPS):
            before = dict(chosen)
            for index in order:
                others = [spot for other, spot in chosen.items() if other != index]
                chosen[index] = min(spots[index], key=lambda spot: _cost(spot, others))
            if chosen == before:
                break
        outcomes.append([chosen[index] for index in range(len(places))])
    return min(outcomes, key=_total)


def _cost(spot: Spot, others: Sequence[Spot]) -> float:
    return spot.cost + sum(_clash(spot, other) for other in others)


def _total(spots: Sequence[Spot]) -> float:
    return sum(spot.cost for spot in spots) + sum(_clash(*pair) for pair in combinations(spots, 2))


def _clash(one: Spot, other: Spot) -> float:
    """Cost of two labels together: text on text, line through text."""
    area = _overlap(one.box, other.box)
    lines = (
        (one.leader and _crosses(one.leader, other.box)),
        (other.leader and _crosses(other.leader, one.box)),
    )
    return (60 + area if area else 0) + 25 * sum(map(bool, lines))


def _write(axes: "Axes", text: str, colour: str, spot: Spot) -> None:
    """Positions are shares of the figure: they hold when it is drawn finer or cut."""
    figure = axes.get_figure()
    axes.text(
        *_share(figure, _middle(spot.box)), text, transform=figure.transFigure, ha="center", va="center",
        color=colour, zorder=3, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6},
    )  # fmt: skip
    if spot.leader:
        x, y = zip(*(_share(figure, end) for end in spot.leader), strict=True)
        axes.plot(x, y, transform=figure.transFigure, color="#A0A0A0", linewidth=0.7, zorder=2)


def _share(figure: "Figure", place: Point) -> Point:
    width, height = figure.get_size_inches()
    return place[0] / (72 * width), place[1] / (72 * height)


def _size(axes: "Axes", text: str) -> tuple[float, float]:
    """Width and height of a text, with a little air."""
    written = axes.text(0, 0, text)
    extent = written.get_window_extent()
    written.remove()
    per_point = axes.get_figure().dpi / 72
    return extent.width / per_point + 3, extent.height / per_point + 1


def _beside(place: Point, size: tuple[float, float], angle: float, distance: float) -> Point:
    """Middle of a box that lies `distance` off the place in the direction of `angle`."""
    x, y = math.cos(angle), math.sin(angle)
    return place[0] + x * (distance + size[0] / 2), place[1] + y * (distance + size[1] / 2)


def _around(middle: Point, size: tuple[float, float]) -> Box:
    (x, y), (width, height) = middle, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _nearest(place: Point, box: Box) -> Point:
    """The point of the box that is nearest to the place."""
    return min(max(place[0], box[0]), box[2]), min(max(place[1], box[1]), box[3])


def _away(place: Point, box: Box) -> float:
    """How far a reader finds a label from a marker: to its nearest edge, and a little to its middle."""
    return math.dist(place, _nearest(place, box)) + 0.15 * abs(place[0] - _middle(box)[0])


def _overlap(one: Box, other: Box) -> float:
    """Area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Box, frame: Box) -> float:
    """How far the box sticks out of the frame."""
    return max(0, frame[0] - box[0], frame[1] - box[1], box[2] - frame[2], box[3] - frame[3])


def _crosses(line: tuple[Point, Point], box: Box) -> bool:
    """Whether the line passes through the box, looked at in 13 places."""
    (x0, y0), (x1, y1) = line
    if max(x0, x1) <= box[0] or min(x0, x1) >= box[2] or max(y0, y1) <= box[1] or min(y0, y1) >= box[3]:
        return False
    shares = [step / 12 for step in range(13)]
    return any(box[0] < x0 + s * (x1 - x0) < box[2] and box[1] < y0 + s * (y1 - y0) < box[3] for s in shares)

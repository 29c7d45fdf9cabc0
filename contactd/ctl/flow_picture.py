"""A flow as a picture: its nodes in layers from the top, its ways as lines; with figures, warm where callers leave.

Layers by the longest way, dummies where a way passes a layer, an order by the middle of the neighbours, and places that
are pulled towards them: Sugiyama, Tagawa and Toda 1981, in its plainest form. SVG is written by hand: it is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from statistics import fmean
from textwrap import wrap

from contactd.core.ivr.figures import FlowFigures
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.words import in_order, leads, ways, what

_WIDTH, _LINE, _PAD = 216.0, 16.0, 9.0
_GAP_X, _GAP_Y, _MARGIN = 40.0, 76.0, 26.0
_DUMMY = 14.0
"""Room for a line that passes a layer."""
_LETTERS = 31
"""So many of a line fit into a box."""
_MOST_LINES = 6
_LABEL = 26
_FILLS = {"queue": "#e3f1e3", "hang_up": "#ececec", "return": "#ececec", "branch": "#fdf6df", "menu": "#e6eefb"}
_PLAIN = "#ffffff"
Point = tuple[float, float]


@dataclass(slots=True)
class _Spot:
    """A node, or a dummy (no lines) by which a line passes."""

    name: str
    lines: list[str]
    x: float = 0.0
    y: float = 0.0
    height: float = 0.0
    """A dummy's is its layer's: lines pass boxes straight."""

    @property
    def width(self) -> float:
        return _WIDTH if self.lines else _DUMMY


@dataclass(slots=True)
class _Way:
    """via: from the upper end to the lower one. up: it leads from the lower to the upper."""

    begins: str
    ends: str
    labels: list[str]
    via: list[str] = field(default_factory=list)
    up: bool = False
    top: float = 0.0
    bottom: float = 0.0
    """Where it touches the upper box, and the lower one: so far from the middle."""
    label_at: float = 0.5
    """So far along its first piece."""


def picture(flow: Flow, figures: FlowFigures | None = None, title: str = "") -> str:
    """The whole SVG file."""
    spots: dict[str, _Spot] = {}
    for name in in_order(flow):
        lines = _lines(flow, name, figures)
        spots[name] = _Spot(name, lines, height=2 * _PAD + _LINE * len(lines))
    drawn = _ways(flow, figures)
    layers = _layers(flow, drawn, spots)
    _order(layers, drawn)
    _place(layers, drawn, spots)
    _touch(drawn, spots)
    return "\n".join(_svg(flow, figures, title or f"The flow {flow.id}", spots, drawn)) + "\n"


# --- what stands in it ----------------------------------------------------------------------------------------------


def _lines(flow: Flow, name: str, figures: FlowFigures | None) -> list[str]:
    node = flow.nodes[name]
    kind = str(node.__struct_config__.tag)
    lines = [name, kind.replace("_", " "), *_wrapped(what(flow, name))]
    if figures is not None:
        one = figures.at(name)
        left = f", {one.left} left ({one.left / one.came:.0%})" if one.left else ""
        lines.append(f"{one.came} came{left}")
    return lines


def _wrapped(told: list[str]) -> list[str]:
    """As many lines as a box has, each sentence whole if it fits."""
    lines = [part for line in told for part in wrap(line, _LETTERS)]
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "…"]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _ways(flow: Flow, figures: FlowFigures | None) -> list[_Way]:
    """One for each pair of nodes, with all that leads that way."""
    found: dict[tuple[str, str], _Way] = {}
    for name in in_order(flow):
        for when, to in ways(flow.nodes[name]):
            if to in flow.nodes:
                way = found.setdefault((name, to), _Way(name, to, []))
                way.labels += [_short(when, _LABEL)] if when else []
    for pair, way in found.items():
        keys = [label for label in way.labels if len(label) == 1]
        way.labels = [*([", ".join(keys)] if keys else []), *(one for one in way.labels if len(one) > 1)]
        if figures is not None and figures.ways[pair]:
            way.labels.append(f"{figures.ways[pair]} callers" if figures.ways[pair] != 1 else "1 caller")
    return list(found.values())


# --- where it stands ------------------------------------------------------------------------------------------------


def _layers(flow: Flow, drawn: list[_Way], spots: dict[str, _Spot]) -> list[list[str]]:
    """Each node below all that lead to it, but for the ways that close a circle: these lead up."""
    _turn(flow, drawn)
    upper: dict[str, list[str]] = {name: [] for name in spots}
    for way in drawn:
        if way.begins != way.ends:
            begins, ends = (way.ends, way.begins) if way.up else (way.begins, way.ends)
            upper[ends].append(begins)
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        # Not by recursion: a flow may be a thousand nodes long.
        todo = [name]
        while todo:
            one = todo[-1]
            missing = [other for other in upper[one] if other not in depth]
            if missing:
                todo += missing
            else:
                depth[one] = max((depth[other] + 1 for other in upper[one]), default=0)
                todo.pop()
        return depth[name]

    layers: list[list[str]] = [[] for _ in range(max(map(deep, spots), default=0) + 1)]
    for name in list(spots):
        layers[depth[name]].append(name)
    for number, way in enumerate(drawn):
        top, bottom = sorted((way.begins, way.ends), key=depth.__getitem__)
        way.via = [top]
        for layer in range(depth[top] + 1, depth[bottom]):
            dummy = f"{number} {layer}"
            spots[dummy] = _Spot(dummy, [])
            layers[layer].append(dummy)
            way.via.append(dummy)
        way.via.append(bottom)
    return layers


def _turn(flow: Flow, drawn: list[_Way]) -> None:
    """A way to a node that one is still inside of leads up."""
    state: dict[str, str] = {}
    back: set[tuple[str, str]] = set()
    for start in in_order(flow):
        todo = [(start, iter(leads(flow, start)))] if start not in state else []
        state.setdefault(start, "inside")
        while todo:
            name, others = todo[-1]
            other = next(others, None)
            if other is None:
                state[name] = "done"
                todo.pop()
            elif other not in state:
                state[other] = "inside"
                todo.append((other, iter(leads(flow, other))))
            elif state[other] == "inside":
                back.add((name, other))
    for way in drawn:
        way.up = (way.begins, way.ends) in back


def _neighbours(drawn: Iterable[_Way]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for way in drawn:
        for one, other in pairwise(way.via):
            below.setdefault(one, []).append(other)
            above.setdefault(other, []).append(one)
    return above, below


def _order(layers: list[list[str]], drawn: list[_Way]) -> None:
    """The order with the fewest crossings that a few sweeps find."""
    above, below = _neighbours(drawn)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, below)
    for sweep in range(12):
        down = sweep % 2 == 0
        near = above if down else below
        place = {name: index for layer in layers for index, name in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            key = {
                name: fmean(place[one] for one in near[name]) if near.get(name) else float(place[name])
                for name in layer
            }
            layer.sort(key=key.__getitem__)
            place.update({name: index for index, name in enumerate(layer)})
        crossed = _crossings(layers, below)
        if crossed < fewest:
            best, fewest = [list(layer) for layer in layers], crossed
    for layer, kept in zip(layers, best, strict=True):
        layer[:] = kept


def _crossings(layers: list[list[str]], below: Mapping[str, list[str]]) -> int:
    count = 0
    for upper, lower in pairwise(layers):
        place = {name: index for index, name in enumerate(lower)}
        ends = [sorted(place[one] for one in below.get(name, ()) if one in place) for name in upper]
        flat = [end for group in ends for end in group]
        count += sum(one > other for n, one in enumerate(flat) for other in flat[n + 1 :])
    return count


def _place(layers: list[list[str]], drawn: list[_Way], spots: Mapping[str, _Spot]) -> None:
    above, below = _neighbours(drawn)
    y = _MARGIN
    for layer in layers:
        tall = max((spots[name].height for name in layer), default=0.0)
        for name in layer:
            spots[name].y = y + tall / 2
            spots[name].height = spots[name].height or tall
        y += tall + _GAP_Y
        _apart(layer, spots, [0.0] * len(layer))
    for sweep in range(24):
        near = above if sweep % 2 == 0 else below
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [fmean(spots[one].x for one in near[name]) if near.get(name) else spots[name].x for name in layer]
            _apart(layer, spots, wanted)
    least = min((spot.x - spot.width / 2 for spot in spots.values()), default=0.0)
    for spot in spots.values():
        spot.x += _MARGIN - least


def _touch(drawn: list[_Way], spots: Mapping[str, _Spot]) -> None:
    """The lines of a box side by side, in the order in which they go on."""
    for name, spot in spots.items():
        down = sorted((way for way in drawn if _falls(way, name, 0)), key=lambda way: spots[way.via[1]].x)
        for n, way in enumerate(down):
            way.top = ((n + 1) / (len(down) + 1) - 0.5) * spot.width
            # Neighbours' labels stand at two heights.
            way.label_at = 0.33 + 0.34 * (n % 2) if len(down) > 1 else 0.5
        up = sorted((way for way in drawn if _falls(way, name, -1)), key=lambda way: spots[way.via[-2]].x)
        for n, way in enumerate(up):
            way.bottom = ((n + 1) / (len(up) + 1) - 0.5) * spot.width


def _falls(way: _Way, name: str, end: int) -> bool:
    return way.via[end] == name and way.begins != way.ends


def _apart(layer: list[str], spots: Mapping[str, _Spot], wanted: list[float]) -> None:
    """As near to what is wanted as the neighbours let: those who would overlap stand round their common middle."""
    groups: list[tuple[list[int], float]] = []
    offset = [0.0] * len(layer)
    for n, name in enumerate(layer):
        if n:
            before = spots[layer[n - 1]]
            offset[n] = offset[n - 1] + (before.width + spots[name].width) / 2 + _GAP_X
        groups.append(([n], wanted[n] - offset[n]))
        while len(groups) > 1 and groups[-2][1] > groups[-1][1]:
            (late, at), (early, other) = groups.pop(), groups.pop()
            both = early + late
            groups.append((both, (at * len(late) + other * len(early)) / len(both)))
    for members, shift in groups:
        for n in members:
            spots[layer[n]].x = shift + offset[n]


# --- how it is drawn ------------------------------------------------------------------------------------------------


def _svg(
    flow: Flow, figures: FlowFigures | None, title: str, spots: Mapping[str, _Spot], drawn: list[_Way]
) -> Iterator[str]:
    loops = 60.0 if any(way.begins == way.ends for way in drawn) else 0.0
    width = max((spot.x + spot.width / 2 for spot in spots.values()), default=0.0) + _MARGIN + loops
    height = max((spot.y + spot.height / 2 for spot in spots.values()), default=0.0) + _MARGIN + 24
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 -24 {width:.0f}'
        f' {height:.0f}" font-family="sans-serif" font-size="12">'
    )
    yield f"<title>{escape(title)}</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="10"'
        ' markerHeight="10" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#356"/></marker></defs>'
    )
    yield f'<rect y="-24" width="{width:.0f}" height="{height:.0f}" fill="#fff"/>'
    yield f'<text x="{_MARGIN:.0f}" y="-4" font-size="14" font-weight="bold">{escape(title)}</text>'
    most = max(figures.ways.values(), default=0) if figures is not None else 0
    for way in drawn:
        yield f"<!-- {way.begins} to {way.ends} -->"
        share = figures.ways[way.begins, way.ends] / most if figures is not None and most else 0.0
        yield _line(way, spots, 1.2 + 4 * share)
    for way in drawn:
        yield from _label(way, spots)
    for name in flow.nodes:
        yield from _box(flow, spots[name], figures)
    yield "</svg>"


def _line(way: _Way, spots: Mapping[str, _Spot], stroke: float) -> str:
    points = _points(way, spots)
    if way.begins == way.ends:
        (x, y) = points[0]
        path = f"M{x:.1f},{y - 12:.1f} c46,-14 46,38 0,24"
    else:
        path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (from_x, from_y), (to_x, to_y) in pairwise(points):
            bend = (to_y - from_y) / 2
            path += f" C{from_x:.1f},{from_y + bend:.1f} {to_x:.1f},{to_y - bend:.1f} {to_x:.1f},{to_y:.1f}"
    dashes = ' stroke-dasharray="6 4"' if way.up else ""
    return f'<path d="{path}" fill="none" stroke="#356" stroke-width="{stroke:.1f}"{dashes} marker-end="url(#tip)"/>'


def _points(way: _Way, spots: Mapping[str, _Spot]) -> list[Point]:
    """As it is walked: from the box where it begins to the one where it ends."""
    if way.begins == way.ends:
        spot = spots[way.begins]
        return [(spot.x + spot.width / 2, spot.y)]
    top, bottom = spots[way.via[0]], spots[way.via[-1]]
    points = [(top.x + way.top, top.y + top.height / 2)]
    for name in way.via[1:-1]:
        spot = spots[name]
        points += [(spot.x, spot.y - spot.height / 2), (spot.x, spot.y + spot.height / 2)]
    points.append((bottom.x + way.bottom, bottom.y - bottom.height / 2))
    return points[::-1] if way.up else points


def _label(way: _Way, spots: Mapping[str, _Spot]) -> Iterator[str]:
    if not way.labels:
        return
    points = _points(way, spots)
    if way.begins == way.ends:
        x, y = points[0][0] + 40, points[0][1] - 14
    else:
        (from_x, from_y), (to_x, to_y) = points[0], points[1]
        share = way.label_at if not way.up else 0.2
        # Of a curve that leaves upright and arrives upright: its own x at that height.
        eased = share * share * (3 - 2 * share)
        x, y = from_x + (to_x - from_x) * eased, from_y + (to_y - from_y) * share
    y -= 13 * (len(way.labels) - 1) / 2
    for n, text in enumerate(way.labels):
        yield (
            f'<text x="{x:.1f}" y="{y + 13 * n + 4:.1f}" text-anchor="middle" fill="#124" stroke="#fff"'
            f' stroke-width="4" paint-order="stroke">{escape(text)}</text>'
        )


def _box(flow: Flow, spot: _Spot, figures: FlowFigures | None) -> Iterator[str]:
    kind = str(flow.nodes[spot.name].__struct_config__.tag)
    fill = _FILLS.get(kind, _PLAIN) if figures is None else _heat(figures, spot.name)
    left, top = spot.x - spot.width / 2, spot.y - spot.height / 2
    round_ = spot.height / 2 if kind in ("queue", "hang_up", "return") else 5
    stroke = 2.6 if spot.name == flow.start else 1.2
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{spot.width:.0f}" height="{spot.height:.0f}" rx="{round_:.0f}"'
        f' fill="{fill}" stroke="#356" stroke-width="{stroke}"/>'
    )
    for n, text in enumerate(spot.lines):
        y = top + _PAD + _LINE * n + 12
        style = (' font-weight="bold"', ' fill="#567" font-style="italic"')[n] if n < 2 else ""
        yield f'<text x="{spot.x:.1f}" y="{y:.1f}" text-anchor="middle"{style}>{escape(text)}</text>'


def _heat(figures: FlowFigures, name: str) -> str:
    """White where nobody leaves, red where a third and more of those who came did."""
    one = figures.at(name)
    warm = min(1.0, 3 * one.left / one.came) if one.came else 0.0
    return f"#{255 - round(10 * warm):02x}{255 - round(150 * warm):02x}{255 - round(165 * warm):02x}"

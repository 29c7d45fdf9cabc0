"""docs/states-*.svg, drawn from the tables of states: ``make docs`` writes them (python -m tests.core.pictures); a test
looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from math import cos, hypot, pi, sin
from pathlib import Path
from typing import Any

from contactd.core.agent import TRANSITIONS as OF_AGENTS
from contactd.core.contact import TRANSITIONS as OF_CONTACTS

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLES: dict[str, tuple[str, Mapping[Any, frozenset[Any]]]] = {
    "states-contact.svg": ("The states of a contact", OF_CONTACTS),
    "states-agent.svg": ("The states of an agent", OF_AGENTS),
}
_WIDTH, _HEIGHT = 860, 600
_BOX = (112, 38)
_BOW = 26.0
"""How far an arrow bends, so that the one back does not lie on it."""
Point = tuple[float, float]


def picture(title: str, table: Mapping[Any, frozenset[Any]]) -> str:
    """Each state a box, each line of the table an arrow. A last state to which all others lead is named below."""
    last = [
        state for state in table if not table[state] and all(state in table[other] for other in table if table[other])
    ]
    drawn = [state for state in table if state not in last]
    return "\n".join(_lines(title, table, drawn, last)) + "\n"


def _lines(title: str, table: Mapping[Any, frozenset[Any]], drawn: list[Any], last: list[Any]) -> Iterator[str]:
    places = _places(drawn)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="15">'
    )
    yield f"<title>{title}</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L10,5 L0,10 z" fill="#356"/></marker></defs>'
    )
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    for state in drawn:
        for other in drawn:
            if other in table[state]:
                yield f"<!-- {state} to {other} -->"
                yield _arrow(places[state], places[other])
    for state in drawn:
        yield from _box(state, places[state])
    for state in last:
        yield f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 18}" text-anchor="middle">every state may go to {state}</text>'
    yield "</svg>"


def _places(states: list[Any]) -> dict[Any, Point]:
    """Round an ellipse, the first at the left."""
    return {
        state: (
            _WIDTH / 2 - 340 * cos(2 * pi * number / len(states)),
            _HEIGHT / 2 - 20 - 225 * sin(2 * pi * number / len(states)),
        )
        for number, state in enumerate(states)
    }


def _box(state: StrEnum, place: Point) -> Iterator[str]:
    (x, y), (width, height) = place, _BOX
    yield (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width}" height="{height}" rx="9"'
        ' fill="#eef4f8" stroke="#356"/>'
    )
    yield f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle">{state}</text>'


def _arrow(begins: Point, ends: Point) -> str:
    if begins == ends:
        x, y = begins[0], begins[1] - _BOX[1] / 2
        path = f"M{x - 14:.1f},{y:.1f} C{x - 34:.1f},{y - 44:.1f} {x + 34:.1f},{y - 44:.1f} {x + 14:.1f},{y:.1f}"
    else:
        over_x, over_y = ends[0] - begins[0], ends[1] - begins[1]
        length = hypot(over_x, over_y)
        bow = ((begins[0] + ends[0]) / 2 - over_y / length * _BOW, (begins[1] + ends[1]) / 2 + over_x / length * _BOW)
        (from_x, from_y), (to_x, to_y) = _edge(begins, bow), _edge(ends, bow)
        path = f"M{from_x:.1f},{from_y:.1f} Q{bow[0]:.1f},{bow[1]:.1f} {to_x:.1f},{to_y:.1f}"
    return f'<path d="{path}" fill="none" stroke="#356" stroke-width="1.3" marker-end="url(#tip)"/>'


def _edge(place: Point, towards: Point) -> Point:
    """Where a line from the middle of the box leaves it."""
    over_x, over_y = towards[0] - place[0], towards[1] - place[1]
    share = min(_BOX[0] / 2 / abs(over_x) if over_x else 9.0, _BOX[1] / 2 / abs(over_y) if over_y else 9.0)
    return place[0] + over_x * share, place[1] + over_y * share


if __name__ == "__main__":
    for name, (title, table) in TABLES.items():
        (DOCS / name).write_text(picture(title, table))
        print(f"wrote docs/{name}")

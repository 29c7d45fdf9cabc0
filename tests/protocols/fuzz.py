"""What the fuzz tests of the three protocols share: how much, any cut of bytes, and what came of reading them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from contactd.protocols.errors import ProtocolError

LONG = os.environ.get("CONTACTD_LONG") == "1"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

fuzzed = settings(
    # The short mode is the same each time: whoever lands something else is not stopped by a new find.
    max_examples=6_000 if LONG else 120,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=SLOW,
)


class Parser(Protocol):
    def feed(self, data: bytes, /) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The messages in the order they came, and why the parser gave up, if it did."""

    found: list[Any]
    error: str | None


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces; a place beyond its end counts from its beginning again."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def read(parser: Parser, pieces: Iterable[bytes], after: Callable[[int], None] = lambda _: None) -> Outcome:
    """Nothing but a ProtocolError may come out, and it says something. after: told the size of each piece."""
    found: list[Any] = []
    try:
        for piece in pieces:
            found += parser.feed(piece)
            after(len(piece))
    except ProtocolError as error:
        assert len(str(error)) > 20
        return Outcome(found, str(error))
    return Outcome(found, None)


def same_in_pieces(make: Callable[[], Parser], data: bytes, places: Iterable[int], plain: Callable[[Any], Any]) -> None:
    """Whole, in any pieces and byte by byte: the same messages, and the same end.

    A message that came in one read with what broke the connection may be lost with it: the peer is not believed.
    """
    whole = read(make(), [data])
    for pieces in (cut(data, places), [bytes([byte]) for byte in data]):
        parts = read(make(), pieces)
        assert parts.error == whole.error
        told, expected = [plain(one) for one in parts.found], [plain(one) for one in whole.found]
        assert told[: len(expected)] == expected if whole.error else told == expected


def soup(*words: bytes, longest: int = 60) -> st.SearchStrategy[bytes]:
    """Bytes that look like the protocol for a while: its words, its separators, and anything."""
    return st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=longest)), max_size=40).map(b"".join)


places = st.lists(st.integers(0, 20_000), max_size=12)
hostile_text = st.text(
    st.one_of(st.characters(), st.sampled_from("\r\n\0\"'\\:;,=|&${}()[]%*# \t\x1b\x7f\x85\u2028\ud800")), max_size=80
)
"""With everything that means something to Asterisk, to a shell, to a terminal, or to nobody."""

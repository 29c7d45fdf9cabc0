"""What contactd may dial outside."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z", description='an ISO 3166 code such as "DE"', examples=["DE"])]
_Kind = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "voip",
    "personal",
    "toll_free",
    "shared_cost",
    "company",
    "voicemail",
]
_Clock = Annotated[
    str, Meta(pattern=r"^([01]?[0-9]|2[0-3]):[0-5][0-9]\Z|^24:00\Z", description='a time of day such as "8:00"')
]
_Most = Annotated[int, Meta(ge=1, le=5000, description="a number of calls, 1 to 5000")]


class Dialling(Struct, frozen=True, kw_only=True):
    """What contactd may dial outside, when and how often (docs/callback.rst). Emergency numbers, premium and satellite
    ones and contactd's own lines are never dialled. The PBX's own list, [contactd-external], has the last word."""

    countries: tuple[_Country, ...] = ()
    """Whose numbers may be called back. Empty: those of ``country`` of [customers]."""
    kinds: tuple[_Kind, ...] = ("fixed_line", "mobile", "fixed_line_or_mobile", "voip")
    """Which kinds of numbers may be called back. ``company``: one number for a whole firm; ``personal``: one that
    follows a person, at a price."""
    earliest: _Clock = "8:00"
    """Nobody is called back before, by the clock where the number is."""
    latest: _Clock = "21:00"
    """Nor from then on. In the USA both are the law (47 CFR 64.1200)."""
    number_an_hour: _Most = 3
    """How often the same number is called back within an hour."""
    queue_an_hour: _Most = 60
    """How many calls to customers a queue makes within an hour."""
    all_an_hour: Annotated[int, Meta(ge=0, le=5000, description="a number of calls, 1 to 5000, or 0: no limit")] = 0
    """How many numbers outside are dialled within an hour, for whomever: customers, callers whom a queue sends to a
    number outside, agents at one. More of it is most often fraud: customers are called back later, and callers stay in
    the queue. Calls to agents are counted, and made. 0: no limit."""

"""Whether a number may be dialled now, for whom, and why not: the one room that every dial-out asks.

Nobody's number is known here. What it is (its country, its kind, the clock there, what its owner said) is looked up
outside and comes with the input; what was dialled before is part of the floor. The dialplan's own list,
[contactd-external], has the last word after this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from contactd.core.ids import Instant, QueueId

DAY_MIN = 24 * 60
_HOUR_S = 3600.0
MOST = 5_000
"""Dial-outs that are remembered: more than any hour's limit."""


class NumberKind(StrEnum):
    """As the numbering plan of its country has it."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    """A country whose plan does not tell the two apart."""
    VOIP = "voip"
    PERSONAL = "personal"
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    COMPANY = "company"
    """One number for a whole firm (UAN)."""
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    PREMIUM = "premium"
    SATELLITE = "satellite"
    """Satellite and other networks of no country: +870, +881, +882, +883."""
    SHORT = "short"
    UNKNOWN = "unknown"


NEVER = frozenset({NumberKind.PREMIUM, NumberKind.SATELLITE, NumberKind.SHORT, NumberKind.UNKNOWN, NumberKind.PAGER})
"""Kinds that no configuration allows for a number that a caller gave: where toll fraud earns its money."""


class Purpose(StrEnum):
    """For whom. A number that somebody typed is trusted least."""

    CALLBACK = "callback"
    """A customer who asked for it: their number, their clock, their word."""
    DIVERSION = "diversion"
    """A caller who is sent to a number of the configuration."""
    AGENT = "agent"
    """An agent at a number of the configuration."""


class Number(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a number, without saying which one it is."""

    country: str = ""
    """ISO 3166; empty: of no country, or unknown."""
    kind: NumberKind = NumberKind.UNKNOWN
    emergency: bool = False
    ours: bool = False
    """A line of contactd's own."""
    known_by: tuple[str, ...] = ()
    """Salted commitments to it, the newest salt's first."""
    clocks: tuple[int, ...] = ()
    """What the clock shows where the number may be, minutes after midnight: several where its country has several."""
    refused: bool = False
    """Its owner does not want to be called."""
    unasked: bool = False
    """What its owner wants could not be looked up."""


class DialRules(msgspec.Struct, frozen=True, kw_only=True):
    """Of the configuration."""

    countries: tuple[str, ...] = ()
    kinds: tuple[NumberKind, ...] = ()
    earliest_min: int = 8 * 60
    """Where the called party is."""
    latest_min: int = 21 * 60
    number_an_hour: int = 3
    queue_an_hour: int = 60
    all_an_hour: int | None = None
    """Whatever for. None: no limit."""


class Why(StrEnum):
    """Why not. Those of FOR_EVER do not change by waiting."""

    EMERGENCY = "emergency"
    OURS = "ours"
    KIND = "kind"
    COUNTRY = "country"
    DO_NOT_CALL = "do_not_call"
    NOT_ASKED = "not_asked"
    HOURS = "hours"
    NUMBER_RATE = "number_rate"
    QUEUE_RATE = "queue_rate"
    RATE = "rate"


FOR_EVER = frozenset({Why.EMERGENCY, Why.OURS, Why.KIND, Why.COUNTRY, Why.DO_NOT_CALL})
_ASK_AGAIN_S = 60.0


class Refused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """until: before when it is of no use to ask again; None: it never is."""

    why: Why
    until: Instant | None = None


class Dialled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One dial-out of the last hour, of any purpose."""

    at: Instant
    queue: QueueId | None
    known_by: str = ""


def listed(number: Number, purpose: Purpose, rules: DialRules) -> Refused | None:
    """What holds of a number whenever it is dialled; also for one that stands in the configuration."""
    if number.emergency:
        return Refused(why=Why.EMERGENCY)
    if number.ours:
        return Refused(why=Why.OURS)
    if purpose is not Purpose.CALLBACK:
        # An admin wrote it down twice: it may be a short one of the site's own PBX. What it costs is bounded by rates.
        written_down = NEVER - {NumberKind.SHORT, NumberKind.UNKNOWN}
        return Refused(why=Why.KIND) if number.kind in written_down else None
    if number.kind in NEVER or number.kind not in rules.kinds:
        return Refused(why=Why.KIND)
    if number.country not in rules.countries:
        return Refused(why=Why.COUNTRY)
    return None


def may_dial(
    number: Number,
    purpose: Purpose,
    queue: QueueId | None,
    rules: DialRules,
    before: Sequence[Dialled],
    at: Instant,
) -> Refused | None:
    """None: now. before: dialled() of the floor, the oldest first."""
    refused = listed(number, purpose, rules)
    if refused is not None:
        return refused
    if purpose is Purpose.CALLBACK:
        if number.refused:
            return Refused(why=Why.DO_NOT_CALL)
        if number.unasked:
            return Refused(why=Why.NOT_ASKED, until=at + _ASK_AGAIN_S)
        closed_min = _closed_for(number.clocks, rules)
        if closed_min:
            return Refused(why=Why.HOURS, until=at + closed_min * 60)
    return _too_many(number, purpose, queue, rules, before, at)


def _closed_for(clocks: Sequence[int], rules: DialRules) -> int:
    """Minutes until it is no disturbance at any of the places; 0: it is none now. A number of no known clock: never
    mind, its country was allowed."""
    for minutes in range(DAY_MIN):
        if all(rules.earliest_min <= (clock + minutes) % DAY_MIN < rules.latest_min for clock in clocks):
            return minutes
    # No minute fits all places: then each of them is asked for when it is its own turn, a day later.
    return DAY_MIN


def _too_many(
    number: Number,
    purpose: Purpose,
    queue: QueueId | None,
    rules: DialRules,
    before: Sequence[Dialled],
    at: Instant,
) -> Refused | None:
    recent = [one for one in before if one.at > at - _HOUR_S]
    mine = [one for one in recent if one.known_by and one.known_by in number.known_by]
    if purpose is Purpose.CALLBACK and number.known_by and len(mine) >= rules.number_an_hour:
        return Refused(why=Why.NUMBER_RATE, until=_free_at(mine, rules.number_an_hour))
    of_queue = [one for one in recent if one.queue == queue]
    if purpose is Purpose.CALLBACK and queue is not None and len(of_queue) >= rules.queue_an_hour:
        return Refused(why=Why.QUEUE_RATE, until=_free_at(of_queue, rules.queue_an_hour))
    if rules.all_an_hour is not None and len(recent) >= rules.all_an_hour:
        return Refused(why=Why.RATE, until=_free_at(recent, rules.all_an_hour))
    return None


def _free_at(dialled: Sequence[Dialled], most: int) -> Instant:
    """When fewer than most of them are within the hour."""
    return sorted(one.at for one in dialled)[-most] + _HOUR_S


def count(before: list[Dialled], dialled: Dialled) -> None:
    """apply() only."""
    before.append(dialled)
    while before and (before[0].at <= dialled.at - _HOUR_S or len(before) > MOST):
        del before[0]


def uncount(before: list[Dialled]) -> None:
    """The last one was not dialled after all. apply() only."""
    if before:
        del before[-1]


def sentence(why: Why) -> str:
    """For whoever asks why nobody was called."""
    return _SENTENCES[why]


_SENTENCES = {
    Why.EMERGENCY: "it is an emergency number, which contactd never dials",
    Why.OURS: "it is a line of contactd's own: the call would go out and come in again",
    Why.KIND: "numbers of its kind are not dialled (kinds of [dialling]; premium and satellite numbers never are)",
    Why.COUNTRY: "its country is not among the countries of [dialling]",
    Why.DO_NOT_CALL: "its owner does not want to be called (contactctl customers show)",
    Why.NOT_ASKED: "PostgreSQL did not say whether its owner wants to be called",
    Why.HOURS: "it is too early or too late there (earliest and latest of [dialling])",
    Why.NUMBER_RATE: "it was dialled too often within the hour (number_an_hour of [dialling])",
    Why.QUEUE_RATE: "the queue has dialled too many numbers within the hour (queue_an_hour of [dialling])",
    Why.RATE: "too many numbers were dialled within the hour (all_an_hour of [dialling])",
}

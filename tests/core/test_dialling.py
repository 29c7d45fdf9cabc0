"""The room that every dial-out asks: what is never dialled, what not now, and what not so often."""

from __future__ import annotations

import pytest

from contactd.core import inputs as inp
from contactd.core.destination import ToExternal
from contactd.core.dialling import (
    FOR_EVER,
    MOST,
    Dialled,
    DialRules,
    Number,
    NumberKind,
    Purpose,
    Why,
    count,
    may_dial,
    sentence,
)
from contactd.core.ids import Instant, QueueId
from tests.core.world import SALES, SUPPORT, open_world, plan

AT: Instant = 1_800_000_000.0
RULES = DialRules(countries=("DE", "FR"), kinds=(NumberKind.MOBILE, NumberKind.FIXED_LINE))
MOBILE = Number(country="DE", kind=NumberKind.MOBILE, known_by=("new", "old"), clocks=(12 * 60,))


def why(number: Number = MOBILE, before: tuple[Dialled, ...] = (), rules: DialRules = RULES) -> str | None:
    refused = may_dial(number, Purpose.CALLBACK, SALES, rules, before, AT)
    return str(refused.why) if refused is not None else None


def changed(**fields: object) -> Number:
    import msgspec

    return msgspec.structs.replace(MOBILE, **fields)


def test_an_ordinary_number_is_dialled() -> None:
    assert why() is None


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (changed(emergency=True), "emergency"),
        (changed(ours=True), "ours"),
        (changed(kind=NumberKind.PREMIUM), "kind"),
        (changed(kind=NumberKind.SATELLITE, country=""), "kind"),
        (changed(kind=NumberKind.SHORT), "kind"),
        (changed(kind=NumberKind.UNKNOWN), "kind"),
        (changed(kind=NumberKind.VOIP), "kind"),
        (changed(country="CU"), "country"),
        (changed(country=""), "country"),
        (changed(refused=True), "do_not_call"),
        (changed(unasked=True), "not_asked"),
        (changed(clocks=(7 * 60 + 59,)), "hours"),
        (changed(clocks=(21 * 60,)), "hours"),
        (changed(clocks=(12 * 60, 22 * 60)), "hours"),
        (changed(clocks=(8 * 60,)), None),
        (changed(clocks=(21 * 60 - 1,)), None),
        (changed(clocks=()), None),
    ],
)
def test_what_is_not_dialled_and_why(number: Number, told: str | None) -> None:
    assert why(number) == told


def test_a_kind_that_costs_is_refused_even_where_it_is_allowed() -> None:
    rules = DialRules(countries=("DE",), kinds=tuple(NumberKind))
    assert [why(changed(kind=kind), rules=rules) for kind in (NumberKind.PREMIUM, NumberKind.SATELLITE)] == ["kind"] * 2


def test_an_emergency_number_is_nobodys_to_be_dialled() -> None:
    for purpose in Purpose:
        refused = may_dial(Number(emergency=True), purpose, None, RULES, (), AT)
        assert refused is not None and refused.why is Why.EMERGENCY and refused.until is None


def test_the_hours_are_those_where_the_number_is_and_it_is_said_when_they_begin() -> None:
    refused = may_dial(changed(clocks=(22 * 60,)), Purpose.CALLBACK, SALES, RULES, (), AT)
    assert refused is not None and refused.until == AT + 10 * 3600
    # Two coasts: at both it must be day.
    refused = may_dial(changed(clocks=(5 * 60, 8 * 60)), Purpose.CALLBACK, SALES, RULES, (), AT)
    assert refused is not None and refused.until == AT + 3 * 3600
    # Where no moment suits all places it is never called, and asked for again.
    refused = may_dial(changed(clocks=tuple(range(0, 1440, 60))), Purpose.CALLBACK, SALES, RULES, (), AT)
    assert refused is not None and refused.until == AT + 86400


def dialled(ago_s: float, queue: QueueId = SALES, known_by: str = "") -> Dialled:
    return Dialled(at=AT - ago_s, queue=queue, known_by=known_by)


def test_a_number_is_dialled_so_often_within_an_hour_under_whichever_salt() -> None:
    before = (dialled(3599, known_by="old"), dialled(1800, known_by="new"), dialled(1, known_by="new"))
    refused = may_dial(MOBILE, Purpose.CALLBACK, SALES, RULES, before, AT)
    assert refused is not None and (refused.why, refused.until) == (Why.NUMBER_RATE, AT + 1)
    assert why(before=before[1:]) is None
    assert why(before=(dialled(3600, known_by="old"), *before[1:])) is None
    assert why(changed(known_by=("other",)), before) is None
    assert why(changed(known_by=()), before) is None


def test_a_queue_and_the_whole_dial_so_often_within_an_hour() -> None:
    rules = DialRules(countries=("DE",), kinds=(NumberKind.MOBILE,), queue_an_hour=2)
    two = (dialled(100), dialled(50))
    assert why(before=two, rules=rules) == "queue_rate"
    assert why(before=(dialled(100, SUPPORT), dialled(50)), rules=rules) is None
    rules = DialRules(countries=("DE",), kinds=(NumberKind.MOBILE,), all_an_hour=2)
    assert why(before=(dialled(100, SUPPORT), dialled(50)), rules=rules) == "rate"
    assert may_dial(Number(), Purpose.DIVERSION, SALES, rules, two, AT) is not None
    assert why(before=two) is None


def test_what_is_longer_ago_than_an_hour_is_forgotten_and_more_than_enough_too() -> None:
    before: list[Dialled] = []
    for ago_s in (7200, 3600, 3599):
        count(before, dialled(ago_s))
    count(before, dialled(0))
    assert [AT - one.at for one in before] == [3599, 0]
    for _ in range(MOST + 10):
        count(before, dialled(0))
    assert len(before) == MOST


def test_every_reason_has_its_sentence_and_those_that_last_have_no_end() -> None:
    assert len({sentence(reason) for reason in Why}) == len(Why)
    assert {Why.EMERGENCY, Why.OURS, Why.KIND, Why.COUNTRY, Why.DO_NOT_CALL} == FOR_EVER


def test_callers_go_outside_until_the_limit_and_then_they_wait() -> None:
    import msgspec

    made = plan()
    sales = msgspec.structs.replace(made.queues[0], unstaffed=ToExternal(number="030"))
    made = msgspec.structs.replace(made, queues=(sales, *made.queues[1:]), dialling=DialRules(all_an_hour=2))
    world = open_world(made)
    calls = [world.arrive(SALES) for _ in range(3)]
    assert [world.contact(call).state for call in calls] == ["diverted", "diverted", "waiting"]
    assert world.contact(calls[2]).held and world.kinds()[-3:] == ["ContactDiverted", "DiversionFailed", "ContactHeld"]
    assert not world.commands
    world.wait(3600)
    later = world.arrive(SALES)
    assert world.contact(later).state == "diverted"
    assert [one.queue for one in world.floor.state.dialled] == [SALES]
    world.put(inp.TimePassed())
    assert world.contact(calls[2]).state == "waiting"

"""A call that contactctl testcall placed is a contact like any other, and in no statistic."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import ContactState
from contactd.core.ids import contact_id, is_test_call
from contactd.core.inputs import Place
from tests.core.world import ANNA, PBX, SALES, World, open_world, seen


def placed(world: World) -> inp.CallArrived:
    """As testcall names its calls."""
    world.wait(1)
    call = f"{PBX}-{int(world.now)}.test5f0c1a2bb"
    made = inp.CallArrived(
        contact=contact_id(PBX, call, world.now), pbx=PBX, call=call, channel="Local/5000@contactd-in-1;2", dnis="5000"
    )
    world.put(made)
    world.hold(made, SALES)
    return made


@pytest.mark.parametrize(
    ("call", "test"),
    [
        ("pbx1-1700000000.test5f0c1a2bb", True),
        ("1700000000.test5f0c1a2bb", True),
        ("pbx1-1700000000.12", False),
        ("test-1700000000.12", False),
        ("pbx.test-1700000000.12", False),
        ("test", False),
        ("", False),
    ],
)
def test_a_test_call_is_known_by_the_uniqueid_that_only_its_account_can_choose(call: str, test: bool) -> None:
    assert is_test_call(call) is test


def test_the_facts_say_that_it_is_one() -> None:
    world = open_world()
    call = placed(world)
    assert world.contact(call).test
    (arrived,) = [event for step in world.steps for event in step.events if isinstance(event, ev.ContactArrived)]
    assert arrived.test
    # A fact of before reads as what it was.
    assert not msgspec.json.decode(
        msgspec.json.encode(arrived).replace(b',"test":true', b""), type=ev.ContactArrived
    ).test


def test_one_that_is_found_later_is_one_too() -> None:
    world = open_world()
    call = placed(open_world())
    world.compare(seen(call, Place.HOLD, queued_at=world.now))
    assert world.contact(call).test and world.contact(call).state is ContactState.WAITING


def test_nothing_is_learnt_from_it() -> None:
    world, other = open_world(), open_world()
    for one in (world, other):
        one.sign_in(ANNA)
    call, real = placed(world), other.arrive(SALES)
    for one, contact in ((world, call), (other, real)):
        one.wait(3)
        one.answer(contact)
        one.wait(50)
        one.agent_hangs_up(contact)
        one.wait(600)
        one.put(inp.TimePassed())
        one.hang_up(contact)
    assert other.floor.state.learnt[SALES].talks.count and other.floor.state.learnt[SALES].wrap_ups.count
    assert SALES not in world.floor.state.learnt or msgspec.to_builtins(world.floor.state.learnt[SALES]) == (
        msgspec.to_builtins(type(world.floor.state.learnt[SALES])())
    )

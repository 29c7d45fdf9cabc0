"""Who already waits when the last agent signs out who serves the queue."""

from __future__ import annotations

from typing import Any

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import ContactState
from contactd.core.destination import ToMessage, ToQueue, ToVoicemail
from contactd.core.ids import QueueId
from contactd.core.inputs import Place
from contactd.core.plan import FloorPlan, RoutingStep
from tests.core.invariants import restarted
from tests.core.world import ANNA, BILAL, PBX, SALES, SUPPORT, World, open_world, plan, seen

BOX = ToVoicemail(box="100")
S = ContactState


def planned(**queues: dict[str, Any]) -> FloorPlan:
    """Anna serves all of them, Bilal support only."""
    names = tuple(QueueId(name) for name in queues)
    made = plan({ANNA: names, BILAL: [name for name in names if name == SUPPORT]}, names)
    replaced = tuple(msgspec.structs.replace(queue, **queues[queue.id]) for queue in made.queues)
    return msgspec.structs.replace(made, queues=replaced)


def left(grace_s: int | None = 60, **more: Any) -> dict[str, Any]:
    return {"unstaffed": BOX, "unstaffed_grace_s": grace_s, **more}


def staffed(world: World) -> World:
    """Anna is signed in, and cannot be rung."""
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True))
    return world


def sign_out(world: World) -> None:
    world.put(inp.SignOutAsked(agent=ANNA))


def sent(world: World) -> list[str]:
    return [event.contact for event in world.facts(ev.ContactDiverted)]


def test_who_waits_goes_when_nobody_has_come_back_within_the_grace() -> None:
    world = staffed(open_world(planned(sales=left())))
    first = world.arrive(SALES)
    second = world.wait(300).arrive(SALES)
    sign_out(world)
    world.wait(59.9).put(inp.TimePassed())
    assert sent(world) == []
    assert world.floor.wake_at() is not None
    world.wait(0.1).put(inp.TimePassed())
    assert sorted(sent(world)) == sorted([first.contact, second.contact])
    assert {event.why for event in world.facts(ev.ContactDiverted)} == {ev.DiversionReason.UNSTAFFED}
    assert world.contact(first).state is S.DIVERTED


def test_who_signs_in_within_the_grace_keeps_everybody() -> None:
    world = staffed(open_world(planned(sales=left())))
    waits = world.arrive(SALES)
    sign_out(world)
    staffed(world.wait(59))
    world.wait(600).put(inp.TimePassed())
    assert sent(world) == [] and world.contact(waits).state is S.WAITING
    # And the time begins anew.
    sign_out(world)
    world.wait(59).put(inp.TimePassed())
    assert sent(world) == []
    world.wait(1).put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_without_a_grace_they_go_at_once() -> None:
    world = staffed(open_world(planned(sales=left(0))))
    waits = world.arrive(SALES)
    sign_out(world)
    world.put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_they_stay_where_the_queue_says_so() -> None:
    world = staffed(open_world(planned(sales=left(None))))
    waits = world.arrive(SALES)
    sign_out(world)
    world.wait(86400).put(inp.TimePassed())
    assert sent(world) == [] and world.contact(waits).state is S.WAITING


def test_a_handset_that_is_away_empties_no_queue() -> None:
    world = open_world(planned(sales=left(0)))
    world.sign_in(ANNA)
    world.put(inp.HandsetChanged(pbx=PBX, endpoint="1001", handset=Handset.UNAVAILABLE))
    waits = world.arrive(SALES)
    world.wait(3600).put(inp.TimePassed())
    assert sent(world) == [] and world.contact(waits).state is S.WAITING


def test_another_agent_who_serves_the_queue_keeps_them() -> None:
    world = staffed(open_world(planned(sales={}, support=left(0))))
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True))
    waits = world.arrive(SUPPORT)
    sign_out(world)
    world.wait(5).put(inp.TimePassed())
    assert sent(world) == []
    world.put(inp.SignOutAsked(agent=BILAL))
    world.put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_whom_the_destination_gives_back_is_not_sent_again() -> None:
    world = staffed(open_world(planned(sales=left())))
    waits = world.arrive(SALES)
    sign_out(world)
    world.wait(60).put(inp.TimePassed())
    (diverted,) = world.facts(ev.ContactDiverted)
    assert diverted.diversion is not None
    world.put(inp.DestinationFailed(contact=waits.contact, diversion=diverted.diversion, status="FAILED"))
    world.hold(waits, SALES)
    world.wait(600).put(inp.TimePassed())
    assert sent(world) == [waits.contact] and world.contact(waits).state is S.WAITING
    # Nor when the next shift has come and gone.
    staffed(world)
    sign_out(world)
    world.wait(600).put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_who_was_sent_on_arrival_and_came_back_is_not_sent_again() -> None:
    world = open_world(planned(sales=left(0)))
    waits = world.arrive(SALES)
    (diverted,) = world.facts(ev.ContactDiverted)
    assert diverted.diversion is not None
    world.put(inp.DestinationFailed(contact=waits.contact, diversion=diverted.diversion, status="FAILED"))
    world.hold(waits, SALES)
    world.wait(60).put(inp.TimePassed())
    assert sent(world) == [waits.contact] and world.contact(waits).state is S.WAITING


def test_a_step_whose_time_comes_within_the_grace_goes_first() -> None:
    steps = (RoutingStep(after_s=30, go=ToMessage(sound="busy")),)
    world = staffed(open_world(planned(sales=left(60, steps=steps))))
    world.arrive(SALES)
    sign_out(world)
    world.wait(30).put(inp.TimePassed())
    (diverted,) = world.facts(ev.ContactDiverted)
    assert (diverted.why, diverted.to) == (ev.DiversionReason.STEP, ToMessage(sound="busy"))


def test_a_step_that_relaxes_meanwhile_changes_nothing() -> None:
    world = staffed(open_world(planned(sales=left(60, steps=(RoutingStep(after_s=30),)))))
    waits = world.arrive(SALES)
    sign_out(world)
    world.wait(30).put(inp.TimePassed())
    assert world.contact(waits).step == 1 and sent(world) == []
    world.wait(30).put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_to_another_queue_the_wait_goes_along() -> None:
    world = staffed(open_world(planned(sales=left(10, unstaffed=ToQueue(queue=SUPPORT)), support={})))
    waits = world.arrive(SALES)
    began = world.contact(waits).queued_at
    world.sign_in(BILAL)
    sign_out(world)
    world.wait(10).put(inp.TimePassed())
    assert world.contact(waits).queue == SUPPORT and world.contact(waits).queued_at == began
    assert world.contact(waits).agent == BILAL


def test_nobody_goes_while_the_pbx_is_not_steered() -> None:
    world = staffed(open_world(planned(sales=left(0))))
    waits = world.arrive(SALES)
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    sign_out(world)
    world.wait(60).put(inp.TimePassed())
    assert sent(world) == []
    world.compare(seen(waits, Place.HOLD, queued_at=world.contact(waits).queued_at))
    world.put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_a_plan_that_takes_the_last_agent_from_the_queue_counts_as_a_sign_out() -> None:
    made = planned(sales=left(), support={})
    world = staffed(open_world(made))
    waits = world.arrive(SALES)
    without = tuple(msgspec.structs.replace(agent, queues=(SUPPORT,)) for agent in made.agents)
    world.wait(10).put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="1" * 64, agents=without)))
    world.wait(59).put(inp.TimePassed())
    assert sent(world) == []
    world.wait(1).put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_a_plan_that_gives_the_queue_somebody_back_keeps_them() -> None:
    made = planned(sales=left(), support={})
    without = tuple(msgspec.structs.replace(agent, queues=(SUPPORT,)) for agent in made.agents)
    world = staffed(open_world(made))
    waits = world.arrive(SALES)
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="1" * 64, agents=without)))
    world.wait(30).put(inp.ConfigurationLoaded(plan=made))
    assert world.floor.state.unstaffed == {}
    world.wait(300).put(inp.TimePassed())
    assert sent(world) == [] and world.contact(waits).state is S.WAITING


def test_the_time_goes_on_over_a_restart() -> None:
    world = staffed(open_world(planned(sales=left())))
    waits = world.arrive(SALES)
    sign_out(world)
    world.wait(40)
    world.floor = restarted(world.floor)
    world.wait(20).put(inp.TimePassed())
    assert sent(world) == [waits.contact]


def test_who_rings_while_the_last_agent_signs_out_is_there_for_the_grace_too() -> None:
    world = open_world(planned(sales=left(30)))
    world.sign_in(ANNA)
    rings = world.arrive(SALES)
    assert world.contact(rings).state is S.OFFERED
    sign_out(world)
    world.wait(10)
    if world.contact(rings).offer is not None:
        world.fail(rings, "NOANSWER", 19)
    world.hold(rings, SALES)
    world.put(inp.TimePassed())
    assert world.contact(rings).state is S.WAITING
    world.wait(20).put(inp.TimePassed())
    assert sent(world) == [rings.contact]


def test_who_came_from_one_queue_that_nobody_serves_leaves_the_next_one_too() -> None:
    made = planned(sales=left(0, unstaffed=ToQueue(queue=SUPPORT)), support=left(30))
    world = staffed(open_world(made))
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True))
    waits = world.arrive(SALES)
    sign_out(world)
    world.put(inp.TimePassed())
    assert world.contact(waits).queue == SUPPORT
    world.put(inp.SignOutAsked(agent=BILAL))
    world.wait(30).put(inp.TimePassed())
    assert [(event.queue, event.to) for event in world.facts(ev.ContactDiverted)] == [
        (SALES, ToQueue(queue=SUPPORT)),
        (SUPPORT, BOX),
    ]

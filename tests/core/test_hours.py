"""Calendars that turn, and supervisors who close by hand."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import DivertCaller
from contactd.core.contact import ContactState
from contactd.core.destination import Destination, ToMessage, ToQueue, ToVoicemail
from contactd.core.hours import opening
from contactd.core.ids import CalendarId, Instant, QueueId
from contactd.core.inputs import Place
from contactd.core.opening import Opening
from contactd.core.plan import AtClosing, FloorPlan, RoutingStep
from contactd.core.step import Step
from tests.core.invariants import check_floor, frozen, restarted
from tests.core.world import ANNA, PBX, SALES, SUPPORT, World, never_announced, open_world, plan, seen

OFFICE, NIGHT = CalendarId("office"), CalendarId("night")


def with_calendars(mark: str = "a", *calendars: CalendarId) -> FloorPlan:
    """sales follows the first calendar; support has no hours."""
    made = plan(mark=mark)
    queues = tuple(
        msgspec.structs.replace(queue, calendar=(calendars or (OFFICE,))[0]) if queue.id == SALES else queue
        for queue in made.queues
    )
    return msgspec.structs.replace(made, queues=queues, calendars=calendars or (OFFICE,))


@pytest.fixture
def world() -> World:
    return open_world(with_calendars())


def turn(world: World, open_: bool, why: str = "hours", until: Instant | None = None) -> list[str]:
    world.wait(1).put(inp.CalendarTurned(calendar=OFFICE, open=open_, why=why, until=until))
    return world.kinds()


def switch(
    world: World,
    open_: bool | None,
    *,
    queue: QueueId | None = None,
    calendar: CalendarId | None = None,
    why: str = "fire drill",
    for_s: float | None = None,
    waiting: AtClosing | None = None,
) -> Step:
    until = None if for_s is None else world.now + 1 + for_s
    return world.wait(1).put(
        inp.SwitchAsked(queue=queue, calendar=calendar, open=open_, why=why, until=until, waiting=waiting)
    )


def now(world: World, queue: QueueId = SALES) -> Opening:
    found = opening(world.floor, queue)
    assert found is not None
    return found


# --- calendars ---


def test_a_queue_is_open_until_its_calendar_says_otherwise(world: World) -> None:
    assert now(world).open
    assert turn(world, False, "holiday", 5.0) == ["CalendarChanged"]
    assert now(world) == Opening(False, "holiday", 5.0, world.now)
    assert now(world, SUPPORT) == Opening(True)
    turn(world, True)
    assert now(world).open


def test_the_same_again_says_nothing_and_another_reason_moves_no_closing(world: World) -> None:
    turn(world, False, "out of hours", 5.0)
    closed_at = world.now
    assert turn(world, False, "out of hours", 5.0) == []
    assert turn(world, False, "holiday", 6.0) == ["CalendarChanged"]
    assert now(world) == Opening(False, "holiday", 6.0, closed_at)


def test_a_calendar_that_no_plan_knows_is_not_heard(world: World) -> None:
    assert world.put(inp.CalendarTurned(calendar=NIGHT, open=False, why="?")).events == []


def test_a_new_plan_forgets_the_calendars_and_switches_that_it_lacks(world: World) -> None:
    turn(world, False)
    switch(world, False, calendar=OFFICE, for_s=60)
    switch(world, True, queue=SALES, for_s=60)
    world.put(inp.ConfigurationLoaded(plan=with_calendars("b", NIGHT)))
    assert now(world).open and now(world).by_hand
    assert world.floor.state.calendars == {}
    assert set(world.floor.state.switches) == {"queue:sales"}
    check_floor(world.floor)


# --- by hand ---


def test_a_supervisor_closes_what_the_calendar_has_open_and_lets_it_count_again(world: World) -> None:
    turn(world, True)
    assert [type(event).__name__ for event in switch(world, False, queue=SALES).events] == ["HoursSwitched"]
    assert now(world) == Opening(False, "fire drill", None, world.now, True)
    assert world.floor.wake_at() is None
    switch(world, None, queue=SALES)
    assert now(world).open and not now(world).by_hand


def test_a_queue_without_hours_can_be_closed_by_hand(world: World) -> None:
    switch(world, False, queue=SUPPORT)
    assert not now(world, SUPPORT).open and now(world).open


def test_of_the_queues_and_its_calendars_switch_the_later_word_counts(world: World) -> None:
    switch(world, True, queue=SALES, for_s=7200)
    switch(world, False, calendar=OFFICE)
    assert not now(world).open
    switch(world, True, queue=SALES, why="hotline", for_s=7200)
    assert now(world).open


def test_its_time_is_over_by_itself(world: World) -> None:
    turn(world, True)
    switch(world, False, queue=SALES, for_s=60)
    assert world.floor.wake_at() == now(world).until == world.now + 60
    assert world.wait(59.9).put(inp.TimePassed()).events == []
    world.wait(0.1).put(inp.TimePassed())
    assert world.kinds() == ["HoursSwitched"]
    assert now(world).open and world.floor.wake_at() is None


def test_a_longer_time_moves_the_end_and_no_closing(world: World) -> None:
    switch(world, False, queue=SALES, for_s=60)
    closed_at = world.now
    switch(world, False, queue=SALES, for_s=600)
    assert now(world) == Opening(False, "fire drill", world.now + 600, closed_at, True)
    world.wait(60).put(inp.TimePassed())
    assert not now(world).open


def test_what_is_so_already_or_makes_no_sense_says_nothing(world: World) -> None:
    assert switch(world, None, queue=SALES).events == []
    switch(world, False, queue=SALES)
    assert switch(world, False, queue=SALES).events == []
    assert switch(world, False, queue=QueueId("gone")).events == []
    assert switch(world, False, calendar=NIGHT).events == []
    assert switch(world, False).events == []
    assert switch(world, False, queue=SALES, calendar=OFFICE).events == []
    assert switch(world, False, queue=SALES, for_s=-5).events == []


def test_a_switch_and_its_time_outlive_a_restart_and_a_reload(world: World) -> None:
    turn(world, True)
    switch(world, False, queue=SALES, for_s=60)
    world.floor = restarted(world.floor)
    world.put(inp.ConfigurationLoaded(plan=with_calendars("b")))
    assert not now(world).open
    assert frozen(restarted(world.floor)) == frozen(world.floor)
    world.wait(60).put(inp.TimePassed())
    assert now(world).open


# --- callers of a closed queue ---

MESSAGE, VOICEMAIL, BY_HAND = ToMessage(sound="closed"), ToVoicemail(box="100"), ToMessage(sound="fire")


def closing(
    at_closing: AtClosing = AtClosing.SERVE, closed: Destination | None = MESSAGE, **words: Destination | None
) -> World:
    """sales says where its callers go while it is closed; support has no hours, and may be closed by hand."""
    made = with_calendars()
    sales, support = made.queues
    sales = msgspec.structs.replace(sales, at_closing=at_closing, closed=closed, **words)
    return open_world(msgspec.structs.replace(made, queues=(sales, support)))


def diverted(world: World) -> list[tuple[Destination, str]]:
    return [(event.to, str(event.why)) for event in world.facts(ev.ContactDiverted)]  # type: ignore[attr-defined]


def test_who_calls_a_closed_queue_is_sent_where_it_says() -> None:
    world = closing()
    world.sign_in(ANNA)
    turn(world, False)
    call = world.arrive(SALES)
    assert diverted(world) == [(MESSAGE, "closed")]
    assert world.contact(call).state is ContactState.DIVERTED
    assert isinstance(world.commands[0], DivertCaller) and world.commands[0].to == MESSAGE
    assert world.agent(ANNA).contact is None
    turn(world, True)
    assert world.contact(world.arrive(SALES)).agent == ANNA


def test_by_hand_it_may_be_another_place() -> None:
    world = closing(closed_by_hand=BY_HAND)
    switch(world, False, queue=SALES)
    world.arrive(SALES)
    turn(world, False)
    switch(world, None, queue=SALES)
    world.arrive(SALES)
    assert diverted(world) == [(BY_HAND, "closed_by_hand"), (MESSAGE, "closed")]
    without = closing()
    switch(without, False, calendar=OFFICE)
    without.arrive(SALES)
    assert diverted(without) == [(MESSAGE, "closed_by_hand")]


def test_a_closed_queue_that_says_nowhere_keeps_its_callers_waiting() -> None:
    world = closing(closed=None)
    turn(world, False)
    assert world.contact(world.arrive(SALES)).state is ContactState.WAITING
    assert world.floor.wake_at() is None


def test_who_waits_when_it_closes_is_served() -> None:
    world = closing(AtClosing.SERVE)
    call = world.arrive(SALES)
    turn(world, False)
    world.wait(1).put(inp.TimePassed())
    assert diverted(world) == []
    world.sign_in(ANNA)
    world.fail(call, "NOANSWER", 19)
    world.hold(call, SALES)
    world.put(inp.TimePassed())
    assert world.contact(call).state is ContactState.WAITING and diverted(world) == []
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.contact(call).agent == ANNA


def test_who_waits_when_it_closes_is_sent_if_the_queue_says_so() -> None:
    world = closing(AtClosing.SEND)
    calls = [world.arrive(SALES) for _ in range(3)]
    other = world.arrive(SUPPORT)
    turn(world, False)
    assert diverted(world) == [] and world.floor.wake_at() == 0.0
    world.put(inp.TimePassed())
    assert diverted(world) == [(MESSAGE, "closed")] * 3
    assert {world.contact(call).state for call in calls} == {ContactState.DIVERTED}
    assert world.contact(other).state is ContactState.WAITING
    assert world.floor.wake_at() is None


@pytest.mark.parametrize(("said", "sent"), [(AtClosing.SERVE, 0), (AtClosing.SEND, 1), (None, 1)])
def test_a_supervisor_may_say_what_becomes_of_those_who_wait(said: AtClosing | None, sent: int) -> None:
    world = closing(AtClosing.SEND)
    world.arrive(SALES)
    switch(world, False, queue=SALES, waiting=said)
    world.put(inp.TimePassed())
    assert len(diverted(world)) == sent


def test_an_opening_by_hand_that_ends_closes_the_queue() -> None:
    world = closing(AtClosing.SEND)
    turn(world, False)
    switch(world, True, queue=SALES, for_s=60)
    call = world.arrive(SALES)
    assert world.contact(call).state is ContactState.WAITING
    world.wait(60).put(inp.TimePassed())
    world.put(inp.TimePassed())
    # The calendar had closed long before this wait began.
    assert diverted(world) == [(MESSAGE, "closed")]


def test_a_ringing_offer_goes_on_and_who_comes_back_from_it_is_sent() -> None:
    world = closing(AtClosing.SEND)
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    turn(world, False)
    world.put(inp.TimePassed())
    assert world.contact(call).state is ContactState.OFFERED
    world.fail(call, "NOANSWER", 19)
    world.hold(call, SALES)
    world.put(inp.TimePassed())
    assert diverted(world) == [(MESSAGE, "closed")]


def test_who_comes_back_since_the_destination_failed_is_not_sent_there_again() -> None:
    world = closing()
    turn(world, False)
    call = world.arrive(SALES)
    diversion = world.contact(call).diversion
    assert diversion is not None
    world.put(inp.DestinationFailed(contact=call.contact, diversion=diversion, status="FAILED"))
    world.hold(call, SALES)
    for _ in range(3):
        world.wait(5).put(inp.TimePassed())
    assert len(diverted(world)) == 1
    world.sign_in(ANNA)
    assert world.contact(call).agent == ANNA


def test_another_queue_takes_them_unless_it_is_closed_as_well() -> None:
    world = closing(closed=ToQueue(queue=SUPPORT))
    turn(world, False)
    call = world.arrive(SALES)
    assert (world.contact(call).queue, world.contact(call).state) == (SUPPORT, ContactState.WAITING)
    made = world.floor.plan
    sales, support = made.queues
    support = msgspec.structs.replace(support, closed_by_hand=BY_HAND)
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="c" * 64, queues=(sales, support))))
    switch(world, False, queue=SUPPORT)
    second = world.arrive(SALES)
    assert world.contact(second).state is ContactState.DIVERTED
    assert diverted(world)[1:] == [(ToQueue(queue=SUPPORT), "closed"), (BY_HAND, "closed_by_hand")]


def test_who_comes_from_another_queue_does_not_wait_in_a_closed_one_however_long_ago_they_began() -> None:
    world = closing(full=ToQueue(queue=SUPPORT), max_waiting=1)  # type: ignore[arg-type]
    made = world.floor.plan
    sales, support = made.queues
    support = msgspec.structs.replace(support, closed=VOICEMAIL)
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="c" * 64, queues=(sales, support))))
    world.arrive(SALES)
    began = world.now
    switch(world, False, queue=SUPPORT)
    late = world.wait(10).arrive()
    world.hold(late, SALES, since=began)
    assert diverted(world) == [(ToQueue(queue=SUPPORT), "full"), (VOICEMAIL, "closed_by_hand")]


def test_nobody_is_sent_while_the_pbx_is_not_steered_and_all_are_when_it_is() -> None:
    world = closing()
    turn(world, False)
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    call = world.arrive(SALES)
    assert diverted(world) == [] and world.floor.wake_at() is None
    world.compare(seen(call, Place.HOLD, queued_at=world.now))
    world.put(inp.TimePassed())
    assert diverted(world) == [(MESSAGE, "closed")]


def test_who_came_while_nobody_listened_is_sent_after_the_closing_and_served_before() -> None:
    world = closing()
    before, after = never_announced(1, world.now), never_announced(2, world.now)
    began = world.now
    turn(world, False)
    world.wait(10)
    world.compare(seen(before, Place.HOLD, queued_at=began), seen(after, Place.HOLD, queued_at=world.now - 1))
    world.put(inp.TimePassed())
    assert (world.contact(before).state, world.contact(after).state) == (ContactState.WAITING, ContactState.DIVERTED)


def test_the_closing_outlives_a_restart() -> None:
    world = closing(AtClosing.SEND)
    call = world.arrive(SALES)
    turn(world, False)
    world.floor = restarted(world.floor)
    assert world.floor.wake_at() == 0.0
    world.put(inp.TimePassed())
    assert world.contact(call).state is ContactState.DIVERTED


def test_a_new_plan_that_gives_a_queue_a_closed_calendar_sends_who_may_not_wait() -> None:
    world = closing()
    turn(world, False)
    call = world.arrive(SUPPORT)
    made = world.floor.plan
    sales, support = made.queues
    support = msgspec.structs.replace(support, calendar=OFFICE, closed=VOICEMAIL)
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="c" * 64, queues=(sales, support))))
    world.put(inp.TimePassed())
    assert diverted(world) == [(VOICEMAIL, "closed")] and world.contact(call).state is ContactState.DIVERTED


def test_who_was_sent_on_is_sent_on_again_when_that_queue_closes_too() -> None:
    world = closing(closed=ToQueue(queue=SUPPORT))
    made = world.floor.plan
    sales, support = made.queues
    support = msgspec.structs.replace(support, closed=VOICEMAIL, at_closing=AtClosing.SEND)
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(made, sha256="c" * 64, queues=(sales, support))))
    turn(world, False)
    call = world.arrive(SALES)
    assert world.contact(call).queue == SUPPORT
    switch(world, False, queue=SUPPORT)
    world.put(inp.TimePassed())
    assert diverted(world) == [(ToQueue(queue=SUPPORT), "closed"), (VOICEMAIL, "closed_by_hand")]


def test_a_closing_whose_time_is_over_sends_nobody_in_that_moment() -> None:
    """A step that goes to a queue, due when the supervisor's closing of that queue ends, or both read late."""
    made = plan()
    support = {"closed": ToMessage(sound="closed")}
    sales = {"steps": (RoutingStep(after_s=60, go=ToQueue(queue=SUPPORT)),)}
    queues = tuple(msgspec.structs.replace(queue, **(sales if queue.id == SALES else support)) for queue in made.queues)
    world = open_world(msgspec.structs.replace(made, queues=queues))
    call = world.arrive(SALES)
    switch(world, False, queue=SUPPORT, for_s=59)
    world.wait(120).put(inp.TimePassed())
    assert world.kinds() == ["HoursSwitched"]
    assert world.floor.wake_at() is not None
    world.put(inp.TimePassed())
    assert world.kinds() == ["ContactDiverted", "ContactQueued"]
    assert (world.contact(call).state, world.contact(call).queue) == (ContactState.WAITING, SUPPORT)

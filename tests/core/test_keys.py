"""Keys by which a caller who waits goes elsewhere: the place is kept, and each is followed once."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import DivertCaller, MoveToHold
from contactd.core.contact import ContactState
from contactd.core.destination import ToExternal, ToMenu, ToMessage, ToQueue, ToVoicemail, Way
from contactd.core.dialling import DialRules
from contactd.core.ids import DiversionId, QueueId
from contactd.core.inputs import Place
from contactd.core.plan import Medium
from tests.core.world import SALES, SUPPORT, World, going, open_world, plan, seen

BOX = ToVoicemail(box="100")


def press(world: World, call: inp.CallArrived, to: Way, number: int = 1) -> None:
    world.put(inp.KeyPressed(contact=call.contact, diversion=DiversionId(f"key-{number}"), to=to))


def found(call: inp.CallArrived, place: Place, to: Way, number: int = 1, queue: str = SALES) -> inp.CallSeen:
    made = seen(call, place, queue=SALES if queue == SALES else SUPPORT, queued_at=None)
    return msgspec.structs.replace(made, diversion=DiversionId(f"key-{number}"), diverted_to=to)


def held(world: World, call: inp.CallArrived, to: Way, number: int, queue: str) -> None:
    """The hold's word, with the last key on the channel."""
    world.put(
        inp.CallHeld(
            contact=call.contact,
            pbx=call.pbx,
            call=call.call,
            channel=call.channel,
            dnis=call.dnis,
            queue=SALES if queue == SALES else SUPPORT,
            queued_at=world.now,
            diversion=DiversionId(f"key-{number}"),
            diverted_to=to,
        )
    )


def test_a_key_out_of_all_queues_is_a_fact_and_no_command() -> None:
    world = open_world()
    call = world.arrive(SALES)
    press(world.wait(5), call, BOX)
    (gone,) = world.facts(ev.ContactDiverted)
    assert isinstance(gone, ev.ContactDiverted)
    assert (gone.why, gone.to, gone.diversion, gone.queue) == ("key", BOX, "key-1", SALES)
    assert world.commands == [] and world.contact(call).state is ContactState.DIVERTED
    world.hang_up(call)
    (ended,) = world.facts(ev.ContactEnded)
    assert isinstance(ended, ev.ContactEnded) and (ended.outcome, ended.waited_s) == ("diverted_voicemail", 5)


def test_who_leaves_no_message_is_before_those_who_came_later() -> None:
    world = open_world()
    first, second = world.arrive(SALES), world.arrive(SALES)
    press(world.wait(1), first, BOX)
    world.put(inp.DestinationFailed(contact=first.contact, diversion=DiversionId("key-1"), status="RETURNED"))
    assert world.facts(ev.DiversionFailed)[-1].failure == "returned"  # type: ignore[attr-defined]
    held(world, first, BOX, 1, SALES)
    assert world.kinds() == ["ContactHeld"]
    world.sign_in("anna")
    assert world.agent("anna").contact == first.contact
    assert world.contact(second).state is ContactState.WAITING


def test_while_the_caller_is_at_a_box_an_agent_gets_the_next_in_line() -> None:
    world = open_world()
    first, second = world.arrive(SALES), world.arrive(SALES)
    press(world.wait(1), first, BOX)
    world.sign_in("anna")
    assert world.agent("anna").contact == second.contact


def test_to_another_queue_the_wait_goes_along_and_no_rule_leads_straight_back() -> None:
    floor_plan = plan()
    sales, support = floor_plan.queues
    support = msgspec.structs.replace(support, max_waiting=1, full=ToQueue(queue=SALES))
    world = open_world(msgspec.structs.replace(floor_plan, queues=(sales, support)))
    world.arrive(SUPPORT)
    call = world.arrive(SALES)
    since = world.contact(call).queued_at
    press(world.wait(9), call, ToQueue(queue=SUPPORT))
    contact = world.contact(call)
    assert (contact.queue, contact.queued_at, contact.passed, contact.held) == (SUPPORT, since, (SALES,), True)
    # And back by the same way, as often as they like.
    press(world.wait(1), call, ToQueue(queue=SALES), 2)
    contact = world.contact(call)
    assert (contact.queue, contact.queued_at, contact.passed) == (SALES, since, (SUPPORT,))


def test_the_limits_of_the_queue_that_a_key_leads_to_count() -> None:
    floor_plan = plan()
    sales, support = floor_plan.queues
    support = msgspec.structs.replace(support, max_waiting=1, full=BOX)
    world = open_world(msgspec.structs.replace(floor_plan, queues=(sales, support)))
    world.arrive(SUPPORT)
    call = world.arrive(SALES)
    press(world, call, ToQueue(queue=SUPPORT))
    assert world.contact(call).state is ContactState.DIVERTED
    assert [type(command) for command in world.commands] == [DivertCaller]


def test_the_queue_of_a_key_that_is_gone_meanwhile_is_the_default_one() -> None:
    world = open_world()
    call = world.arrive(SUPPORT)
    press(world, call, ToQueue(queue=QueueId("closed_down")))
    assert world.contact(call).queue == SALES


def test_an_agent_who_is_offered_the_caller_in_the_moment_of_the_key_keeps_them() -> None:
    world = open_world()
    world.sign_in("anna")
    call = world.arrive(SALES)
    press(world, call, ToQueue(queue=SUPPORT))
    assert world.kinds() == [] and world.contact(call).state is ContactState.OFFERED
    # The offer fails: the channel knows of the key.
    world.fail(call, "NOANSWER")
    held(world, call, ToQueue(queue=SUPPORT), 1, SUPPORT)
    assert world.contact(call).queue == SUPPORT and world.contact(call).passed == (SALES,)


def test_the_menu_keeps_the_place_and_no_agent_comes_there() -> None:
    world = open_world()
    call = world.arrive(SALES)
    since = world.contact(call).queued_at
    press(world.wait(3), call, ToMenu())
    assert world.contact(call).state is ContactState.MENU
    world.sign_in("anna")
    assert world.agent("anna").contact is None
    world.put(inp.MenuAnswered(contact=call.contact, menu="main", choice="1", queue=SALES))
    held(world.wait(3), call, ToMenu(), 1, SALES)
    assert world.kinds()[0] == "ContactHeld"
    assert world.contact(call).queued_at == since and world.agent("anna").contact == call.contact


@pytest.mark.parametrize("chosen", [True, False])
def test_from_the_menu_into_another_queue_or_back_when_it_broke_off(chosen: bool) -> None:
    world = open_world()
    call = world.arrive(SALES)
    since = world.contact(call).queued_at
    press(world.wait(3), call, ToMenu())
    world.put(inp.MenuAnswered(contact=call.contact, menu="main", choice="2", queue=SUPPORT))
    # The menu's word was heard; the channel may not have got it.
    held(world.wait(3), call, ToMenu(), 1, SUPPORT if chosen else SALES)
    contact = world.contact(call)
    assert (contact.queue, contact.queued_at, contact.held) == (SUPPORT if chosen else SALES, since, True)
    assert contact.passed == ((SALES,) if chosen else ())


def test_who_hangs_up_in_the_menu_with_a_place_has_abandoned_the_wait() -> None:
    world = open_world()
    call = world.arrive(SALES)
    press(world.wait(3), call, ToMenu())
    world.wait(2).hang_up(call)
    (ended,) = world.facts(ev.ContactEnded)
    assert isinstance(ended, ev.ContactEnded) and (ended.outcome, ended.waited_s) == ("abandoned_waiting", 5)


def test_a_key_that_was_followed_is_not_followed_again() -> None:
    world = open_world()
    call = world.arrive(SALES)
    press(world, call, ToQueue(queue=SUPPORT), 3)
    press(world, call, ToQueue(queue=SALES), 3)
    assert world.kinds() == []
    world.compare(found(call, Place.HOLD, ToQueue(queue=SUPPORT), 3, SUPPORT))
    assert world.kinds() == [] and world.contact(call).queue == SUPPORT
    press(world, call, BOX, 2)
    assert world.kinds() == []


@pytest.mark.parametrize(
    ("place", "to", "queue", "state"),
    [
        (Place.HOLD, ToQueue(queue=SUPPORT), SUPPORT, "waiting"),
        (Place.HOLD, BOX, SALES, "waiting"),
        (Place.HOLD, ToMessage(sound="x"), SALES, "waiting"),
        (Place.HOLD, ToMenu(), SUPPORT, "waiting"),
        (Place.DIVERTED, BOX, SALES, "diverted"),
        (Place.MENU, ToMenu(), SALES, "menu"),
        (Place.FALLBACK, ToQueue(queue=SUPPORT), SUPPORT, "fallback"),
    ],
)
def test_what_was_pressed_while_nobody_listened_is_found_out_once(
    place: Place, to: Way, queue: str, state: str
) -> None:
    world = open_world()
    call = world.arrive(SALES)
    since = world.contact(call).queued_at
    world.wait(20).compare(found(call, place, to, 2, queue))
    contact = world.contact(call)
    assert (contact.state, contact.queue, contact.queued_at) == (state, queue, since)
    assert len(world.facts(ev.ContactDiverted)) == (place is not Place.FALLBACK)
    world.wait(20).compare(found(call, place, to, 2, queue))
    assert [kind for kind in world.kinds() if kind != "ContactHeld"] == []


def test_a_caller_who_was_never_met_brings_the_number_of_the_keys_so_far() -> None:
    floor_plan = going(ToQueue(queue=SUPPORT), 30)
    world = open_world(floor_plan)
    call = inp.CallArrived(contact=world.arrive().contact, pbx=plan().agents[0].pbx, call="c", channel="x", dnis="1")
    world.hang_up(call)
    world.compare(found(call, Place.HOLD, ToQueue(queue=SALES), 4))
    world.wait(40).put(inp.TimePassed())
    assert world.contact(call).queue == SUPPORT
    world.compare(found(call, Place.HOLD, ToQueue(queue=SALES), 4))
    assert world.contact(call).queue == SUPPORT, "a key of long ago leads nobody back"


def test_a_key_after_another_that_led_to_a_box_is_found_after_a_silence() -> None:
    """Heard: to the box. Not heard: back, and to another queue."""
    world = open_world()
    call = world.arrive(SALES)
    press(world, call, BOX)
    world.wait(20).compare(found(call, Place.HOLD, ToQueue(queue=SUPPORT), 2, SUPPORT))
    assert world.kinds() == ["DiversionFailed", "ContactDiverted", "ContactQueued"]
    assert world.contact(call).queue == SUPPORT and world.commands == []


def test_in_the_silence_a_key_led_from_one_box_to_another() -> None:
    world = open_world()
    call = world.arrive(SALES)
    press(world, call, BOX)
    world.wait(20).compare(found(call, Place.DIVERTED, ToVoicemail(box="200"), 2))
    assert world.kinds() == ["DiversionFailed", "ContactDiverted"]
    assert world.contact(call).diverted_to == ToVoicemail(box="200")


def test_who_was_sent_away_by_contactd_is_sent_again_when_only_keys_were_heard_of() -> None:
    world = open_world(going(BOX, 10))
    call = world.arrive(SALES)
    press(world, call, ToMessage(sound="x"))
    world.put(inp.DestinationFailed(contact=call.contact, diversion=DiversionId("key-1"), status="RETURNED"))
    held(world, call, ToMessage(sound="x"), 1, SALES)
    world.wait(20).put(inp.TimePassed())
    (first,) = world.commands
    world.wait(20).compare(found(call, Place.HOLD, ToMessage(sound="x"), 1))
    (again,) = world.commands
    assert isinstance(first, DivertCaller) and again == first


def test_a_talk_that_was_had_since_makes_an_old_key_nothing() -> None:
    world = open_world()
    world.sign_in("anna")
    call = world.arrive(SALES)
    world.answer(call)
    world.agent_hangs_up(call, transferred=True)
    held(world, call, BOX, 1, SUPPORT)
    assert "ContactDiverted" not in world.kinds()
    assert world.contact(call).queue == SUPPORT


def test_a_comparison_after_a_talk_makes_an_old_key_nothing() -> None:
    world = open_world()
    world.sign_in("anna")
    call = world.arrive(SALES)
    world.answer(call)
    world.wait(5).compare(found(call, Place.HOLD, BOX))
    assert "ContactDiverted" not in world.kinds() and world.contact(call).held


def test_in_the_static_queue_the_key_counts_more_than_the_way_before_it() -> None:
    """To support by a step, back to sales by a key that nobody heard."""
    world = open_world(going(ToQueue(queue=SUPPORT), 10))
    call = world.arrive(SALES)
    world.wait(11).put(inp.TimePassed())
    assert world.contact(call).passed == (SALES,)
    world.compare(found(call, Place.FALLBACK, ToQueue(queue=SALES)))
    assert world.contact(call).queue == SALES


def test_a_key_that_dials_outside_too_often_is_taken_back() -> None:
    rules = DialRules(all_an_hour=1)
    world = open_world(msgspec.structs.replace(plan(), dialling=rules))
    first, second = world.arrive(SALES), world.arrive(SALES)
    press(world, first, ToExternal(number="030123"))
    assert world.commands == [] and world.contact(first).state is ContactState.DIVERTED
    press(world, second, ToExternal(number="030123"))
    assert world.kinds() == ["ContactDiverted", "DiversionFailed"]
    assert [type(command) for command in world.commands] == [MoveToHold]
    held(world, second, ToExternal(number="030123"), 1, SALES)
    assert world.kinds() == ["ContactHeld"] and world.contact(second).held


def test_nobody_presses_keys_in_what_is_written() -> None:
    world = open_world()
    letter = world.receive(Medium.MAIL)
    world.put(inp.KeyPressed(contact=letter, diversion=DiversionId("key-1"), to=BOX))
    assert world.kinds() == []

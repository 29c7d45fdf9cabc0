"""What is said to a caller who waits, and when."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcements import Announcements, Message, Range, SayMessage, SayPosition, SayWelcome, Times
from contactd.core.announcing import AT_ONCE, spoken_range
from contactd.core.commands import Announce, RingAgent
from contactd.core.contact import Estimate
from contactd.core.destination import ToMessage, ToQueue
from contactd.core.events import AnnouncementEnd
from contactd.core.floor import LiveFloor
from contactd.core.ids import AnnouncementId
from contactd.core.inputs import CallArrived, Place
from contactd.core.plan import FloorPlan, Medium, RoutingStep
from contactd.core.step import Step
from tests.core.world import ANNA, BILAL, SALES, SUPPORT, World, going, never_announced, open_world, plan, seen

WELCOME = Announcements(welcome=("custom/welcome",))
OFTEN = Announcements(position=Times(after_s=30, every_s=60))


def saying(announcements: Announcements, floor_plan: FloorPlan | None = None) -> FloorPlan:
    """As floor_plan, but its first queue announces something."""
    made = floor_plan or plan({ANNA: [SALES]})
    first, *others = made.queues
    return msgspec.structs.replace(
        made, queues=(msgspec.structs.replace(first, announcements=announcements), *others), sha256="e" * 64
    )


def told(made: Step) -> list[ev.ContactAnnounced]:
    return [event for event in made.events if isinstance(event, ev.ContactAnnounced)]


def when_due(world: World) -> Step:
    """The clock goes on to the next alarm."""
    at = world.floor.wake_at()
    assert at is not None and at >= world.now
    world.now = at
    return world.put(inp.TimePassed())


def over(world: World, call: CallArrived, after_s: float = 4.0, status: str = "SUCCESS") -> Step:
    hears = world.contact(call).hears
    assert hears is not None and hears.saying is not None
    world.wait(after_s)
    return world.put(inp.AnnouncementTold(contact=call.contact, announcement=hears.saying, status=status))


def test_the_welcome_is_said_at_once_and_only_once() -> None:
    world = open_world(saying(WELCOME))
    call = world.arrive(SALES)
    made = when_due(world)
    assert made.at == world.contact(call).queued_at
    (fact,) = told(made)
    assert fact.said == (SayWelcome(sounds=("custom/welcome",)),) and fact.due == made.at
    assert made.commands == [
        Announce(
            pbx=call.pbx, contact=call.contact, channel=call.channel, announcement=fact.announcement, said=fact.said
        )
    ]
    assert over(world, call).events == [
        ev.AnnouncementEnded(contact=call.contact, announcement=fact.announcement, end=AnnouncementEnd.HEARD)
    ]
    assert world.floor.wake_at() is None


def test_times_are_points_on_a_grid_so_that_nothing_drifts() -> None:
    world = open_world(saying(OFTEN))
    call = world.arrive(SALES)
    began = world.now
    for expected in (30, 90, 150, 210):
        made = when_due(world)
        assert made.at == began + expected
        over(world, call, 7.5)


def test_what_is_due_together_is_said_in_one_go() -> None:
    both = Announcements(
        position=Times(after_s=30),
        messages=(Message(id="web", sounds=("custom/web",), times=Times(after_s=30, every_s=40)),),
    )
    world = open_world(saying(both))
    world.arrive(SALES)
    (fact,) = told(when_due(world))
    assert fact.said == (SayPosition(position=1), SayMessage(id="web", sounds=("custom/web",)))


def test_what_comes_due_during_an_announcement_is_said_a_second_after_it() -> None:
    near = Announcements(
        welcome=("custom/welcome",),
        messages=(Message(id="web", sounds=("custom/web",), times=Times(after_s=3)),),
    )
    world = open_world(saying(near))
    call = world.arrive(SALES)
    began = when_due(world).at
    assert told(world.wait(3).put(inp.TimePassed())) == []
    over(world, call, 2)
    made = when_due(world)
    assert made.at == began + 6
    assert told(made)[0].due == began + 3


def test_an_announcement_that_nobody_ends_is_over_after_three_minutes() -> None:
    world = open_world(saying(OFTEN))
    world.arrive(SALES)
    first = when_due(world).at
    made = when_due(world)
    assert made.at == first + 180
    # What was missed meanwhile is not said one after the other.
    assert len(told(made)) == 1 and told(made)[0].due == first + 60
    assert told(when_due(world))[0].due == first + 240


def test_an_agent_who_gets_ready_is_offered_the_caller_who_hears_something() -> None:
    world = open_world(saying(WELCOME))
    call = world.arrive(SALES)
    when_due(world)
    world.sign_in(ANNA)
    assert isinstance(world.commands[0], RingAgent)
    assert world.contact(call).state == "offered" and not world.floor.timers.announcements.times
    # Cut off: what the dialplan says of it comes from a moment before.
    hears = world.contact(call).hears
    assert hears is not None


def test_what_an_offer_cut_off_is_not_said_again_and_the_next_comes_a_second_later_at_the_earliest() -> None:
    twice = Announcements(messages=(Message(id="web", sounds=("x",), times=Times(after_s=10, every_s=20)),))
    world = open_world(saying(twice))
    call = world.arrive(SALES)
    began = world.now
    when_due(world)
    world.sign_in(ANNA)
    world.wait(18.5)
    world.fail(call, "NOANSWER", 19)
    world.hold(call)
    back = world.now
    made = when_due(world)
    assert told(made)[0].due == began + 30 and made.at == max(began + 30, back + 1)
    late = world.put(inp.AnnouncementTold(contact=call.contact, announcement=AnnouncementId("1-1"), status="SUCCESS"))
    assert late.events == []


def test_the_position_counts_who_waits_rings_and_is_on_the_way_back() -> None:
    world = open_world(saying(Announcements(position=Times(after_s=5, every_s=10))))
    first, second, third = (world.arrive(SALES) for _ in range(3))
    world.sign_in(ANNA)
    assert world.contact(first).state == "offered"
    world.fall_back(second)
    assert world.floor.positions.of(world.contact(third)) == 3
    world.answer(first)
    assert world.floor.positions.of(world.contact(third)) == 2
    world.hang_up(second)
    assert world.floor.positions.of(world.contact(third)) == 1


def test_who_stands_too_far_behind_hears_no_position_and_the_time_goes_by() -> None:
    world = open_world(saying(Announcements(position=Times(after_s=5, every_s=60), position_up_to=1)))
    world.arrive(SALES)
    behind = world.arrive(SALES)
    made = when_due(world)
    assert told(made)[0].said == (SayPosition(position=1),)
    made = when_due(world)
    (fact,) = told(made)
    assert (fact.contact, fact.said, fact.unsaid) == (behind.contact, (), ("position",))
    assert made.commands == []
    assert world.floor.timers.announcements.times[behind.contact] == made.at + 60


def test_a_wait_that_nobody_knows_is_not_said() -> None:
    world = open_world(saying(Announcements(wait=Times(after_s=5, every_s=60))))
    world.arrive(SALES)
    (fact,) = told(when_due(world))
    assert (fact.said, fact.unsaid, fact.estimate) == ((), ("wait",), None)


@pytest.mark.parametrize(
    ("low_s", "high_s", "expected"),
    [(10, 50, (0, 1)), (60, 60, (1, 1)), (119, 121, (1, 3)), (301, 899, (5, 15)), (20_000, 30_000, (240, 240))],
)
def test_a_wait_is_said_in_minutes_as_people_say_them(low_s: float, high_s: float, expected: tuple[int, int]) -> None:
    said = spoken_range(Estimate(low_s=low_s, median_s=(low_s + high_s) / 2, high_s=high_s), None)
    assert said is not None and (said.low_min, said.high_min) == expected


def test_the_wait_that_is_announced_never_grows() -> None:
    first = spoken_range(Estimate(low_s=130, median_s=200, high_s=290), None)
    assert first == Range(low_min=2, high_min=5)
    assert spoken_range(Estimate(low_s=400, median_s=700, high_s=1200), first) == first
    assert spoken_range(Estimate(low_s=10, median_s=30, high_s=50), first) == Range(low_min=0, high_min=1)
    assert spoken_range(None, first) is None


def test_the_wait_never_grows_though_the_caller_goes_on_to_another_queue() -> None:
    wait = Announcements(wait=Times(after_s=5, every_s=10))
    two = going(ToQueue(queue=SUPPORT), 20, saying(wait, plan({ANNA: [SALES, SUPPORT], BILAL: [SUPPORT]})))
    first, second = two.queues
    second = msgspec.structs.replace(second, announcements=wait)
    world = open_world(msgspec.structs.replace(two, queues=(first, second)))
    world.sign_in(ANNA)
    talking = world.arrive(SALES)
    world.answer(talking)
    call = world.arrive(SALES)
    when_due(world)
    over(world, call, 3)
    last = None
    while world.contact(call).queue != SUPPORT:
        hears = world.contact(call).hears
        assert hears is not None and hears.last is not None
        last = hears.last
        when_due(world)
    hears = world.contact(call).hears
    assert hears is not None and last is not None and hears.last == last
    assert hears.since == world.now


def test_another_queue_welcomes_and_who_was_waiting_before_we_came_is_not_welcomed() -> None:
    made = going(ToQueue(queue=SUPPORT), 20, plan({ANNA: [SALES]}))
    first, second = made.queues
    second = msgspec.structs.replace(second, announcements=WELCOME)
    world = open_world(msgspec.structs.replace(made, queues=(first, second)))
    world.arrive(SALES)
    when_due(world)
    assert told(when_due(world))[0].queue == SUPPORT
    waiting = never_announced(99, world.now)
    world.compare(seen(waiting, Place.HOLD, queue=SUPPORT, queued_at=world.now - 60))
    assert waiting.contact in world.floor.contacts and waiting.contact not in world.floor.timers.announcements.times


def test_the_welcome_of_another_queue_waits_for_what_is_still_said_of_the_first() -> None:
    late = Announcements(messages=(Message(id="web", sounds=("x",), times=Times(after_s=18)),))
    first, second = going(ToQueue(queue=SUPPORT), 20, saying(late, plan({ANNA: [SALES]}))).queues
    second = msgspec.structs.replace(second, announcements=WELCOME)
    world = open_world(msgspec.structs.replace(plan({ANNA: [SALES]}), queues=(first, second)))
    call = world.arrive(SALES)
    when_due(world)
    assert world.contact(call).queue == SALES
    when_due(world)
    assert world.contact(call).queue == SUPPORT
    over(world, call, 5)
    ended = world.now
    made = when_due(world)
    assert made.at == ended + 1 and told(made)[0].queue == SUPPORT


def test_who_goes_elsewhere_by_the_same_step_hears_nothing() -> None:
    both = saying(Announcements(position=Times(after_s=20)), going(ToMessage(sound="x"), 20, plan({ANNA: [SALES]})))
    world = open_world(both)
    world.arrive(SALES)
    made = when_due(world)
    assert told(made) == [] and not world.floor.timers.announcements.times


def test_a_step_that_lets_more_agents_in_and_an_announcement_come_together() -> None:
    made = saying(Announcements(position=Times(after_s=20)), plan({ANNA: [SALES]}))
    first, *others = made.queues
    first = msgspec.structs.replace(first, steps=(RoutingStep(after_s=20, boost_s=5),))
    world = open_world(msgspec.structs.replace(made, queues=(first, *others)))
    world.arrive(SALES)
    when_due(world)
    assert world.kinds() == ["ContactRelaxed", "ContactAnnounced"]


def test_nothing_is_said_while_the_pbx_is_not_steered() -> None:
    world = open_world(saying(OFTEN))
    call = world.arrive(SALES)
    world.put(inp.PbxAbsent(pbx=call.pbx, why="?"))
    assert world.floor.wake_at() is None
    world.wait(100)
    world.compare(seen(call, Place.HOLD, queued_at=world.contact(call).queued_at))
    made = world.put(inp.TimePassed())
    assert len(told(made)) == 1


def test_the_end_that_nobody_heard_is_found_by_a_comparison() -> None:
    world = open_world(saying(OFTEN))
    call = world.arrive(SALES)
    (fact,) = told(when_due(world))
    there = seen(call, Place.HOLD, queued_at=world.contact(call).queued_at)
    world.wait(5).compare(there)
    assert world.steps[-1].events == []
    world.compare(msgspec.structs.replace(there, announced=fact.announcement))
    assert world.kinds() == ["AnnouncementEnded"]


def test_after_a_silence_offers_do_not_wait_for_hundreds_of_announcements() -> None:
    world = open_world(saying(OFTEN))
    for _ in range(AT_ONCE + 5):
        world.arrive(SALES)
    world.wait(200)
    assert len(told(world.put(inp.TimePassed()))) == AT_ONCE
    assert len(told(world.put(inp.TimePassed()))) == 5


def test_a_new_configuration_is_heard_by_who_waits_already_from_the_next_time_on() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.arrive(SALES)
    began = world.now
    world.wait(100).put(inp.ConfigurationLoaded(plan=saying(OFTEN)))
    made = when_due(world)
    assert made.at == began + 150 and told(made)[0].said == (SayPosition(position=1),)


def test_an_announcement_that_the_pbx_cannot_carry_out_is_told_and_the_next_one_tried() -> None:
    world = open_world(saying(OFTEN))
    call = world.arrive(SALES)
    first = when_due(world).at
    (ended,) = over(world, call, 0.1, inp.NOT_SENT).events
    assert isinstance(ended, ev.AnnouncementEnded) and ended.end is AnnouncementEnd.NOT_SENT
    assert when_due(world).at == first + 60


def test_what_no_pbx_carries_hears_nothing() -> None:
    world = open_world(saying(OFTEN))
    mail = world.receive(Medium.MAIL)
    assert world.floor.contacts[mail].hears is None


def test_a_floor_made_again_says_the_same() -> None:
    world = open_world(saying(OFTEN))
    world.arrive(SALES)
    when_due(world)
    again = LiveFloor(msgspec.msgpack.decode(msgspec.msgpack.encode(world.floor.state), type=type(world.floor.state)))
    assert (
        again.timers.announcements.times == world.floor.timers.announcements.times
        and again.wake_at() == world.floor.wake_at()
    )

"""A new configuration while people are in the middle of something."""

from __future__ import annotations

from contactd.core import inputs as inp
from contactd.core.agent import AgentState, Handset, Status
from contactd.core.contact import ContactState
from contactd.core.ids import QueueId
from contactd.core.inputs import Place
from tests.core.world import ANNA, BILAL, PBX, SALES, SUPPORT, World, open_world, plan, seen

OTHER = QueueId("other")


def load(world: World, **words: object) -> list[str]:
    world.put(inp.ConfigurationLoaded(plan=plan(mark="b", **words)))  # type: ignore[arg-type]
    return world.kinds()


def test_the_same_configuration_again_says_nothing() -> None:
    assert open_world().put(inp.ConfigurationLoaded(plan=plan())).events == []


def test_contacts_of_a_removed_queue_wait_in_the_default_one_at_their_place() -> None:
    world = open_world(plan(queues=(SALES, OTHER)))
    call = world.arrive(OTHER)
    place = world.contact(call).queued_at
    assert load(world) == ["FloorConfigured", "ContactQueued"]
    contact = world.contact(call)
    assert (contact.queue, contact.queued_at, contact.held) == (SALES, place, True)


def test_moving_out_of_a_removed_queue_does_not_pretend_that_the_caller_is_held() -> None:
    world = open_world(plan(queues=(SALES, OTHER)))
    world.sign_in(ANNA, BILAL)
    call = world.arrive(OTHER)
    world.fail(call, "CANCEL")
    load(world)
    assert not world.contact(call).held
    assert world.commands == []
    world.hold(call, OTHER)
    assert world.contact(call).queue == SALES
    assert world.contact(call).agent == ANNA


def test_a_comparison_moves_a_caller_out_of_a_queue_that_is_gone() -> None:
    world = open_world(plan(queues=(SALES, OTHER)))
    world.sign_in(ANNA)
    call = world.arrive(OTHER)
    place = world.contact(call).queued_at
    world.fail(call, "CANCEL")
    load(world)
    world.compare(seen(call, Place.HOLD, queue=OTHER, queued_at=place))
    assert world.contact(call).queue == SALES
    assert world.contact(call).agent == ANNA


def test_new_agents_and_queues_are_served_at_once() -> None:
    world = open_world(plan({}, queues=(SALES,)))
    call = world.arrive(SALES)
    load(world)
    world.sign_in(BILAL)
    assert world.contact(call).agent == BILAL


def test_an_agent_who_left_is_gone_and_offered_nothing() -> None:
    world = open_world()
    world.sign_in(ANNA)
    load(world, agents={BILAL: [SALES]})
    assert ANNA not in world.floor.agents
    assert world.contact(world.arrive(SALES)).agent is None
    assert world.put(inp.SignInAsked(agent=ANNA, pin_right=True)).events == []


def test_an_agent_who_left_finishes_the_talk_signed_out() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    load(world, agents={BILAL: [SALES]})
    agent = world.agent(ANNA)
    assert (agent.status, agent.reason, agent.state) == (Status.SIGNED_OUT, "", AgentState.BUSY)
    world.hang_up(call)
    assert world.agent(ANNA).state is AgentState.WRAP_UP
    load(world, agents={BILAL: [SALES]}, wrap_up_s=1)
    world.wait(60).put(inp.TimePassed())
    load(world, agents={BILAL: [SALES]}, wrap_up_s=2)
    assert ANNA not in world.floor.agents


def test_a_ringing_offer_outlives_its_agents_removal() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    load(world, agents={BILAL: [SALES]})
    world.answer(call)
    assert world.contact(call).state is ContactState.CONNECTED


def test_a_handset_belongs_to_whoever_the_plan_gives_it() -> None:
    world = open_world(plan({BILAL: [SALES], ANNA: [SALES]}))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    # Anna leaves in the middle of a talk, and her handset, 1002, is Bilal's now.
    load(world, agents={BILAL: [SALES]}, endpoints={BILAL: "1002"})
    world.put(inp.HandsetChanged(pbx=PBX, endpoint="1002", handset=Handset.IN_USE))
    assert world.agent(BILAL).handset is Handset.IN_USE


def test_changed_skills_decide_the_next_offer() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    call = world.arrive(SUPPORT)
    assert world.contact(call).agent is None
    load(world, agents={ANNA: [SUPPORT]})
    assert world.contact(call).agent == ANNA


def test_wrap_up_is_that_of_the_plan_at_the_talks_end() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    load(world, wrap_up_s=7)
    world.hang_up(call)
    assert world.agent(ANNA).wrap_up_until == world.now + 7

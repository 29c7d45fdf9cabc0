"""The rules of routing by example: skills, steps, groups, strategies, boosts, a preferred agent, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.contact import STICKY, ContactState, Needs
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import AgentId, ContactId, GroupId, QueueId, SkillId
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan, RoutingStep, Skills, Strategy
from contactd.core.routing.explain import verdicts
from contactd.core.routing.reasons import Reason
from contactd.core.routing.strategies import drawn
from contactd.core.step import step
from tests.core.world import PBX, SALES, SUPPORT, World, open_world

GERMAN, CARDS = SkillId("german"), SkillId("cards")
EXPERTS, RESERVE = GroupId("experts"), GroupId("reserve")


def agent(
    name: str,
    queues: tuple[QueueId, ...] = (SALES,),
    *,
    skills: Skills | None = None,
    groups: tuple[GroupId, ...] = (),
    weight: int = 1,
) -> AgentProfile:
    handset = str(1000 + sum(map(ord, name)))
    return AgentProfile(
        id=AgentId(name), pbx=PBX, endpoint=handset, queues=queues, skills=skills or {}, groups=groups, weight=weight
    )


def world_of(*agents: AgentProfile, support: QueuePlan | None = None, **sales: object) -> World:
    """The queue sales as said, another one, and these agents signed in, the first idle for longest."""
    queues = (QueuePlan(id=SALES, **sales), support or QueuePlan(id=SUPPORT))  # type: ignore[arg-type]
    world = open_world(FloorPlan(sha256="a" * 64, queues=queues, agents=agents, default_queue=SALES))
    world.sign_in(*(profile.id for profile in agents))
    return world


def agent_of(world: World, call: inp.CallArrived) -> AgentId | None:
    return world.contact(call).agent


def arrive_with(world: World, needs: Needs, queue: QueueId = SALES) -> inp.CallArrived:
    call = world.arrive()
    world.put(inp.NeedsAsked(contact=call.contact, needs=needs))
    world.hold(call, queue)
    return call


def talk(world: World, call: inp.CallArrived) -> None:
    """The whole of it, with its wrap-up."""
    name = agent_of(world, call)
    assert name is not None
    world.answer(call)
    world.wait(60).hang_up(call)
    world.wait(30).put(inp.TimePassed())


def pass_time(world: World, seconds: float) -> list[str]:
    world.wait(seconds).put(inp.TimePassed())
    return world.kinds()


# --- skills -----------------------------------------------------------------------------------------------------------


def test_only_an_agent_with_the_levels_that_the_queue_asks_for_is_offered() -> None:
    world = world_of(
        agent("low", skills={GERMAN: 4}), agent("none"), agent("right", skills={GERMAN: 5}), skills={GERMAN: 5}
    )
    assert agent_of(world, world.arrive(SALES)) == "right"
    assert agent_of(world, world.arrive(SALES)) is None


def test_every_skill_must_be_there() -> None:
    world = world_of(agent("one", skills={GERMAN: 9}), skills={GERMAN: 5, CARDS: 1})
    assert agent_of(world, world.arrive(SALES)) is None


def test_what_the_contact_needs_adds_to_what_the_queue_asks_for() -> None:
    world = world_of(agent("queue", skills={CARDS: 9}), agent("both", skills={CARDS: 9, GERMAN: 8}), skills={CARDS: 3})
    assert agent_of(world, arrive_with(world, Needs(skills={GERMAN: 8}))) == "both"
    assert agent_of(world, arrive_with(world, Needs(skills={GERMAN: 8}))) is None
    assert agent_of(world, arrive_with(world, Needs(skills={CARDS: 2}))) == "queue"


def test_of_the_queues_and_the_contacts_level_the_higher_one_counts() -> None:
    world = world_of(agent("two", skills={CARDS: 2}), agent("four", skills={CARDS: 4}), skills={CARDS: 3})
    assert agent_of(world, arrive_with(world, Needs(skills={CARDS: 1}))) == "four"
    assert agent_of(world, arrive_with(world, Needs(skills={CARDS: 1}))) is None


def test_needs_that_are_learnt_while_waiting_count_at_once() -> None:
    world = world_of(agent("anna"), skills={GERMAN: 1})
    call = world.arrive(SALES)
    world.put(inp.NeedsAsked(contact=call.contact, needs=Needs(boost_s=5)))
    assert world.kinds() == ["ContactNeedsSet"]
    assert world.put(inp.NeedsAsked(contact=call.contact, needs=Needs(boost_s=5))).events == []
    assert world.put(inp.NeedsAsked(contact=ContactId("nobody"), needs=Needs())).events == []


def test_a_supervisor_changes_skills_with_effect_at_once_and_takes_it_back() -> None:
    world = world_of(agent("anna"), skills={GERMAN: 5})
    call = world.arrive(SALES)
    world.put(inp.SkillsAsked(agent=AgentId("anna"), skills={GERMAN: 5}))
    assert world.kinds() == ["AgentSkillsSet", "ContactOffered"]
    assert agent_of(world, call) == "anna"
    talk(world, call)
    world.put(inp.SkillsAsked(agent=AgentId("anna"), skills=None))
    assert agent_of(world, world.arrive(SALES)) is None
    assert world.put(inp.SkillsAsked(agent=AgentId("anna"), skills=None)).events == []
    assert world.put(inp.SkillsAsked(agent=AgentId("nobody"), skills={})).events == []


def test_an_idle_agents_new_skills_rank_at_once() -> None:
    world = world_of(
        agent("anna", skills={GERMAN: 5}),
        agent("bea", skills={GERMAN: 4}),
        skills={GERMAN: 1},
        strategy=Strategy.BEST_SKILL,
    )
    world.hang_up(world.arrive(SALES))
    world.put(inp.SkillsAsked(agent=AgentId("bea"), skills={GERMAN: 6}))
    assert agent_of(world, world.arrive(SALES)) == "bea"


def test_skills_set_by_a_supervisor_outlive_a_reload() -> None:
    world = world_of(agent("anna"), skills={GERMAN: 5})
    world.put(inp.SkillsAsked(agent=AgentId("anna"), skills={GERMAN: 5}))
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(world.floor.plan, sha256="b" * 64)))
    assert agent_of(world, world.arrive(SALES)) == "anna"


# --- steps ------------------------------------------------------------------------------------------------------------


def test_a_step_relaxes_what_is_asked_for_when_its_time_comes_and_not_before() -> None:
    world = world_of(
        agent("anna", skills={GERMAN: 3}), skills={GERMAN: 5}, steps=(RoutingStep(after_s=20, lower_by=2),)
    )
    call = world.arrive(SALES)
    assert world.floor.wake_at() == world.now + 20
    assert pass_time(world, 19.9) == []
    assert pass_time(world, 0.1) == ["ContactRelaxed", "ContactOffered"]
    assert agent_of(world, call) == "anna"
    assert world.floor.wake_at() is None


def test_lowering_counts_for_what_the_contact_itself_needs_as_well() -> None:
    world = world_of(agent("anna", skills={GERMAN: 1}), steps=(RoutingStep(after_s=20, lower_by=4),))
    call = arrive_with(world, Needs(skills={GERMAN: 5, CARDS: 4}))
    pass_time(world, 20)
    assert agent_of(world, call) == "anna"


def test_a_step_may_ask_for_other_skills_than_the_queue() -> None:
    steps = (RoutingStep(after_s=10, skills={CARDS: 1}), RoutingStep(after_s=20, skills={}))
    world = world_of(agent("cards", skills={CARDS: 1}), agent("none"), skills={GERMAN: 1}, steps=steps)
    first, second = world.arrive(SALES), world.arrive(SALES)
    pass_time(world, 10)
    assert (agent_of(world, first), agent_of(world, second)) == ("cards", None)
    pass_time(world, 10)
    assert agent_of(world, second) == "none"


def test_steps_that_were_slept_through_are_taken_in_one() -> None:
    steps = tuple(RoutingStep(after_s=after_s) for after_s in (10, 20, 30))
    world = world_of(skills={GERMAN: 1}, steps=steps)
    call = world.arrive(SALES)
    world.wait(25).put(inp.TimePassed())
    assert world.steps[-1].events == [ev.ContactRelaxed(contact=call.contact, step=2)]


def test_a_caller_who_is_found_after_a_silence_begins_at_the_step_of_the_whole_wait() -> None:
    world = world_of(agent("anna"), skills={GERMAN: 1}, steps=(RoutingStep(after_s=60, skills={}),))
    call = world.arrive()
    world.wait(100)
    world.hold(call, SALES, since=world.now - 61)
    assert agent_of(world, call) == "anna"


def test_the_step_outlives_an_offer_that_fails() -> None:
    world = world_of(agent("anna"), agent("bea"), skills={GERMAN: 1}, steps=(RoutingStep(after_s=5, skills={}),))
    call = world.arrive(SALES)
    pass_time(world, 5)
    world.wait(20).fail(call, "NOANSWER")
    world.hold(call, SALES)
    assert agent_of(world, call) == "bea"


def test_another_queue_begins_at_its_own_first_step() -> None:
    support = QueuePlan(id=SUPPORT, skills={GERMAN: 1}, steps=(RoutingStep(after_s=1000, skills={}),))
    world = world_of(agent("anna", (SALES, SUPPORT)), support=support, steps=(RoutingStep(after_s=5),))
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    call = world.arrive(SALES)
    pass_time(world, 5)
    world.hold(call, SUPPORT)
    assert world.contact(call).step == 0
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert agent_of(world, call) is None


def test_a_plan_that_became_shorter_leaves_contacts_at_its_last_step() -> None:
    steps = (RoutingStep(after_s=5, skills={}), RoutingStep(after_s=10, skills={CARDS: 9}))
    world = world_of(agent("anna"), skills={GERMAN: 1}, steps=steps)
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    call = world.arrive(SALES)
    pass_time(world, 10)
    queues = (QueuePlan(id=SALES, skills={GERMAN: 1}, steps=steps[:1]), QueuePlan(id=SUPPORT))
    world.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(world.floor.plan, sha256="b" * 64, queues=queues)))
    assert world.floor.wake_at() is None
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert agent_of(world, call) == "anna"


# --- groups -----------------------------------------------------------------------------------------------------------


def test_first_the_experts_then_everyone_then_the_reserve() -> None:
    steps = (RoutingStep(after_s=10), RoutingStep(after_s=20, also_groups=(RESERVE,)))
    world = world_of(
        agent("usual"),
        agent("other", (SUPPORT,), groups=(RESERVE,)),
        agent("expert", groups=(EXPERTS,)),
        only_groups=(EXPERTS,),
        steps=steps,
    )
    calls = [world.arrive(SALES) for _ in range(3)]
    assert [agent_of(world, call) for call in calls] == ["expert", None, None]
    pass_time(world, 9)
    assert [agent_of(world, call) for call in calls] == ["expert", "usual", None]
    pass_time(world, 11)
    assert [agent_of(world, call) for call in calls] == ["expert", "usual", "other"]


def test_a_reserve_needs_the_skills_as_well() -> None:
    world = world_of(agent("other", (SUPPORT,), groups=(RESERVE,)), also_groups=(RESERVE,), skills={GERMAN: 1})
    assert agent_of(world, world.arrive(SALES)) is None


# --- strategies -------------------------------------------------------------------------------------------------------


def test_fewest_contacts_counts_talks_since_the_sign_in() -> None:
    world = world_of(agent("anna"), agent("bea"), strategy=Strategy.FEWEST_CONTACTS)
    first = world.arrive(SALES)
    assert agent_of(world, first) == "anna"
    talk(world, first)
    world.put(inp.NotReadyAsked(agent=AgentId("bea"), reason="break"))
    world.wait(1).put(inp.ReadyAsked(agent=AgentId("bea")))
    second = world.arrive(SALES)
    assert agent_of(world, second) == "bea", "one talk less, though idle for a shorter time"
    talk(world, second)
    world.put(inp.SignOutAsked(agent=AgentId("bea")))
    world.sign_in("bea")
    assert agent_of(world, world.arrive(SALES)) == "bea", "the count begins again"


def test_best_skill_adds_the_levels_of_what_is_asked_for_and_what_is_preferred() -> None:
    world = world_of(
        agent("fair", skills={GERMAN: 5, CARDS: 1}),
        agent("best", skills={GERMAN: 4, CARDS: 3}),
        agent("other", skills={GERMAN: 4, SkillId("chess"): 10}),
        strategy=Strategy.BEST_SKILL,
        skills={GERMAN: 2},
        preferred_skills=(CARDS,),
    )
    calls = [world.arrive(SALES) for _ in range(3)]
    assert [agent_of(world, call) for call in calls] == ["best", "fair", "other"]


def test_equally_skilled_agents_are_taken_by_idle_time() -> None:
    world = world_of(agent("zoe"), agent("adam"), strategy=Strategy.BEST_SKILL)
    assert agent_of(world, world.arrive(SALES)) == "zoe"


def test_round_robin_goes_by_the_last_offer_whatever_became_of_it() -> None:
    world = world_of(agent("anna"), agent("bea"), agent("cleo"), strategy=Strategy.ROUND_ROBIN)
    turns = []
    for _ in range(6):
        call = world.arrive(SALES)
        turns.append(agent_of(world, call))
        # A short talk or a long one makes no difference, nor does an offer that came to nothing.
        if len(turns) % 2:
            world.hang_up(call)
        else:
            talk(world, call)
    assert turns == ["anna", "bea", "cleo"] * 2


def test_weighted_random_draws_by_weight_and_a_replay_draws_the_same() -> None:
    heavy, light = agent("heavy", weight=3), agent("light")
    agents = (heavy, light)

    def day() -> list[AgentId | None]:
        world = world_of(*agents, strategy=Strategy.WEIGHTED_RANDOM)
        found = []
        for _ in range(400):
            call = world.arrive(SALES)
            found.append(agent_of(world, call))
            world.hang_up(call)
        return found

    counts = Counter(day())
    assert 260 < counts[heavy.id] < 340 and counts[light.id] == 400 - counts[heavy.id]
    assert day() == day()


def test_a_single_agent_is_drawn_for_certain() -> None:
    world = world_of(agent("anna", weight=100), strategy=Strategy.WEIGHTED_RANDOM)
    only = world.agent("anna")
    assert {drawn([only], ContactId(f"c{n}"), n).id for n in range(50)} == {"anna"}


def test_a_step_may_bring_another_strategy() -> None:
    steps = (RoutingStep(after_s=5, skills={}, strategy=Strategy.BEST_SKILL),)
    world = world_of(
        agent("anna"), agent("bea", skills={CARDS: 2}), skills={GERMAN: 1}, preferred_skills=(CARDS,), steps=steps
    )
    call = world.arrive(SALES)
    pass_time(world, 5)
    assert agent_of(world, call) == "bea"


# --- priority ---------------------------------------------------------------------------------------------------------


def boosted(seconds: int, **support: object) -> World:
    """Support's contacts count as so much older; one agent serves both queues, and is on a break."""
    queue = QueuePlan(id=SUPPORT, boost_s=seconds, **support)  # type: ignore[arg-type]
    world = world_of(agent("anna", (SALES, SUPPORT)), support=queue)
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    return world


def test_a_boost_goes_before_those_who_wait_for_less_longer_than_it() -> None:
    # AQ #1637 ignores the priority.
    world = boosted(60)
    usual = world.arrive(SALES)
    world.wait(50)
    urgent = world.arrive(SUPPORT)
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert (agent_of(world, urgent), agent_of(world, usual)) == ("anna", None)


def test_priority_ages_so_that_nobody_starves() -> None:
    world = boosted(60)
    usual = world.arrive(SALES)
    world.wait(60)
    world.arrive(SUPPORT)
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert agent_of(world, usual) == "anna"


def test_a_boosted_queue_that_nobody_can_serve_blocks_no_other() -> None:
    # AQ #1561, #1691: a higher weight without an eligible agent stopped the lower ones.
    world = boosted(10_000, skills={GERMAN: 10})
    stuck = world.arrive(SUPPORT)
    usual = world.arrive(SALES)
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert (agent_of(world, stuck), agent_of(world, usual)) == (None, "anna")


def test_a_step_may_boost() -> None:
    steps = (RoutingStep(after_s=10, boost_s=100),)
    world = world_of(agent("anna", (SALES, SUPPORT)), steps=steps)
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    older = world.arrive(SUPPORT)
    world.wait(1)
    younger = world.arrive(SALES)
    pass_time(world, 10)
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert (agent_of(world, younger), agent_of(world, older)) == ("anna", None)


def test_a_contact_brings_its_own_boost() -> None:
    world = world_of(agent("anna"))
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    first = world.arrive(SALES)
    important = arrive_with(world, Needs(boost_s=30))
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert (agent_of(world, important), agent_of(world, first)) == ("anna", None)


# --- the preferred agent ----------------------------------------------------------------------------------------------

HERS = Needs(preferred_agent=AgentId("anna"))


def sticky(**sales: object) -> World:
    """Anna, who is preferred, is on a break; Bea is ready."""
    world = world_of(agent("anna"), agent("bea"), sticky_s=20, **sales)
    world.put(inp.NotReadyAsked(agent=AgentId("anna"), reason="break"))
    return world


def test_the_preferred_agent_alone_for_a_time_then_everyone() -> None:
    world = sticky()
    call = arrive_with(world, HERS)
    assert (agent_of(world, call), world.contact(call).step) == (None, STICKY)
    other = world.arrive(SALES)
    assert agent_of(world, other) == "bea", "others are not kept waiting"
    world.hang_up(other)
    assert agent_of(world, call) is None
    assert pass_time(world, 20) == ["ContactRelaxed", "ContactOffered"]
    assert (agent_of(world, call), world.contact(call).step) == ("bea", 0)


def test_the_preferred_agent_gets_the_contact_when_ready_in_time() -> None:
    world = sticky()
    call = arrive_with(world, HERS)
    world.wait(19).put(inp.ReadyAsked(agent=AgentId("anna")))
    assert agent_of(world, call) == "anna"


def test_a_preferred_agent_who_is_not_signed_in_is_not_waited_for() -> None:
    world = sticky()
    world.put(inp.SignOutAsked(agent=AgentId("anna")))
    assert agent_of(world, arrive_with(world, HERS)) == "bea"


def test_a_preferred_agent_who_signs_out_frees_who_waited() -> None:
    world = sticky()
    call = arrive_with(world, HERS)
    world.put(inp.SignOutAsked(agent=AgentId("anna")))
    assert world.kinds() == ["AgentSignedOut", "ContactOffered"]
    assert agent_of(world, call) == "bea"


def test_a_preferred_agent_who_may_not_be_offered_it_is_not_waited_for() -> None:
    world = sticky(skills={GERMAN: 1})
    world.put(inp.SkillsAsked(agent=AgentId("bea"), skills={GERMAN: 1}))
    call = arrive_with(world, HERS)
    assert agent_of(world, call) == "bea"


def test_a_preferred_agent_who_learns_it_is_waited_for() -> None:
    world = sticky(skills={GERMAN: 1})
    call = arrive_with(world, HERS)
    world.put(inp.SkillsAsked(agent=AgentId("anna"), skills={GERMAN: 1}))
    world.put(inp.SkillsAsked(agent=AgentId("bea"), skills={GERMAN: 1}))
    assert agent_of(world, call) is None


def test_who_is_found_after_the_sticky_time_does_not_wait_for_the_preferred_agent() -> None:
    world = sticky()
    call = world.arrive()
    world.put(inp.NeedsAsked(contact=call.contact, needs=HERS))
    world.wait(20)
    world.hold(call, SALES, since=world.now - 20)
    assert (agent_of(world, call), world.contact(call).step) == ("bea", 0)


def test_somebody_who_prefers_nobody_does_not_wait_for_the_sticky_time() -> None:
    world = sticky()
    assert agent_of(world, world.arrive(SALES)) == "bea"
    assert world.floor.wake_at() is None


# --- why --------------------------------------------------------------------------------------------------------------


def last_offer(world: World) -> ev.ContactOffered:
    event = world.steps[-1].events[-1]
    assert isinstance(event, ev.ContactOffered)
    return event


def crowd() -> World:
    """One agent for every reason."""
    world = world_of(
        *(agent(name, skills={GERMAN: 5}) for name in ("chosen", "second", "busy", "ringing", "wrapping", "break")),
        agent("unskilled"),
        agent("elsewhere", (SUPPORT,), skills={GERMAN: 5}),
        agent("gone", skills={GERMAN: 5}),
        agent("no-handset", skills={GERMAN: 5}),
        skills={GERMAN: 5},
    )
    for name in ("chosen", "second"):
        world.put(inp.NotReadyAsked(agent=AgentId(name), reason="break"))
    world.put(inp.SignOutAsked(agent=AgentId("gone")))
    world.put(inp.NotReadyAsked(agent=AgentId("break"), reason="break"))
    world.handset("no-handset", inp.Handset.RINGING)
    first, second, third = world.arrive(SALES), world.arrive(SALES), world.arrive(SALES)
    assert [agent_of(world, call) for call in (first, second, third)] == ["busy", "ringing", "wrapping"]
    world.answer(first)
    world.answer(third)
    world.hang_up(third)
    return world


def test_an_offers_event_counts_the_others_by_reason() -> None:
    world = crowd()
    world.put(inp.ReadyAsked(agent=AgentId("chosen")))
    world.wait(1).put(inp.ReadyAsked(agent=AgentId("second")))
    call = world.arrive(SALES)
    offered = last_offer(world)
    assert (offered.agent, offered.strategy, offered.step) == ("chosen", "longest_idle", 0)
    assert offered.others == {
        **{"elsewhere": 1, "unskilled": 1, "offered": 1, "busy": 1, "wrap_up": 1},
        **{"not_ready": 1, "signed_out": 1, "handset": 1, "ready": 1},
    }
    assert call.contact == offered.contact


def test_the_full_list_names_each_agent_and_says_the_same_as_the_counts() -> None:
    world = crowd()
    call = world.arrive(SALES)
    told = {verdict.agent: verdict.reason for verdict in verdicts(world.floor, world.contact(call))}
    assert told == {
        "busy": Reason.BUSY,
        "ringing": Reason.OFFERED,
        "wrapping": Reason.WRAP_UP,
        "break": Reason.NOT_READY,
        "chosen": Reason.NOT_READY,
        "second": Reason.NOT_READY,
        "unskilled": Reason.UNSKILLED,
        "elsewhere": Reason.ELSEWHERE,
        "gone": Reason.SIGNED_OUT,
        "no-handset": Reason.HANDSET,
    }
    before = verdicts(world.floor, world.contact(call))
    world.put(inp.ReadyAsked(agent=AgentId("chosen")))
    counts = Counter(str(v.reason) for v in before if v.agent != "chosen")
    assert last_offer(world).others == counts


def test_the_full_list_begins_with_who_is_next() -> None:
    world = world_of(agent("anna"), agent("bea"), agent("cleo"), skills={GERMAN: 5})
    call = world.arrive(SALES)
    for name, level in (("bea", 5), ("anna", 4)):
        world.put(inp.NotReadyAsked(agent=AgentId(name), reason="break"))
        world.put(inp.SkillsAsked(agent=AgentId(name), skills={GERMAN: level}))
    listed = verdicts(world.floor, world.contact(call))
    assert [(v.agent, v.reason) for v in listed[:1]] == [("bea", Reason.NOT_READY)]
    assert [v.rank is None for v in listed] == [False, True, True]


def test_nobody_is_listed_for_a_contact_in_no_queue() -> None:
    world = world_of(agent("anna"))
    assert verdicts(world.floor, world.contact(world.arrive())) == []


# --- what an older contactd wrote -------------------------------------------------------------------------------------


def test_events_of_an_older_contactd_are_read_with_the_defaults() -> None:
    read = msgspec.json.Decoder(ev.AnyEvent).decode
    offered = read(b'{"kind":"ContactOffered","contact":"c","agent":"a","offer":"1-2"}')
    assert offered == ev.ContactOffered(contact=ContactId("c"), agent=AgentId("a"), offer="1-2")  # type: ignore[arg-type]
    queued = read(b'{"kind":"ContactQueued","contact":"c","queue":"sales","queued_at":1.5}')
    assert queued == ev.ContactQueued(contact=ContactId("c"), queue=SALES, queued_at=1.5, step=0)


def _without_what_is_new(state: object) -> object:
    """A snapshot as it was before there were skills."""
    new = {"needs", "step", "skills_set", "contacts_count", "offered_seq", "strategy", "skills", "preferred_skills"}
    new |= {"only_groups", "also_groups", "boost_s", "sticky_s", "steps", "groups", "weight"}
    if isinstance(state, Mapping):
        agent_like = "profile" in state
        return {
            key: _without_what_is_new(value)
            for key, value in state.items()
            if key not in new and not (agent_like and key == "contacts")
        }
    return [_without_what_is_new(item) for item in state] if isinstance(state, list) else state


def test_a_snapshot_of_an_older_contactd_goes_on_by_the_longest_idle() -> None:
    world = world_of(agent("anna"), agent("bea"))
    for name in ("anna", "bea"):
        world.put(inp.NotReadyAsked(agent=AgentId(name), reason="break"))
    call = world.arrive(SALES)
    old = _without_what_is_new(msgspec.msgpack.decode(msgspec.msgpack.encode(world.floor.state)))
    floor = LiveFloor(msgspec.convert(old, Floor, strict=False))
    made = step(floor, inp.ReadyAsked(agent=AgentId("bea")), world.now)
    assert [type(event).__name__ for event in made.events] == ["AgentReady", "ContactOffered"]
    assert floor.contacts[call.contact].state is ContactState.OFFERED
    assert floor.agents[AgentId("anna")].status is Status.NOT_READY


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_chooses_the_only_one(strategy: Strategy) -> None:
    world = world_of(agent("anna"), strategy=strategy)
    assert agent_of(world, world.arrive(SALES)) == "anna"
    assert last_offer(world).strategy == strategy

"""Who is calling, on the floor: early, late, by a number or by a person; and what routing makes of it."""

from __future__ import annotations

from contactd.core import inputs as inp
from contactd.core.contact import STICKY, Known, KnownBy, Needs
from contactd.core.ids import AgentId, ContactId, PartyId, SkillId
from contactd.core.plan import QueuePlan
from tests.core.test_routing import agent, agent_of, arrive_with, world_of
from tests.core.world import SALES, SUPPORT, World

HER, HIM = PartyId("01900000-0000-7000-8000-000000000001"), PartyId("01900000-0000-7000-8000-000000000002")
GERMAN = SkillId("german")


def known_as(world: World, call: inp.CallArrived, party: PartyId | None = HER, **known: object) -> list[str]:
    told = Known(party=party, matches=1 if party else 2, **known)  # type: ignore[arg-type]
    world.put(inp.PartyKnown(contact=call.contact, known=told))
    return world.kinds()


def test_a_record_adds_to_what_the_menu_asked_whichever_is_told_first() -> None:
    for early in (True, False):
        world = world_of(agent("anna"))
        call = world.arrive()
        asked = inp.NeedsAsked(contact=call.contact, needs=Needs(skills={GERMAN: 3}, boost_s=10))
        if early:
            known_as(world, call, skills={GERMAN: 5}, boost_s=60)
            world.put(asked)
        else:
            world.put(asked)
            known_as(world, call, skills={GERMAN: 5}, boost_s=60)
        assert world.contact(call).needs == Needs(skills={GERMAN: 5}, boost_s=70)
        assert world.contact(call).asked == asked.needs


def test_the_last_agent_is_waited_for_where_that_was_and_nowhere_else() -> None:
    support = QueuePlan(id=SUPPORT, sticky_s=20)
    queues = (SALES, SUPPORT)
    world = world_of(agent("anna", queues), agent("bilal", queues), support=support, sticky_s=20)
    first, second = world.arrive(), world.arrive()
    known_as(world, first, agents={SALES: AgentId("bilal")})
    known_as(world, second, agents={SALES: AgentId("bilal")})
    world.hold(first, SALES)
    world.hold(second, SUPPORT)
    assert (agent_of(world, first), agent_of(world, second)) == ("bilal", "anna")


def test_whom_the_caller_asked_for_goes_before_the_last_agent() -> None:
    world = world_of(agent("anna"), agent("bilal"), sticky_s=20)
    call = world.arrive()
    known_as(world, call, agents={SALES: AgentId("bilal")})
    world.put(inp.NeedsAsked(contact=call.contact, needs=Needs(preferred_agent=AgentId("anna"))))
    world.hold(call, SALES)
    assert agent_of(world, call) == "anna"


def test_a_late_answer_counts_while_the_caller_waits() -> None:
    world = world_of(agent("anna"), agent("bilal"), sticky_s=20)
    busy = [world.arrive(SALES), world.arrive(SALES)]
    late, other = world.arrive(SALES), world.arrive(SALES)
    assert known_as(world, late, agents={SALES: AgentId("bilal")}) == ["ContactRecognised"]
    assert world.contact(late).step == STICKY
    by_agent = {agent_of(world, call): call for call in busy}
    world.answer(by_agent[AgentId("anna")])
    world.hang_up(by_agent[AgentId("anna")])
    world.wait(40).put(inp.TimePassed())
    world.put(inp.ReadyAsked(agent=AgentId("anna")))
    assert agent_of(world, late) == "anna"  # the time for the last agent alone is over
    assert agent_of(world, other) is None


def test_a_vip_goes_before_who_waited_a_little_longer() -> None:
    world = world_of(agent("anna"))
    talking = world.arrive(SALES)
    world.answer(talking)
    first, vip = world.arrive(SALES), world.arrive()
    known_as(world, vip, vip=True, boost_s=60)
    world.hold(vip, SALES)
    world.hang_up(talking)
    world.wait(30).put(inp.TimePassed())
    assert agent_of(world, vip) == "anna"
    assert agent_of(world, first) is None


def test_of_several_with_one_number_nobody_is_guessed() -> None:
    world = world_of(agent("anna"), sticky_s=20)
    call = arrive_with(world, Needs())
    assert known_as(world, call, None) == ["ContactRecognised"]
    known = world.contact(call).known
    assert known is not None and (known.party, known.matches) == (None, 2)


def test_a_person_who_said_who_it_is_is_not_corrected_by_a_number() -> None:
    world = world_of(agent("anna"))
    call = world.arrive()
    known_as(world, call, HIM, by=KnownBy.PERSON)
    assert known_as(world, call, HER) == []
    assert known_as(world, call, HER, by=KnownBy.PERSON) == ["ContactRecognised"]
    assert known_as(world, call, HER, by=KnownBy.PERSON) == []
    world.put(inp.PartyKnown(contact=ContactId("nobody"), known=Known(party=HER)))
    assert world.kinds() == []


def test_verified_is_only_who_the_contact_is_known_to_be() -> None:
    world = world_of(agent("anna"))
    call = world.arrive()

    def verify(party: PartyId, method: str = "question") -> list[str]:
        world.put(inp.VerificationTold(contact=call.contact, party=party, method=method, by="anna"))
        return world.kinds()

    assert verify(HER) == []
    known_as(world, call, HER)
    assert world.contact(call).verified == ""
    assert verify(HIM) == []
    assert verify(HER) == ["PartyVerified"]
    assert verify(HER) == []
    assert world.contact(call).verified == "question"
    known_as(world, call, HER, vip=True)
    assert world.contact(call).verified == "question"
    known_as(world, call, HIM)
    assert world.contact(call).verified == ""


def test_a_transfer_into_another_queue_asks_for_the_agent_of_that_queue() -> None:
    queues = (SALES, SUPPORT)
    support = QueuePlan(id=SUPPORT, sticky_s=20)
    world = world_of(agent("anna", queues), agent("bilal", queues), agent("carla", queues), support=support, sticky_s=9)
    call = world.arrive()
    known_as(world, call, agents={SALES: AgentId("bilal"), SUPPORT: AgentId("carla")})
    world.hold(call, SALES)
    assert agent_of(world, call) == "bilal"
    world.answer(call)
    world.wait(5).hold(call, SUPPORT)
    assert agent_of(world, call) == "carla"

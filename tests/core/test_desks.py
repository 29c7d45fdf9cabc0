"""Hot desking: who sits where, who is moved away, and who is refused."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By, Handset, Status
from contactd.core.commands import ComparePbx, RingAgent
from contactd.core.ids import AgentId
from contactd.core.inputs import Place
from contactd.core.plan import FloorPlan
from tests.core.invariants import check_floor
from tests.core.world import ANNA, BILAL, OTHER_PBX, PBX, SALES, World, open_world, plan, seen

CARLA = AgentId("carla")
DESK, OTHER_DESK, ANNAS = "2001", "2002", "1001"


def with_desks(**changes: object) -> FloorPlan:
    """Anna has a handset of her own, Bilal and Carla have none."""
    made = plan({ANNA: [SALES], BILAL: [SALES], CARLA: [SALES]}, endpoints={ANNA: ANNAS, BILAL: "", CARLA: ""})
    return msgspec.structs.replace(made, **changes)


def sit(world: World, agent: AgentId | None, endpoint: str, *, right: bool = True) -> list[ev.Event]:
    """By feature code; the call is over then."""
    made = world.put(inp.DeskSignInAsked(pbx=PBX, endpoint=endpoint, agent=agent, pin_right=right))
    world.put(inp.HandsetChanged(pbx=PBX, endpoint=endpoint, handset=Handset.FREE))
    return made.events


def rung(world: World) -> str:
    """The handset that the last step rang."""
    (command,) = [command for command in world.commands if isinstance(command, RingAgent)]
    return command.endpoint


def test_an_agent_without_a_handset_signs_in_at_a_desk_and_is_rung_there() -> None:
    world = open_world(with_desks())
    assert sit(world, BILAL, DESK) == [
        ev.AgentSignedIn(agent=BILAL, by=By.AGENT, endpoint=DESK),
        ev.HandsetSeen(agent=BILAL, handset=Handset.IN_USE),
    ]
    assert world.agent(BILAL).available()
    call = world.arrive(SALES)
    assert world.contact(call).agent == BILAL and rung(world) == DESK


def test_what_the_pbx_knows_of_the_desk_is_asked_for() -> None:
    world = open_world(with_desks())
    world.put(inp.DeskSignInAsked(pbx=PBX, endpoint=DESK, agent=BILAL, pin_right=True))
    assert [type(command) for command in world.commands] == [ComparePbx]
    world.wait(1).compare(handsets={DESK: Handset.FREE})
    assert world.agent(BILAL).available()


def test_a_second_sign_in_elsewhere_moves_the_agent_and_frees_the_desk() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    sit(world, BILAL, OTHER_DESK)
    assert world.agent(BILAL).endpoint == OTHER_DESK
    assert (PBX, DESK) not in world.floor.seats.by_endpoint
    world.put(inp.HandsetChanged(pbx=PBX, endpoint=DESK, handset=Handset.UNAVAILABLE))
    assert world.agent(BILAL).available()
    world.arrive(SALES)
    assert rung(world) == OTHER_DESK


def test_an_agent_moves_between_a_desk_and_the_own_handset() -> None:
    world = open_world(with_desks())
    world.sign_in(ANNA)
    sit(world, ANNA, DESK)
    assert (world.agent(ANNA).desk, (PBX, ANNAS) in world.floor.seats.by_endpoint) == (DESK, False)
    world.put(inp.HandsetChanged(pbx=PBX, endpoint=ANNAS, handset=Handset.UNAVAILABLE))
    assert world.agent(ANNA).available()
    sit(world, ANNA, ANNAS)
    assert (world.agent(ANNA).desk, world.agent(ANNA).endpoint) == ("", ANNAS)


def test_signing_out_leaves_the_desk() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    world.put(inp.SignOutAsked(agent=BILAL))
    assert world.agent(BILAL).endpoint == "" and world.floor.seats.by_endpoint.keys() == {(PBX, ANNAS)}
    assert sit(world, CARLA, DESK)[0] == ev.AgentSignedIn(agent=CARLA, by=By.AGENT, endpoint=DESK)


def test_who_signs_out_in_a_talk_keeps_the_desk_until_it_is_over() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(inp.SignOutAsked(agent=BILAL))
    assert world.floor.seats.by_endpoint[PBX, DESK].id == BILAL
    assert sit(world, CARLA, DESK) == [ev.SignInRefused(agent=CARLA, endpoint=DESK, reason="occupied")]
    world.hang_up(call)
    assert world.agent(BILAL).endpoint == DESK, "in wrap-up"
    world.wait(30).put(inp.TimePassed())
    assert world.agent(BILAL).endpoint == ""
    sit(world, CARLA, DESK)
    assert world.agent(CARLA).endpoint == DESK


def test_another_agent_who_signs_in_signs_the_idle_one_out() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    assert sit(world, CARLA, DESK)[:2] == [
        ev.AgentSignedOut(agent=BILAL, by=By.SYSTEM, why=ev.SignedOutWhy.DESK_TAKEN),
        ev.AgentSignedIn(agent=CARLA, by=By.AGENT, endpoint=DESK),
    ]
    assert world.agent(BILAL).endpoint == ""


def test_a_wrap_up_ends_with_the_seat() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    world.answer(call)
    world.hang_up(call)
    assert world.agent(BILAL).state is AgentState.WRAP_UP
    sit(world, CARLA, DESK)
    assert (world.agent(BILAL).state, world.agent(BILAL).status) == (AgentState.IDLE, Status.SIGNED_OUT)


@pytest.mark.parametrize("answered", [False, True])
def test_nobody_is_signed_out_of_a_ring_or_a_talk(answered: bool) -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    if answered:
        world.answer(call)
    assert sit(world, CARLA, DESK) == [ev.SignInRefused(agent=CARLA, endpoint=DESK, reason="occupied")]
    assert world.agent(CARLA).status is Status.SIGNED_OUT and world.contact(call).agent == BILAL


@pytest.mark.parametrize("answered", [False, True])
def test_nobody_walks_away_from_a_ring_or_a_talk(answered: bool) -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    if answered:
        world.answer(call)
    assert sit(world, BILAL, OTHER_DESK) == [ev.SignInRefused(agent=BILAL, endpoint=OTHER_DESK, reason="talking")]
    assert world.agent(BILAL).endpoint == DESK


def test_a_wrap_up_moves_along() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    world.answer(call)
    world.hang_up(call)
    until = world.agent(BILAL).wrap_up_until
    sit(world, BILAL, OTHER_DESK)
    assert (world.agent(BILAL).state, world.agent(BILAL).wrap_up_until) == (AgentState.WRAP_UP, until)


def test_the_owner_of_a_handset_that_is_somebody_s_desk_takes_it_back() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, ANNAS)
    assert world.floor.seats.by_endpoint[PBX, ANNAS].id == BILAL
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True, by=By.SUPERVISOR))
    assert world.kinds()[:2] == ["AgentSignedOut", "AgentSignedIn"]
    assert world.floor.seats.by_endpoint[PBX, ANNAS].id == ANNA
    assert world.agent(ANNA).handset is Handset.FREE, "seen while it was another's"


def test_the_owner_does_not_take_it_out_of_a_talk() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, ANNAS)
    world.answer(world.arrive(SALES))
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True, by=By.SUPERVISOR))
    assert world.steps[-1].events == [ev.SignInRefused(agent=ANNA, endpoint=ANNAS, reason="occupied")]


def test_when_the_guest_leaves_the_handset_is_the_owner_s_again() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, ANNAS)
    world.put(inp.SignOutAsked(agent=BILAL))
    assert world.floor.seats.by_endpoint[PBX, ANNAS].id == ANNA


def test_a_supervisor_cannot_sign_in_who_has_no_handset() -> None:
    world = open_world(with_desks())
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True, by=By.SUPERVISOR))
    assert world.steps[-1].events == [ev.SignInRefused(agent=BILAL, endpoint="", reason="no_handset")]


def test_a_supervisor_makes_ready_where_the_agent_sits() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    world.put(inp.NotReadyAsked(agent=BILAL, reason="break"))
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True, by=By.SUPERVISOR))
    assert world.steps[-1].events == [ev.AgentSignedIn(agent=BILAL, by=By.SUPERVISOR, endpoint=DESK)]
    assert world.agent(BILAL).available()


def test_an_agent_of_another_pbx_does_not_sign_in_here() -> None:
    world = open_world(with_desks())
    world.put(inp.DeskSignInAsked(pbx=OTHER_PBX, endpoint=DESK, agent=BILAL, pin_right=True))
    (refused,) = world.steps[-1].events
    assert isinstance(refused, ev.HandsetRefused) and refused.reason == "unknown_agent"


def test_a_comparison_finds_the_talk_at_the_desk() -> None:
    world = open_world(with_desks())
    sit(world, BILAL, DESK)
    call = world.arrive(SALES)
    world.answer(call)
    offer = world.offer(call)
    world.wait(5).compare(seen(call, Place.TALK, offer=offer, endpoint=DESK), handsets={DESK: Handset.IN_USE})
    assert world.contact(call).agent == BILAL and world.kinds() == ["HandsetSeen"]


# --- reload ---


def test_a_guest_leaves_when_the_desk_becomes_the_own_handset_of_somebody_who_is_signed_in() -> None:
    world = open_world(with_desks())
    world.sign_in(ANNA)
    sit(world, BILAL, DESK)
    agents = tuple(
        msgspec.structs.replace(one, endpoint=DESK) if one.id == ANNA else one for one in with_desks().agents
    )
    world.put(inp.ConfigurationLoaded(plan=with_desks(agents=agents, sha256="b" * 64)))
    assert world.steps[-1].events[1] == ev.AgentSignedOut(agent=BILAL, by=By.SYSTEM, why=ev.SignedOutWhy.DESK_GONE)
    assert world.floor.seats.by_endpoint[PBX, DESK].id == ANNA


def test_two_are_never_signed_in_at_one_handset_though_it_became_somebody_s_own_in_a_talk() -> None:
    world = open_world(with_desks())
    world.sign_in(ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    sit(world, BILAL, DESK)
    world.answer(world.arrive(SALES))
    world.put(inp.SignOutAsked(agent=BILAL))
    agents = tuple(
        msgspec.structs.replace(one, endpoint=DESK) if one.id == ANNA else one for one in with_desks().agents
    )
    world.put(inp.ConfigurationLoaded(plan=with_desks(agents=agents, sha256="b" * 64)))
    assert (world.agent(ANNA).status, world.agent(BILAL).endpoint) == (Status.NOT_READY, DESK)
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True))
    check_floor(world.floor)
    assert (world.agent(ANNA).status, world.agent(BILAL).status) == (Status.SIGNED_OUT, Status.READY)


def test_who_loses_the_own_handset_is_signed_out_and_who_sits_at_a_desk_stays() -> None:
    world = open_world(with_desks())
    world.sign_in(ANNA)
    sit(world, BILAL, DESK)
    agents = tuple(msgspec.structs.replace(one, endpoint="") for one in with_desks().agents)
    world.put(inp.ConfigurationLoaded(plan=with_desks(agents=agents, sha256="b" * 64)))
    assert (world.agent(ANNA).status, world.agent(BILAL).status) == (Status.SIGNED_OUT, Status.READY)


# --- guessing ---


def guess(world: World, agent: AgentId | None, endpoint: str = DESK) -> list[tuple[str, bool]]:
    """What each refusal says, and whether it locks."""
    events = world.put(inp.DeskSignInAsked(pbx=PBX, endpoint=endpoint, agent=agent, pin_right=False)).events
    return [
        (event.reason, event.locked_until is not None)
        for event in events
        if isinstance(event, ev.AgentRefused | ev.HandsetRefused)
    ]


def test_guessing_over_many_numbers_locks_the_handset() -> None:
    world = open_world(with_desks(handset_tries=4))
    assert guess(world, ANNA) == [("wrong_pin", False), ("wrong_pin", False)]
    assert guess(world, None) == [("unknown_agent", False)]
    assert guess(world, BILAL) == [("wrong_pin", False), ("wrong_pin", False)]
    assert guess(world, CARLA) == [("wrong_pin", False), ("wrong_pin", True)]
    assert guess(world, CARLA) == [("locked", True)]
    assert [type(event) for event in sit(world, BILAL, DESK)] == [ev.HandsetRefused], "a right PIN as well"
    assert world.agent(CARLA).pin_failures == 1, "the agent is not locked with the handset"
    assert isinstance(sit(world, BILAL, OTHER_DESK)[0], ev.AgentSignedIn)
    world.wait(300)
    assert isinstance(sit(world, CARLA, DESK)[0], ev.AgentSignedIn)


def test_guessing_one_pin_at_many_handsets_locks_the_agent() -> None:
    world = open_world(with_desks())
    for endpoint in ("2001", "2002", "2003"):
        guess(world, BILAL, endpoint)
    assert guess(world, BILAL, "2004")[0] == ("locked", True)
    assert [type(event) for event in sit(world, BILAL, "2005")] == [ev.AgentRefused, ev.HandsetRefused]


def test_a_sign_in_between_does_not_hide_the_guessing() -> None:
    world = open_world(with_desks(handset_tries=3))
    guess(world, ANNA)
    guess(world, None)
    sit(world, BILAL, DESK)
    assert guess(world, None) == [("unknown_agent", True)]


def test_old_failures_are_forgotten() -> None:
    world = open_world(with_desks(handset_tries=2))
    for _ in range(5):
        assert guess(world, None) == [("unknown_agent", False)]
        world.wait(301)


def test_of_two_whose_handset_it_is_the_one_who_signs_in_is_there() -> None:
    """A configuration says so to nobody; a floor may have been told it by an older one."""
    world = open_world(plan({ANNA: [SALES], BILAL: [SALES]}, endpoints={ANNA: ANNAS, BILAL: ANNAS}))
    world.sign_in(ANNA)
    made = world.put(inp.SignInAsked(agent=BILAL, pin_right=True))
    assert ev.AgentSignedOut(agent=ANNA, by=By.SYSTEM, why=ev.SignedOutWhy.DESK_TAKEN) in made.events
    assert world.agent(BILAL).status is Status.READY and world.agent(ANNA).status is Status.SIGNED_OUT

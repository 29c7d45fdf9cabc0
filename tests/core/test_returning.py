"""The way back from the static queue: in the old order, whoever is heard of first."""

from __future__ import annotations

from contactd.core import inputs as inp
from contactd.core.changes import RETURN_S
from contactd.core.commands import ReturnToHold
from contactd.core.contact import ContactState, Needs
from contactd.core.ids import SkillId
from contactd.core.inputs import Place
from tests.core.world import ANNA, BILAL, PBX, SALES, SUPPORT, World, open_world, plan, seen


def fallen_back(world: World) -> tuple[inp.CallArrived, inp.CallArrived]:
    """An older and a younger caller in the static queue, after contactd was away; both are being fetched."""
    calls = world.arrive(SALES), world.arrive(SALES)
    world.put(inp.PbxAbsent(pbx=PBX, why="away"))
    world.wait(60)
    world.compare(*[seen(call, Place.FALLBACK) for call in calls])
    assert [type(command) for command in world.commands] == [ReturnToHold, ReturnToHold]
    return calls


def test_a_younger_caller_who_is_back_first_gives_way_to_the_older_one() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    older, younger = fallen_back(world)
    world.sign_in(ANNA)
    world.hold(younger, SALES)
    assert world.contact(younger).state is ContactState.WAITING
    world.hold(older, SALES)
    assert world.contact(older).state is ContactState.OFFERED
    assert world.contact(younger).state is ContactState.WAITING


def test_somebody_new_in_line_gives_way_as_well() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    older, _ = fallen_back(world)
    world.sign_in(ANNA)
    new = world.arrive(SALES)
    assert world.contact(new).state is ContactState.WAITING
    world.hold(older, SALES)
    assert world.contact(older).state is ContactState.OFFERED


def test_an_agent_of_another_queue_is_not_kept_waiting() -> None:
    world = open_world(plan({ANNA: [SALES], BILAL: [SUPPORT]}))
    fallen_back(world)
    world.sign_in(BILAL)
    other = world.arrive(SUPPORT)
    assert world.contact(other).state is ContactState.OFFERED


def test_a_caller_who_does_not_come_back_keeps_nobody_waiting_for_long() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    _, younger = fallen_back(world)
    world.sign_in(ANNA)
    world.hold(younger, SALES)
    assert world.floor.wake_at() is not None
    world.wait(RETURN_S).put(inp.TimePassed())
    assert world.kinds()[0] == "ReturnOverdue"
    assert world.contact(younger).state is ContactState.OFFERED


def test_a_caller_who_hangs_up_on_the_way_back_keeps_nobody_waiting() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    older, younger = fallen_back(world)
    world.sign_in(ANNA)
    world.hold(younger, SALES)
    world.hang_up(older)
    assert world.contact(younger).state is ContactState.OFFERED


def test_nobody_is_kept_for_an_older_caller_who_turns_out_to_need_somebody_else() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    older, younger = fallen_back(world)
    world.sign_in(ANNA)
    world.hold(younger, SALES)
    world.put(inp.NeedsAsked(contact=older.contact, needs=Needs(boost_s=1)))
    assert world.contact(younger).state is ContactState.WAITING
    world.put(inp.NeedsAsked(contact=older.contact, needs=Needs(skills={SkillId("german"): 5})))
    assert world.contact(younger).agent == ANNA


def test_a_lost_pbx_keeps_no_places_free() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    fallen_back(world)
    world.put(inp.PbxAbsent(pbx=PBX, why="away again"))
    assert world.floor.wake_at() is None

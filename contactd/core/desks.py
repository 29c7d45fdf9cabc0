"""Who sits where: one agent at one handset, whoever it belongs to; and handsets at which somebody guesses PINs."""

from __future__ import annotations

from collections.abc import Iterable

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, By, Handset, Status
from contactd.core.commands import ComparePbx
from contactd.core.decision import Decision
from contactd.core.events import SignedOutWhy
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, Instant
from contactd.core.plan import FloorPlan


def desk_sign_in_asked(floor: LiveFloor, input_: inp.DeskSignInAsked, at: Instant, into: Decision) -> None:
    tries = floor.state.tries.get(f"{input_.pbx}/{input_.endpoint}")
    if tries is not None and tries.locked_until is not None and at < tries.locked_until:
        # As with a locked agent: a right PIN is refused as well, and trying does not lengthen the lock.
        into.events.append(
            ev.HandsetRefused(
                pbx=input_.pbx, endpoint=input_.endpoint, reason="locked", locked_until=tries.locked_until
            )
        )
        return
    agent = floor.agents.get(input_.agent) if input_.agent is not None else None
    if agent is None or agent.profile.pbx != input_.pbx:
        _count(floor, input_, "unknown_agent", at, into)
    elif refuses(floor, agent, input_.pin_right, at, into):
        _count(floor, input_, "wrong_pin", at, into)
    else:
        sit_down(floor, agent, input_.endpoint, By.AGENT, floor.seats.at(input_.pbx, input_.endpoint), into)


def _count(floor: LiveFloor, input_: inp.DeskSignInAsked, reason: str, at: Instant, into: Decision) -> None:
    """A sign-in that succeeds does not forget the failures before it, or who has a PIN could go on guessing others'."""
    tries = floor.state.tries.get(f"{input_.pbx}/{input_.endpoint}")
    fresh = tries is None or at - tries.last_at > floor.plan.pin_lock_s
    failures = 1 if fresh or tries is None else tries.failures + 1
    locked = failures >= floor.plan.handset_tries
    into.events.append(
        ev.HandsetRefused(
            pbx=input_.pbx,
            endpoint=input_.endpoint,
            reason=reason,
            failures=failures,
            locked_until=at + floor.plan.pin_lock_s if locked else None,
        )
    )


def refuses(floor: LiveFloor, agent: Agent, pin_right: bool, at: Instant, into: Decision) -> bool:
    """Whether the agent is locked, or the PIN is wrong; then it is counted."""
    if agent.locked_until is not None and at < agent.locked_until:
        # A right PIN is refused as well, and neither lengthens the lock: the answer tells a guesser nothing.
        into.events.append(ev.AgentRefused(agent=agent.id, reason="locked", locked_until=agent.locked_until))
        return True
    if pin_right:
        return False
    locked = agent.pin_failures + 1 >= floor.plan.pin_tries
    into.events.append(
        ev.AgentRefused(
            agent=agent.id,
            reason="wrong_pin",
            locked_until=at + floor.plan.pin_lock_s if locked else None,
        )
    )
    return True


def sit_down(floor: LiveFloor, agent: Agent, endpoint: str, by: str, others: Iterable[Agent], into: Decision) -> None:
    """Sign in at endpoint, and leave the handset of before. others: who may sit there already."""
    moves = endpoint != agent.endpoint
    others = [other for other in others if other is not agent]
    refused = ""
    if not endpoint:
        refused = "no_handset"
    elif moves and agent.on_voice() is not None:
        refused = "talking"
    elif any(other.on_voice() is not None for other in others):
        refused = "occupied"
    if refused:
        into.events.append(ev.SignInRefused(agent=agent.id, endpoint=endpoint, reason=refused))
        return
    for other in others:
        _clear_away(other, into)
    if moves or agent.status is not Status.READY or agent.pin_failures:
        desk = "" if endpoint == agent.profile.endpoint else endpoint
        into.events.append(ev.AgentSignedIn(agent=agent.id, by=by, endpoint=desk))
    if moves:
        if by == By.AGENT:
            # It has just dialled the code.
            into.events.append(ev.HandsetSeen(agent=agent.id, handset=Handset.IN_USE))
        # What the PBX said of this handset before was of no interest, and the call that asked may be over already.
        into.commands.append(ComparePbx(pbx=agent.profile.pbx, why="an agent signed in at another handset"))


def _clear_away(other: Agent, into: Decision) -> None:
    if other.wrap_ups():
        into.events.append(ev.WrapUpEnded(agent=other.id, by=By.SYSTEM))
    if other.status is not Status.SIGNED_OUT:
        into.events.append(ev.AgentSignedOut(agent=other.id, by=By.SYSTEM, why=SignedOutWhy.DESK_TAKEN))


def leave_lost_desks(floor: LiveFloor, plan: FloorPlan, into: Decision) -> None:
    """Who has no handset any more under a new plan, or sits at what is somebody else's now, is signed out."""
    here = {profile.id: profile for profile in plan.agents}
    signed_in = [a for a in floor.agents.values() if a.id in here and a.status is not Status.SIGNED_OUT]
    at_home: set[tuple[str, str]] = {(here[a.id].pbx, here[a.id].endpoint) for a in signed_in if not a.desk}
    lost: list[AgentId] = []
    for agent in signed_in:
        profile = here[agent.id]
        if agent.desk:
            gone = profile.pbx != agent.profile.pbx or (profile.pbx, agent.desk) in at_home
        else:
            gone = not profile.endpoint
        if gone:
            lost.append(agent.id)
    into.events += [ev.AgentSignedOut(agent=agent, by=By.SYSTEM, why=SignedOutWhy.DESK_GONE) for agent in sorted(lost)]

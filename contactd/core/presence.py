"""What agents, and supervisors for them, ask: in and out, ready and not, the wrap-up. And what time makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, AgentState, By, Status
from contactd.core.commands import ComparePbx, EndAttempt, WithdrawOffer
from contactd.core.decision import Decision, end_offer
from contactd.core.desks import desk_sign_in_asked, refuses, sit_down
from contactd.core.events import OfferOutcome, SignedOutWhy
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, Instant
from contactd.core.plan import Medium


def _sign_in_asked(floor: LiveFloor, input_: inp.SignInAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is None or refuses(floor, agent, input_.pin_right, at, into):
        return
    # Where they are, else at their own handset. Somebody may have it for a desk; or have it now for their own, while
    # this one signed out in a talk and still sits there.
    here = floor.seats.at(agent.profile.pbx, agent.endpoint)
    sitting = [other for other in here if other.desk or other.status is not Status.SIGNED_OUT]
    sit_down(floor, agent, agent.endpoint, input_.by, sitting, into)


def _sign_out_asked(floor: LiveFloor, input_: inp.SignOutAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is not None and agent.status is not Status.SIGNED_OUT:
        _withdraw(floor, agent, input_.by, into)
        sign_out(agent, input_.by, "", into)


def _withdraw(floor: LiveFloor, agent: Agent, by: str, into: Decision) -> None:
    """Whom a supervisor takes off the floor does not answer: the callers are not to wait for the end of the ringing.
    An agent who leaves of their own accord may answer what rings."""
    if by != By.SUPERVISOR:
        return
    for engagement in agent.engagements:
        if engagement.state is not AgentState.OFFERED:
            continue
        contact = floor.contacts[engagement.contact]
        callback = contact.callback
        if callback is not None and callback.dialled:
            # The agent has answered, and the customer's telephone rings for them.
            continue
        if callback is not None:
            into.commands.append(EndAttempt(pbx=contact.pbx, contact=contact.id, call=callback.attempt))
        elif contact.medium is Medium.VOICE and contact.offer is not None:
            into.commands.append(
                WithdrawOffer(pbx=contact.pbx, contact=contact.id, channel=contact.channel, offer=contact.offer)
            )
        end_offer(contact, OfferOutcome.WITHDRAWN, 0, into)


def sign_out(agent: Agent, by: str, why: str, into: Decision) -> None:
    into.events.append(ev.AgentSignedOut(agent=agent.id, by=by, why=why))
    if agent.desk and agent.profile.endpoint:
        into.commands.append(ComparePbx(pbx=agent.profile.pbx, why="an agent has left for their own handset"))


def _ready_asked(floor: LiveFloor, input_: inp.ReadyAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is None or agent.status is Status.SIGNED_OUT:
        return
    if agent.wrap_ups():
        into.events.append(ev.WrapUpEnded(agent=agent.id, by=input_.by))
    if agent.status is Status.NOT_READY:
        into.events.append(ev.AgentReady(agent=agent.id, by=input_.by))


def _not_ready_asked(floor: LiveFloor, input_: inp.NotReadyAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is None or agent.status is Status.SIGNED_OUT:
        return
    if agent.status is not Status.NOT_READY or agent.reason != input_.reason:
        _withdraw(floor, agent, input_.by, into)
        into.events.append(ev.AgentNotReady(agent=agent.id, reason=input_.reason, by=input_.by))


def _wrap_up_extend_asked(floor: LiveFloor, input_: inp.WrapUpExtendAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is None or agent.wrap_up_until is None or not agent.wrap_up_extend_s:
        return
    until = agent.wrap_up_until + agent.wrap_up_extend_s
    into.events.append(ev.WrapUpExtended(agent=agent.id, until=until, by=input_.by))


def _wrap_up_end_asked(floor: LiveFloor, input_: inp.WrapUpEndAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is not None and agent.wrap_ups():
        into.events.append(ev.WrapUpEnded(agent=agent.id, by=input_.by))


def limit_reached(floor: LiveFloor, agent_id: AgentId, at: Instant, into: Decision) -> None:
    """The agent has been as they are for as long as the configuration allows."""
    agent = floor.agents[agent_id]
    limits = floor.limits
    overdue_at = limits.overdue_at(agent)
    if overdue_at is not None and overdue_at <= at:
        into.events.append(
            ev.AgentOverdue(
                agent=agent.id, reason=agent.reason, since=agent.since, longest_s=limits.longest[agent.reason]
            )
        )
    for why, until in (
        (SignedOutWhy.UNREGISTERED, limits.unregistered_at(agent)),
        (SignedOutWhy.INACTIVE, limits.inactive_at(agent)),
    ):
        if until is not None and until <= at:
            sign_out(agent, By.SYSTEM, why, into)
            return


PRESENCE: dict[type[inp.Input], Callable[[LiveFloor, Any, Instant, Decision], None]] = {
    inp.SignInAsked: _sign_in_asked,
    inp.DeskSignInAsked: desk_sign_in_asked,
    inp.SignOutAsked: _sign_out_asked,
    inp.ReadyAsked: _ready_asked,
    inp.NotReadyAsked: _not_ready_asked,
    inp.WrapUpExtendAsked: _wrap_up_extend_asked,
    inp.WrapUpEndAsked: _wrap_up_end_asked,
}

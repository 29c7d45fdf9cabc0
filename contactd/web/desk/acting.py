"""What an agent does at the desk for themself. The same inputs as the handset's codes give."""

from __future__ import annotations

from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, By, Status
from contactd.core.step import Step
from contactd.store.audit import Entry, Who
from contactd.web.desk.routes import Asked, Refusal
from contactd.web.desk.shapes import Done, HandsetAsked, StatusAsked
from contactd.web.surface import Surface


class Own:
    """Of the agent that the user is."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._engine = surface.engine

    def agent(self, asked: Asked) -> Agent:
        """Raises Refusal."""
        id_ = asked.session.agent
        agent = self._engine.floor.agents.get(id_) if id_ is not None else None
        if agent is None:
            raise Refusal(409, "no_agent", "This user is no agent, or the configuration has that agent no more.")
        return agent

    async def status(self, asked: Asked) -> Done:
        agent = self.agent(asked)
        body: StatusAsked = asked.body
        if body.status == "not_ready":
            mine = [name for name, one in self._surface.settings().why_not_ready.items() if one.digits is not None]
            if body.reason not in mine:
                raise Refusal(400, "unknown_reason", f"Give one of these reasons: {', '.join(mine)}.")
            wanted: inp.Input = inp.NotReadyAsked(agent=agent.id, reason=body.reason, by=By.AGENT)
        elif body.status == "signed_out":
            wanted = inp.SignOutAsked(agent=agent.id, by=By.AGENT)
        elif agent.status is Status.SIGNED_OUT:
            if agent.remote:
                raise Refusal(409, "remote", "You are called at a number outside: a supervisor signs you in.")
            wanted = inp.SignInAsked(agent=agent.id, pin_right=True, by=By.AGENT)
        else:
            wanted = inp.ReadyAsked(agent=agent.id, by=By.AGENT)
        step = await self._engine.ask(wanted)
        _refused(step, agent)
        # Asked for twice, it is so: a page that lost the answer asks again.
        self._audit(asked, f"desk {body.status}", body.reason or "done")
        return Done(done=body.status)

    async def handset(self, asked: Asked) -> Done:
        """Sign in at a handset, the agent's own or one that is shared."""
        agent = self.agent(asked)
        body: HandsetAsked = asked.body
        endpoint = body.handset
        own = endpoint == agent.profile.endpoint
        if agent.remote or not (own or self._surface.settings().is_shared(endpoint)):
            raise Refusal(409, "not_yours", "This handset is neither yours nor shared (shared of [handsets]).")
        owner = self._engine.floor.seats.owners.get((agent.profile.pbx, endpoint))
        if endpoint == agent.endpoint and agent.status is not Status.SIGNED_OUT:
            return Done(done=endpoint)
        taken = [
            other
            for other in self._engine.floor.seats.at(agent.profile.pbx, endpoint)
            if other.id != agent.id and other.status is not Status.SIGNED_OUT
        ]
        if taken and owner != agent.id:
            # At the handset itself whoever dials sits there; from afar nobody turns somebody else out.
            raise Refusal(409, "occupied", f"{taken[0].id} is signed in there: sign in at the handset itself, by *45.")
        wanted = inp.DeskSignInAsked(pbx=agent.profile.pbx, endpoint=endpoint, agent=agent.id, pin_right=True)
        _refused(await self._engine.ask(wanted), agent)
        self._audit(asked, "desk sign-in at handset", endpoint)
        return Done(done=endpoint)

    def _audit(self, asked: Asked, act: str, outcome: str) -> None:
        who = Who.at_desk(asked.session.user)
        self._surface.trail.put(Entry(who, "desk", act, agent=asked.session.agent, outcome=outcome))


_NO_SEAT = {
    "occupied": "Somebody else talks at this handset; try again after the talk.",
    "no_handset": "You have no handset of your own: choose one.",
    "talking": "You talk: change the handset after it.",
}


def _refused(step: Step, agent: Agent) -> None:
    """Raises Refusal."""
    event: Any
    for event in step.events:
        if isinstance(event, ev.SignInRefused):
            raise Refusal(409, event.reason, _NO_SEAT.get(event.reason, "That handset is not free."))
        if isinstance(event, ev.AgentRefused | ev.HandsetRefused):
            raise Refusal(409, "locked", "Locked after too many wrong PINs: try again later, or ask a supervisor.")

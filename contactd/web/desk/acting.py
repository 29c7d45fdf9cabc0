"""What an agent does at the desk for themself. The same inputs as the handset's codes give."""

from __future__ import annotations

from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, AgentState, By, Engagement, Status
from contactd.core.ids import ContactId
from contactd.core.step import Step
from contactd.core.text import Author, MessageId
from contactd.engine.inbox import Words
from contactd.services.recording.pausing import Pausing, pause
from contactd.store.audit import Entry, Who
from contactd.store.transcripts import Written, body_of
from contactd.web.desk.routes import Asked, Refusal
from contactd.web.desk.shapes import Done, HandsetAsked, StatusAsked, WrapUpAsked
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

    # --- with a contact ---------------------------------------------------------------------------------------------

    def _engaged(self, asked: Asked, *states: AgentState) -> tuple[Agent, Engagement]:
        """The agent's own, in one of these states. Raises Refusal; another's contact is not there at all."""
        agent = self.agent(asked)
        contact = asked.path["contact"]
        mine = [one for one in agent.engagements if one.contact == contact]
        if not mine:
            raise Refusal(404, "not_yours", "You have no such contact, or not any more.")
        fit = [one for one in mine if one.state in states]
        if not fit:
            raise Refusal(409, "not_now", f"That cannot be done while it is {mine[-1].state}.")
        return agent, fit[-1]

    async def decline(self, asked: Asked) -> Done:
        agent, one = self._engaged(asked, AgentState.OFFERED)
        step = await self._engine.ask(inp.OfferDeclineAsked(agent=agent.id, contact=one.contact))
        if not step.events:
            raise Refusal(409, "not_now", "It rings others too, or was answered this moment: decline at the handset.")
        self._audit(asked, "desk decline", "done", one.contact)
        return Done(done="declined")

    async def extend(self, asked: Asked) -> Done:
        agent, one = self._engaged(asked, AgentState.WRAP_UP)
        step = await self._engine.ask(inp.WrapUpExtendAsked(agent=agent.id, by=By.AGENT))
        if not step.events:
            raise Refusal(409, "extended_already", "It was extended already, or may not be.")
        self._audit(asked, "desk wrap-up-extend", "done", one.contact)
        return Done(done="extended")

    async def wrap_up(self, asked: Asked) -> Done:
        body: WrapUpAsked = asked.body
        agent, one = self._engaged(asked, AgentState.BUSY, AgentState.WRAP_UP)
        self._known_disposition(body, one)
        notes = _printable(body.notes)
        if body.disposition is not None or notes:
            # In the order of time within the contact, as messages are.
            note = MessageId(f"note-{int(self._surface.now() * 1000):013}") if notes else None
            told = inp.ContactDisposeAsked(
                agent=agent.id,
                contact=one.contact,
                disposition=body.disposition or "",
                note=note,
                characters=len(notes),
            )
            at = self._surface.now()
            words = Words(one.contact, note, at, Author.NOTE, body_of(Written(text=notes))) if note else None
            if not (await self._engine.ask(told, words=words)).events:
                raise Refusal(409, "not_now", "The wrap-up ended this moment.")
        if one.state is AgentState.WRAP_UP:
            await self._engine.ask(inp.WrapUpEndAsked(agent=agent.id, by=By.AGENT))
        self._audit(asked, "desk wrap-up", body.disposition or "done", one.contact)
        return Done(done="wrap_up")

    def _known_disposition(self, body: WrapUpAsked, one: Engagement) -> None:
        if body.disposition is None:
            return
        known = self._surface.settings().dispositions.get(body.disposition)
        live = self._engine.floor.contacts.get(one.contact)
        queue = one.queue or (live.queue if live is not None else None)
        if known is None or (known.queues and queue not in known.queues):
            raise Refusal(400, "unknown_disposition", "There is no such disposition for contacts of this queue.")

    async def pause_recording(self, asked: Asked) -> Done:
        return await self._record(asked, pausing=True)

    async def resume_recording(self, asked: Asked) -> Done:
        return await self._record(asked, pausing=False)

    async def _record(self, asked: Asked, *, pausing: bool) -> Done:
        _, one = self._engaged(asked, AgentState.BUSY)
        done = await pause(self._engine, pause=pausing, by=By.AGENT, contact=one.contact)
        word = "paused" if pausing else "on"
        self._audit(asked, f"desk recording-{'pause' if pausing else 'resume'}", done, one.contact)
        if done in (Pausing.DONE, Pausing.ALREADY):
            return Done(done=word)
        if done is Pausing.NOT_RECORDED:
            raise Refusal(409, "not_recorded", "This talk is not recorded.")
        raise Refusal(503, "no_answer", "The PBX has not said that it is done: take it for not done, and try again.")

    def _audit(self, asked: Asked, act: str, outcome: str, contact: ContactId | None = None) -> None:
        who = Who.at_desk(asked.session.user)
        self._surface.trail.put(Entry(who, "desk", act, contact, asked.session.agent, outcome=outcome))


def _printable(text: str) -> str:
    """Without what steers a terminal: notes are read there too."""
    return "".join(char for char in text.strip() if char.isprintable() or char == "\n")


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

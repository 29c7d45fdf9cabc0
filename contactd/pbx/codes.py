"""Feature codes on an agent's handset: in and out, ready and not, the wrap-up. Digits are never logged."""

from __future__ import annotations

from collections.abc import Callable

from contactd.config import Settings
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import NO_REASON, By, Status
from contactd.core.ids import AgentId, PbxId
from contactd.engine.circle import Circle
from contactd.engine.inbox import InboxFull
from contactd.pbx.agi_session import AgiSession, CallerGone
from contactd.services.recording.pausing import Pausing, pause

_DONE = ("auth-thankyou",)
_REFUSED = ("vm-sorry",)
_WRONG = ("auth-incorrect",)
_PIN_MS = 5000
_TRIES = 3
_LONGEST_NUMBER = 10


_Plain = inp.SignOutAsked | inp.ReadyAsked | inp.WrapUpExtendAsked | inp.WrapUpEndAsked


class FeatureCodes:
    """The FastAGI routes ``agent/...``; each says by a prompt whether it was done. settings: replaced by a reload."""

    def __init__(
        self,
        pbx_of: Callable[[str], PbxId],
        circle: Circle,
        settings: Settings,
    ) -> None:
        self._pbx_of = pbx_of
        self._circle = circle
        self.settings = settings

    async def sign_in(self, session: AgiSession) -> None:
        """At the agent's own handset the PIN is enough; at a desk the number comes before it."""
        pbx, endpoint = self._handset(session)
        agent = self._circle.floor.seats.owners.get((pbx, endpoint))
        shared = self.settings.is_shared(endpoint)
        await session.answer()
        if agent is None and not shared:
            await _say(session, _REFUSED)
            return
        if shared and (number := await session.get_data("agent-user", _PIN_MS, _LONGEST_NUMBER)):
            agent = self.settings.agent_of(number)
        # Asked for a number that nobody has too: the answer tells a guesser nothing.
        typed = await session.get_data("agent-pass", _PIN_MS, 10)
        right = agent is not None and self.settings.pin_right(agent, typed)
        await self._ask(session, inp.DeskSignInAsked(pbx=pbx, endpoint=endpoint, agent=agent, pin_right=right))

    async def sign_out(self, session: AgiSession) -> None:
        await self._plain(session, inp.SignOutAsked)

    async def ready(self, session: AgiSession) -> None:
        await self._plain(session, inp.ReadyAsked)

    async def extend_wrap_up(self, session: AgiSession) -> None:
        await self._plain(session, inp.WrapUpExtendAsked)

    async def end_wrap_up(self, session: AgiSession) -> None:
        await self._plain(session, inp.WrapUpEndAsked)

    async def pause_recording(self, session: AgiSession) -> None:
        await self._record(session, pause_=True)

    async def resume_recording(self, session: AgiSession) -> None:
        await self._record(session, pause_=False)

    async def _record(self, session: AgiSession, *, pause_: bool) -> None:
        """While the caller is on hold: it is the handset's second call."""
        agent = self._agent(session)
        await session.answer()
        try:
            done = await pause(self._circle, pause=pause_, by=By.AGENT, agent=agent) if agent is not None else None
        except InboxFull:
            done = None
        await _say(session, _DONE if done in (Pausing.DONE, Pausing.ALREADY) else _REFUSED)

    async def not_ready(self, session: AgiSession) -> None:
        agent = self._agent(session)
        await session.answer()
        if agent is None:
            await _say(session, _REFUSED)
            return
        reason = await self._reason(session)
        await self._ask(session, inp.NotReadyAsked(agent=agent, reason=reason, by=By.AGENT))

    async def _reason(self, session: AgiSession) -> str:
        """The one that is dialled. Who dials none, or none that there is, is not ready all the same."""
        reasons = self.settings.reason_codes
        longest = max(map(len, reasons), default=0)
        prompt = "beep"
        for _ in range(_TRIES if longest else 0):
            typed = await session.get_data(prompt, _PIN_MS, longest)
            if not typed or typed in reasons:
                return reasons.get(typed, NO_REASON)
            prompt = "vm-sorry"
        return NO_REASON

    async def _plain(self, session: AgiSession, kind: type[_Plain]) -> None:
        agent = self._agent(session)
        await session.answer()
        if agent is None:
            await _say(session, _REFUSED)
        else:
            await self._ask(session, kind(agent=agent, by=By.AGENT))

    def _handset(self, session: AgiSession) -> tuple[PbxId, str]:
        """The endpoint that the PBX authenticated, not a number that was dialled."""
        arguments = session.request.args
        endpoint = arguments[3] if len(arguments) > 3 else ""
        return self._pbx_of(session.request.uniqueid), endpoint

    def _agent(self, session: AgiSession) -> AgentId | None:
        """Who sits there."""
        agent = self._circle.floor.seats.by_endpoint.get(self._handset(session))
        return agent.id if agent is not None else None

    async def _ask(self, session: AgiSession, request: inp.Input) -> None:
        try:
            step = await self._circle.ask(request)
        except InboxFull:
            await _say(session, _REFUSED)
            return
        if any(isinstance(event, ev.AgentRefused | ev.HandsetRefused) for event in step.events):
            await _say(session, _WRONG)
        elif any(isinstance(event, ev.SignInRefused) for event in step.events):
            await _say(session, _REFUSED)
        elif step.events or self._already(request):
            await _say(session, _DONE)
        else:
            await _say(session, _REFUSED)

    def _already(self, request: inp.Input) -> bool:
        """Nothing happened because it was so already; to the agent that is success."""
        match request:
            case inp.SignOutAsked(agent=agent):
                return self._circle.floor.agents[agent].status is Status.SIGNED_OUT
            case inp.DeskSignInAsked(agent=str(agent)) | inp.ReadyAsked(agent=agent):
                return self._circle.floor.agents[agent].status is Status.READY
            case inp.NotReadyAsked(agent=agent):
                return self._circle.floor.agents[agent].status is Status.NOT_READY
            case _:
                return False


async def _say(session: AgiSession, sounds: tuple[str, ...]) -> None:
    try:
        for sound in sounds:
            await session.stream_file(sound)
    except CallerGone:
        return

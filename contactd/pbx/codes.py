"""Feature codes on an agent's handset: in and out, ready and not, the wrap-up. Digits are never logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import NO_REASON, By, Status
from contactd.core.ids import AgentId, PbxId
from contactd.engine.circle import Circle
from contactd.engine.inbox import InboxFull
from contactd.pbx.agi_session import AgiSession, CallerGone

_DONE = ("auth-thankyou",)
_REFUSED = ("vm-sorry",)
_WRONG = ("auth-incorrect",)
_PIN_MS = 5000
_TRIES = 3


_Plain = inp.SignOutAsked | inp.ReadyAsked | inp.WrapUpExtendAsked | inp.WrapUpEndAsked


class FeatureCodes:
    """The FastAGI routes ``agent/...``; each says by a prompt whether it was done.

    pin_right(agent, digits); reasons: what is dialled after the not-ready code, to the reason's name.
    """

    def __init__(
        self,
        pbx_of: Callable[[str], PbxId],
        circle: Circle,
        pin_right: Callable[[AgentId, str], bool],
        reasons: Mapping[str, str],
    ) -> None:
        self._pbx_of = pbx_of
        self._circle = circle
        self.pin_right = pin_right
        self.reasons = reasons

    async def sign_in(self, session: AgiSession) -> None:
        agent = self._agent(session)
        await session.answer()
        if agent is None:
            await _say(session, _REFUSED)
            return
        typed = await session.get_data("agent-pass", _PIN_MS, 10)
        right = self.pin_right(agent, typed)
        await self._ask(session, inp.SignInAsked(agent=agent, pin_right=right, by=By.AGENT))

    async def sign_out(self, session: AgiSession) -> None:
        await self._plain(session, inp.SignOutAsked)

    async def ready(self, session: AgiSession) -> None:
        await self._plain(session, inp.ReadyAsked)

    async def extend_wrap_up(self, session: AgiSession) -> None:
        await self._plain(session, inp.WrapUpExtendAsked)

    async def end_wrap_up(self, session: AgiSession) -> None:
        await self._plain(session, inp.WrapUpEndAsked)

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
        longest = max(map(len, self.reasons), default=0)
        prompt = "beep"
        for _ in range(_TRIES if longest else 0):
            typed = await session.get_data(prompt, _PIN_MS, longest)
            if not typed or typed in self.reasons:
                return self.reasons.get(typed, NO_REASON)
            prompt = "vm-sorry"
        return NO_REASON

    async def _plain(self, session: AgiSession, kind: type[_Plain]) -> None:
        agent = self._agent(session)
        await session.answer()
        if agent is None:
            await _say(session, _REFUSED)
        else:
            await self._ask(session, kind(agent=agent, by=By.AGENT))

    def _agent(self, session: AgiSession) -> AgentId | None:
        """The endpoint that the PBX authenticated, not a number that was dialled."""
        arguments = session.request.args
        endpoint = arguments[3] if len(arguments) > 3 else ""
        agent = self._circle.floor.by_endpoint.get((self._pbx_of(session.request.uniqueid), endpoint))
        return agent.id if agent is not None else None

    async def _ask(self, session: AgiSession, request: inp.Input) -> None:
        try:
            step = await self._circle.ask(request)
        except InboxFull:
            await _say(session, _REFUSED)
            return
        refused = [event for event in step.events if isinstance(event, ev.AgentRefused)]
        if refused:
            await _say(session, _WRONG)
        elif step.events or self._already(request):
            await _say(session, _DONE)
        else:
            await _say(session, _REFUSED)

    def _already(self, request: inp.Input) -> bool:
        """Nothing happened because it was so already; to the agent that is success."""
        match request:
            case inp.SignOutAsked(agent=agent):
                return self._circle.floor.agents[agent].status is Status.SIGNED_OUT
            case inp.SignInAsked(agent=agent) | inp.ReadyAsked(agent=agent):
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

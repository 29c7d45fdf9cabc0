"""Supervisors' codes on their own handsets: who is meant, whether it may be, and what the dialplan then carries out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from contactd.config import Settings
from contactd.core.ids import AgentId, PbxId
from contactd.core.listener import Mode
from contactd.engine.circle import Circle
from contactd.metrics import LISTENING_REFUSED
from contactd.pbx import listening
from contactd.pbx.agi_session import AgiSession, CallerGone
from contactd.services.supervising.permission import keys, talk_of, why_not
from contactd.store.audit import Entry

_WHOM_MS, _LONGEST = 5000, 32
_REFUSED = "vm-sorry"


class SupervisorCodes:
    """The FastAGI routes ``agent/listen`` and so on. settings: replaced by a reload. audit: told of every try."""

    def __init__(
        self,
        pbx_of: Callable[[str], PbxId],
        circle: Circle,
        settings: Settings,
        audit: Callable[[Entry], None],
    ) -> None:
        self._pbx_of = pbx_of
        self._circle = circle
        self._audit = audit
        self.settings = settings

    def routes(self) -> dict[str, Callable[[AgiSession], Awaitable[None]]]:
        return {
            "agent/listen": lambda session: self._begin(session, Mode.LISTEN),
            "agent/whisper": lambda session: self._begin(session, Mode.WHISPER),
            "agent/barge": lambda session: self._begin(session, Mode.BARGE),
            "agent/take_over": lambda session: self._begin(session, "take_over"),
        }

    async def _begin(self, session: AgiSession, mode: str) -> None:
        """Leaves on the channel what [contactd-listen] needs; without it the dialplan hangs up."""
        arguments = session.request.args
        pbx, endpoint = self._pbx_of(session.request.uniqueid), arguments[3] if len(arguments) > 3 else ""
        sitting = self._circle.floor.seats.by_endpoint.get((pbx, endpoint))
        await session.answer()
        said = arguments[2] if len(arguments) > 2 else ""
        if not said and sitting is not None:
            said = await session.get_data("agent-user", _WHOM_MS, _LONGEST)
        agent = self._meant(pbx, said)
        supervisor = sitting.id if sitting is not None else AgentId("")
        refused = why_not(self.settings, self._circle.floor, supervisor, agent, mode) if agent else "unknown_agent"
        contact = talk_of(self._circle.floor, agent)
        if refused:
            LISTENING_REFUSED.labels(refused).inc()
        self._audit(
            Entry(
                None,
                f"handset {endpoint}",
                mode,
                contact=contact.id if contact is not None else None,
                agent=agent or None,
                outcome=f"{refused or 'asked'}: by {supervisor or 'nobody'}",
            )
        )
        if refused or contact is None:
            await _sorry(session)
            return
        heard = self._circle.floor.agents[agent]
        values = listening.program(contact, heard, supervisor, keys(self.settings, supervisor), mode)
        for name, value in values.items():
            await session.set_variable(name, value)

    def _meant(self, pbx: PbxId, said: str) -> AgentId:
        """By the agent's number, the handset where the agent sits, or the agent's id; empty: nobody."""
        by_number = self.settings.agent_of(said)
        if by_number is not None:
            return by_number
        sits = self._circle.floor.seats.by_endpoint.get((pbx, said))
        if sits is not None:
            return sits.id
        return AgentId(said) if said in self._circle.floor.agents else AgentId("")


async def _sorry(session: AgiSession) -> None:
    try:
        await session.stream_file(_REFUSED)
    except CallerGone:
        return

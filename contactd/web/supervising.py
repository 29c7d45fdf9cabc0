"""contactctl supervise: who is to hear whom, asked and written down. A refusal is a value with a stable code.

contactd's own AMI account rings nobody up (decision 5). So where a listening is still to begin the answer says what
contactctl is to place: a call to the supervisor's handset, which then dials the code itself, and is asked again there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from contactd.core.ids import AgentId, PbxId
from contactd.core.inputs import ListeningTurnAsked
from contactd.core.listener import Listening, Mode
from contactd.core.listening import EDITION, listening_of
from contactd.metrics import LISTENING_REFUSED
from contactd.services.supervising.permission import CODES, REFUSALS, talk_of, why_not
from contactd.store.audit import Entry
from contactd.web import acts
from contactd.web.requests import body_of, json, who
from contactd.web.surface import Surface

_STOP = "stop"
_HERE = {
    "unknown_handset": "Nobody has the handset {handset}, or is signed in there.",
    "unknown_agent": "There is no agent {agent}; contactctl agents lists them.",
    "unknown_mode": "That is none of listen, whisper, barge, take_over, stop.",
    "not_listening": "{supervisor} is at nobody's talk.",
    "elsewhere": "{supervisor} is at another talk: stop that first.",
    "already": "It is so already.",
    "old_dialplan": "The dialplan of the PBX is too old: copy extensions_contactd.conf of this version (edition 4).",
}
_NOBODY = AgentId("")


def view(one: Listening, now: float) -> dict[str, Any]:
    return {
        "id": one.id,
        "contact": one.contact,
        "agent": one.agent,
        "supervisor": one.supervisor,
        "mode": one.mode,
        "since": one.since,
        "lasted_s": round(max(0.0, now - one.since), 3),
    }


class _Asked:
    """One request, as far as it can be read."""

    def __init__(self, surface: Surface, body: dict[str, Any]) -> None:
        floor = surface.engine.floor
        self.mode, self.handset = str(body.get("mode", "")), str(body.get("handset", ""))
        self.agent = AgentId(str(body.get("agent") or ""))
        sits = [(pbx, one) for (pbx, endpoint), one in floor.seats.by_endpoint.items() if endpoint == self.handset]
        self.pbx = sits[0][0] if len(sits) == 1 else PbxId("")
        self.supervisor = sits[0][1].id if len(sits) == 1 else _NOBODY
        self.running = listening_of(floor, self.supervisor)

    def refused(self, surface: Surface) -> str:
        """The code; empty: nothing speaks against it."""
        if not self.supervisor:
            return "unknown_handset"
        if self.mode == _STOP:
            return "" if self.running is not None else "not_listening"
        return next(self._reasons(surface), "")

    def _reasons(self, surface: Surface) -> Iterator[str]:
        """One after the other; what follows stands on there being none before."""
        floor = surface.engine.floor
        if self.mode not in CODES:
            yield "unknown_mode"
        if self.agent not in floor.agents:
            yield "unknown_agent"
        if self.running is not None and self.running.agent != self.agent:
            yield "elsewhere"
        if self.running is not None and self.running.mode == self.mode:
            yield "already"
        if floor.state.editions.get(self.pbx, 0) < EDITION:
            yield "old_dialplan"
        why = why_not(surface.settings(), floor, self.supervisor, self.agent, self.mode)
        if why:
            yield why


def add_supervising(app: web.Application, surface: Surface) -> None:
    async def listed(_: web.Request) -> web.Response:
        now = surface.now()
        return json([view(one, now) for one in surface.engine.floor.state.listening.values()])

    async def supervise(request: web.Request) -> web.Response:
        asked = _Asked(surface, await body_of(request))
        code = asked.refused(surface)
        agent = asked.agent or (asked.running.agent if asked.running is not None else _NOBODY)
        contact = talk_of(surface.engine.floor, agent)
        if asked.supervisor:
            outcome = f"{code or 'asked'}: {asked.supervisor} at {asked.handset}"
            act = asked.mode if asked.mode in (*CODES, _STOP) else "supervise"
            at = contact.id if contact is not None else None
            surface.trail.put(Entry(who(request), "socket", act, contact=at, agent=agent or None, outcome=outcome))
        if code:
            LISTENING_REFUSED.labels(code).inc()
            told = {**_HERE, **REFUSALS}[code]
            reason = told.format(agent=asked.agent, supervisor=asked.supervisor, handset=asked.handset)
            return json({"code": code, "reason": reason}, status=404 if code.startswith("unknown_") else 409)
        if asked.running is None:
            exten = f"{CODES[asked.mode]}{asked.agent}"
            place = {"pbx": asked.pbx, "endpoint": asked.handset, "exten": exten}
            return json({"code": "place", "supervisor": asked.supervisor, **place})
        take = asked.mode == "take_over"
        mode = None if take or asked.mode == _STOP else Mode(asked.mode)
        await surface.engine.ask(ListeningTurnAsked(supervisor=asked.supervisor, mode=mode, take=take))
        return json({"code": acts.DONE, "supervisor": asked.supervisor})

    app.router.add_get("/supervising", listed)
    app.router.add_post("/supervising", supervise)

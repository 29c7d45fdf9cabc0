"""Somebody says who a contact on the floor is, or that it was made sure of. A number is never taken as proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contactd.core import inputs as inp
from contactd.core.ids import ContactId, PartyId
from contactd.web.acts import DONE
from contactd.web.surface import Surface

_METHOD = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PARTY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it. http: the status to answer with. outcome: for the audit; empty: nothing was done."""

    code: str
    reason: str = ""
    http: int = 200
    party: PartyId | None = None
    outcome: str = ""


async def say(surface: Surface, contact: ContactId, body: Mapping[str, Any]) -> Said:
    """body: party, and for a verification method and agent. Raises StoreAway, or InboxFull."""
    party, method, agent = body.get("party"), body.get("method"), body.get("agent") or SUPERVISOR
    if (wrong := _wrong(surface, party, method, agent)) is not None:
        return wrong
    known = await surface.recogniser.known(PartyId(str(party))) if surface.recogniser is not None else None
    if known is None or known.party is None:
        return Said("unknown_party", f"There is no customer {party}; contactctl customers find tells the id.", 404)
    await surface.engine.ask(inp.PartyKnown(contact=contact, known=known))
    outcome = f"is {known.party}"
    if method is not None:
        told = inp.VerificationTold(contact=contact, party=known.party, method=method, by=agent)
        await surface.engine.ask(told)
        outcome += f", by {method}"
    if contact not in surface.engine.floor.contacts:
        return Said("gone", "The contact ended meanwhile.", 409, None, "gone")
    return Said(DONE, "", 200, known.party, outcome)


def _wrong(surface: Surface, party: Any, method: Any, agent: Any) -> Said | None:
    if not isinstance(party, str) or not _PARTY.fullmatch(party):
        return Said("unknown_party", "Give the customer's whole id; contactctl customers find tells it.", 400)
    if method is not None and not (isinstance(method, str) and _METHOD.fullmatch(method)):
        return Said("unknown_method", "Say how in one word of small letters, such as question or callback.", 400)
    if not isinstance(agent, str) or (agent != SUPERVISOR and agent not in surface.engine.floor.agents):
        return Said("unknown_agent", f"There is no agent {agent}; contactctl agents lists them.", 404)
    return None

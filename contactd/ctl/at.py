"""What was decided at a past moment, and why: the floor is made again as it was, and asked."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from contactd.core import events as ev
from contactd.core.ids import Instant
from contactd.core.routing.explain import candidates
from contactd.core.routing.reasons import Reason
from contactd.ctl.durations import local
from contactd.ctl.store import NotFound, database, one_contact
from contactd.store.past import PastLost, floor_after, floor_of, last_event_at, last_seq
from contactd.store.reading import Story, Told, story

_OFFER = re.compile(r"^[0-9]{1,10}-[0-9]{1,18}\Z")


async def explain_at(config: Path, text: str, moment: str) -> dict[str, Any]:
    """Every agent at an offer (1-57), or at a time of day of the contact, and what was chosen.

    Raises NotFound, PastLost, StoreAway, StoreRefused, ConfigErrors.
    """
    async with database(config) as connection:
        contact = await one_contact(connection, config, text)
        told = await story(connection, contact)
        if told is None:
            raise NotFound(f"The journal knows no contact {text}.")
        first, last = told.told[0], told.told[-1]
        floor_id = await floor_of(connection, contact, first.seq)
        offered = None
        if _OFFER.match(moment):
            offered, seq, at = _offered(told, moment)
        else:
            at = instant(moment, first.at)
            if at < first.at or (isinstance(last.event, ev.ContactEnded) and at > last.at):
                raise NotFound(
                    f"At {local(at):%Y-%m-%d %H:%M:%S} the contact was not there: it came at {local(first.at):%H:%M:%S}"
                    f" and its last fact is of {local(last.at):%H:%M:%S} on {local(last.at):%Y-%m-%d}."
                )
            end = last.seq
            if not isinstance(last.event, ev.ContactEnded):
                end = await last_seq(connection, floor_id)
            seq = await last_event_at(connection, floor_id, first.seq, end, at)
        floor = await floor_after(connection, floor_id, seq)
    known = floor.contacts.get(contact)
    if known is None:
        raise PastLost(f"The floor had no contact {contact} after fact {seq}, though the journal tells of it.")
    found = candidates(floor, known)
    return {
        "at": at,
        "after_seq": seq,
        "config_sha256": floor.plan.sha256,
        "offer": offered.offer if offered is not None else None,
        "chosen": offered.agent if offered is not None else None,
        "as_in_journal": _same(offered, Counter(str(one.reason) for one in found.agents)) if offered else None,
        **msgspec.to_builtins(found),
    }


def _offered(told: Story, offer: str) -> tuple[ev.ContactOffered, int, Instant]:
    """The offer, the last event before it, and when it was made."""
    made: list[tuple[Told, ev.ContactOffered]] = [
        (fact, fact.event) for fact in told.told if isinstance(fact.event, ev.ContactOffered)
    ]
    for fact, event in made:
        if event.offer == offer:
            return event, fact.seq - 1, fact.at
    some = ", ".join(event.offer for _, event in made) or "none"
    raise NotFound(f"The contact had no offer {offer}; it had: {some}.")


def _same(offered: ev.ContactOffered, reasons: Counter[str]) -> bool | None:
    """Whether the agents counted by reason are those of the journal; None: an older contactd did not count."""
    if not offered.strategy:
        return None
    reasons[str(Reason.READY)] -= 1
    return +reasons == Counter(offered.others)


def instant(text: str, arrived_at: Instant) -> Instant:
    """A time of the contact's day as explain shows it, or a date and time; without a zone that of this machine.

    A time of day before the arrival is of the day after. Raises NotFound with a sentence.
    """
    text = text.strip()
    arrived = local(arrived_at)
    try:
        if re.match(r"^[0-9]{1,2}:[0-9]{2}", text):
            way = "%H:%M:%S.%f" if "." in text else "%H:%M:%S" if text.count(":") == 2 else "%H:%M"
            time = datetime.strptime(text, way)
            found = arrived.replace(
                hour=time.hour, minute=time.minute, second=time.second, microsecond=time.microsecond
            )
            # explain shows thousandths: the fact itself may have come some microseconds later.
            found += timedelta(microseconds=999) if "." in text else timedelta(0)
            return (found if found >= arrived else found + timedelta(days=1)).timestamp()
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=arrived.tzinfo)).timestamp()
    except ValueError:
        raise NotFound(
            f"{text} is neither an offer (1-57, as contactctl explain tells them) nor a time: write 10:14:03, or"
            " 2026-11-22T10:14:03+01:00."
        ) from None

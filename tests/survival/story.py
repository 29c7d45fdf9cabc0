"""The journal's stories against Asterisk's own record of the same calls.

Nothing here is shared with the code under test: the legal orders are written down once more, and CEL is what the PBX
wrote without knowing of contactd. Every finding is a sentence; a test asserts that there is none.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.postgres import Postgres

AFTER: dict[str, frozenset[str]] = {
    "": frozenset({"ContactArrived", "ContactAdopted"}),
    "menu": frozenset(
        {"MenuChosen", "ContactQueued", "ContactFellBack", "ContactConnected", "ContactOffered", "ContactEnded"}
    ),
    "waiting": frozenset(
        {"ContactHeld", "ContactQueued", "ContactOffered", "ContactConnected", "ContactFellBack", "ContactEnded"}
    ),
    "offered": frozenset({"ContactConnected", "OfferEnded"}),
    "connected": frozenset({"TalkEnded"}),
    "released": frozenset(
        {"ContactEnded", "ContactQueued", "ContactHeld", "ContactConnected", "ContactOffered", "ContactFellBack"}
    ),
    "fallback": frozenset(
        {"ContactHeld", "ContactConnected", "ContactOffered", "ContactQueued", "ContactEnded", "ReturnOverdue"}
    ),
    "ended": frozenset(),
}
"""Which fact may follow in which state. A second arrival, or anything after the end, is in none."""

BECOMES = {
    "ContactArrived": "menu",
    "ContactAdopted": "menu",
    "MenuChosen": "menu",
    "ContactQueued": "waiting",
    "ContactHeld": "waiting",
    "ContactFellBack": "fallback",
    "ReturnOverdue": "fallback",
    "ContactOffered": "offered",
    "OfferEnded": "waiting",
    "ContactConnected": "connected",
    "TalkEnded": "released",
    "ContactEnded": "ended",
}


@dataclass(frozen=True, slots=True)
class Fact:
    seq: int
    at: float
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Journal:
    """epoch, seq: of the row that fences the writers."""

    facts: Sequence[Fact]
    epoch: int
    seq: int

    @classmethod
    def read(cls, postgres: Postgres) -> Journal:
        rows = postgres.psql(
            "SELECT json_build_array(seq, extract(epoch FROM at)::float8, kind, body::json) FROM event ORDER BY seq",
            "contactd",
        ).splitlines()
        epoch, seq = postgres.psql("SELECT epoch, seq FROM floor", "contactd").split("|")
        return cls([Fact(*json.loads(row)) for row in rows], int(epoch), int(seq))

    def stories(self) -> dict[str, list[Fact]]:
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            if contact := fact.body.get("contact"):
                found.setdefault(contact, []).append(fact)
        return found

    def states_at(self, moment: float) -> Counter[str]:
        """How many contacts were where, and how many agents wrapped up."""
        states: dict[str, str] = {}
        wrapping: dict[str, float] = {}
        for fact in self.facts:
            if fact.at > moment:
                continue
            if fact.kind in BECOMES:
                states[fact.body["contact"]] = BECOMES[fact.kind]
            if fact.kind == "TalkEnded" and fact.body["wrap_up_until"]:
                wrapping[fact.body["agent"]] = fact.body["wrap_up_until"]
            elif fact.kind == "WrapUpEnded":
                wrapping.pop(fact.body["agent"], None)
        counted = Counter(states.values())
        counted["wrap_up"] = len(wrapping)
        del counted["ended"]
        return counted


@dataclass(slots=True)
class Talk:
    endpoint: str
    since: float
    until: float | None = None


@dataclass(slots=True)
class PbxCall:
    """One caller's channel as CEL tells it."""

    call: str
    began: float
    ended: float | None = None
    talks: list[Talk] = field(default_factory=list)
    offers: list[tuple[float, str]] = field(default_factory=list)
    """When, and the dialplan's extension: endpoint*epoch*seq*ring."""
    refused: list[tuple[float, str]] = field(default_factory=list)
    """Redirects that the dialplan's fence refused: the caller had been torn from wherever he was."""


COLUMNS = ("time", "event", "uniqueid", "linkedid", "channel", "context", "exten", "app", "extra")


def read_cel(path: Path, endpoints: Iterable[str]) -> dict[str, PbxCall]:
    """Every caller's channel, by Uniqueid. endpoints: the handsets'."""
    known = set(endpoints)
    calls: dict[str, PbxCall] = {}
    channels: dict[str, tuple[str, str]] = {}
    bridges: dict[str, dict[str, float]] = {}
    with path.open(newline="") as lines:
        rows = [dict(zip(COLUMNS, row, strict=False)) for row in csv.reader(lines) if len(row) >= len(COLUMNS)]
    for row in rows:
        at, unique = float(row["time"]), row["uniqueid"]
        endpoint = row["channel"].removeprefix("PJSIP/").rpartition("-")[0]
        match row["event"]:
            case "CHAN_START":
                channels[unique] = (endpoint if endpoint in known else "", row["linkedid"])
                if endpoint not in known:
                    calls[unique] = PbxCall(unique, at)
            case "CHAN_END" if unique in calls:
                calls[unique].ended = at
            case "APP_START" if unique in calls and row["app"] == "Dial" and row["context"] == "contactd-offer":
                calls[unique].offers.append((at, row["exten"]))
            case "APP_START" if unique in calls and row["app"] == "UserEvent" and row["context"] == "contactd-offer":
                if all(exten != row["exten"] for _, exten in calls[unique].offers):
                    calls[unique].refused.append((at, row["exten"]))
            case "BRIDGE_ENTER":
                members = bridges.setdefault(json.loads(row["extra"])["bridge_id"], {})
                members[unique] = at
                _joined(calls, channels, members, unique, at)
            case "BRIDGE_EXIT":
                bridges.get(json.loads(row["extra"])["bridge_id"], {}).pop(unique, None)
                _left(calls, channels, unique, at)
            case _:
                pass
    return calls


def _joined(
    calls: dict[str, PbxCall], channels: dict[str, tuple[str, str]], members: dict[str, float], unique: str, at: float
) -> None:
    """A talk begins when a caller and a handset are in the same bridge."""
    for other in members:
        for caller, handset in ((unique, other), (other, unique)):
            endpoint = channels.get(handset, ("", ""))[0]
            if caller in calls and endpoint and handset not in calls:
                calls[caller].talks.append(Talk(endpoint, at))


def _left(calls: dict[str, PbxCall], channels: dict[str, tuple[str, str]], unique: str, at: float) -> None:
    call = calls.get(unique) or calls.get(channels.get(unique, ("", ""))[1])
    if call is not None and call.talks and call.talks[-1].until is None:
        call.talks[-1].until = at


@dataclass(slots=True)
class Report:
    problems: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return "\n".join([*self.problems[:40], f"({len(self.problems)} problems; {dict(self.figures)})"])


def judge(
    journal: Journal,
    calls: Mapping[str, PbxCall],
    endpoints: Mapping[str, str],
    *,
    deaf: Sequence[tuple[float, float]] = (),
    pbx_deaths: Sequence[float] = (),
    changes: Sequence[tuple[float, float]] = (),
    tolerance_s: float = 2.0,
) -> Report:
    """endpoints: handset to agent. deaf: when nobody listened to the PBX. pbx_deaths: when it was killed.

    changes: when another writer took the floor. What the old one had kept on its own disk and not yet told PostgreSQL
    is not the new one's to know.
    """
    report = Report()
    _numbers(journal, report)
    _agents(journal, report)
    stories = journal.stories()
    by_call: dict[str, list[Fact]] = {}
    for contact, facts in stories.items():
        _order(contact, facts, report)
        call = facts[0].body.get("call", "")
        if call in by_call:
            report.problems.append(f"two contacts for the call {call}")
        by_call[call] = facts
        if call not in calls:
            report.problems.append(f"a ghost: contact {contact} has call {call}, which the PBX never had")
    for call in calls.values():
        facts = by_call.get(call.call, [])
        if not facts:
            _unknown(call, deaf, report)
            continue
        _times(call, facts, deaf, pbx_deaths, tolerance_s, report)
        _talks(call, facts, endpoints, deaf, pbx_deaths, tolerance_s, report)
    _offers(journal, calls, changes, report)
    report.figures["contacts"] = len(stories)
    report.figures["facts"] = len(journal.facts)
    report.figures["epochs"] = journal.epoch
    return report


def _within(since: float, until: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(a - 0.5 <= since and until <= b + 0.5 for a, b in spans)


def _touches(at: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(a - 0.5 <= at <= b + 0.5 for a, b in spans)


def _numbers(journal: Journal, report: Report) -> None:
    """No gap, no repeat, nothing beyond the fence, and never an offer of an older writer after a newer one's."""
    for number, fact in enumerate(journal.facts, 1):
        if fact.seq != number:
            report.problems.append(f"the journal goes from {number - 1} to {fact.seq}")
            break
    if journal.seq != len(journal.facts):
        report.problems.append(f"the floor is at {journal.seq}, the journal holds {len(journal.facts)} facts")
    newest = 0
    for fact in journal.facts:
        if fact.kind == "FactQuarantined":
            report.problems.append(f"a frame was refused: {dict(fact.body)}")
        if fact.kind != "ContactOffered":
            continue
        epoch, seq = (int(part) for part in fact.body["offer"].split("-"))
        if seq != fact.seq:
            report.figures["offers adopted"] += 1
            continue
        report.figures["offers"] += 1
        if epoch < newest or epoch > journal.epoch:
            report.problems.append(f"epoch {epoch} offered at seq {seq}, after epoch {newest} had")
        newest = max(newest, epoch)


def _order(contact: str, facts: Sequence[Fact], report: Report) -> None:
    """Exactly one beginning, legal steps, exactly one end, one place in line."""
    state = ""
    queued_at: set[float] = set()
    for fact in facts:
        if fact.kind not in BECOMES:
            report.problems.append(f"{contact} has a {fact.kind}")
            continue
        if fact.kind not in AFTER[state]:
            told = " ".join(f"{one.seq}:{one.kind}" for one in facts)
            report.problems.append(f"{contact}: {fact.kind} (seq {fact.seq}) while {state or 'unknown'}: {told}")
            return
        state = BECOMES[fact.kind]
        if fact.kind in ("ContactQueued", "ContactFellBack"):
            queued_at.add(fact.body["queued_at"])
    if state != "ended":
        report.problems.append(f"{contact} never ended; it was {state} at seq {facts[-1].seq}")
    else:
        report.figures[f"outcome {facts[-1].body['outcome']}"] += 1
    if len(queued_at) > 1:
        report.problems.append(f"{contact} lost its place in line: queued at {sorted(queued_at)}")
    report.figures["adopted"] += facts[0].kind == "ContactAdopted"


def _agents(journal: Journal, report: Report) -> None:
    """An agent has one contact at a time."""
    having: dict[str, str] = {}
    for fact in journal.facts:
        agent, contact = fact.body.get("agent"), fact.body.get("contact")
        if not agent or not contact:
            continue
        if fact.kind in ("ContactOffered", "ContactConnected"):
            if having.get(agent, contact) != contact:
                report.problems.append(f"{agent} got {contact} (seq {fact.seq}) while with {having[agent]}")
            having[agent] = contact
        elif fact.kind in ("OfferEnded", "TalkEnded") and having.pop(agent, None) != contact:
            report.problems.append(f"{agent} ended with {contact} (seq {fact.seq}), whom they did not have")


def _unknown(call: PbxCall, deaf: Sequence[tuple[float, float]], report: Report) -> None:
    """Came and went while contactd was dead: only the PBX can know it."""
    report.figures["known to the PBX only"] += 1
    if call.ended is None or not _within(call.began, call.ended, deaf):
        report.problems.append(f"the journal lost call {call.call}, {call.began:.3f} to {call.ended}")


def _times(
    call: PbxCall,
    facts: Sequence[Fact],
    deaf: Sequence[tuple[float, float]],
    pbx_deaths: Sequence[float],
    tolerance_s: float,
    report: Report,
) -> None:
    first, last = facts[0], facts[-1]
    if first.kind == "ContactArrived" and abs(first.at - call.began) > tolerance_s and not _touches(call.began, deaf):
        report.problems.append(f"call {call.call} began at {call.began:.3f}, the journal says {first.at:.3f}")
    if last.kind != "ContactEnded":
        return
    outcome, late = last.body["outcome"], last.body["seen_late"]
    lost = next((at for at in pbx_deaths if call.began <= at and (call.ended is None or call.ended > at)), None)
    if (lost is not None) != (outcome == "pbx_lost"):
        report.problems.append(f"call {call.call} ended as {outcome}; the PBX {'died' if lost else 'lived'}")
    if lost is not None:
        return
    if call.ended is None:
        report.problems.append(f"call {call.call} ended in the journal at {last.at:.3f}, never on the PBX")
    elif last.at < call.ended - tolerance_s:
        report.problems.append(f"call {call.call} ended at {call.ended:.3f}, the journal said so before: {last.at:.3f}")
    elif last.at > call.ended + tolerance_s and not _touches(call.ended, deaf):
        report.problems.append(f"call {call.call} ended at {call.ended:.3f}, the journal says {last.at:.3f}")
    report.figures["ends seen late"] += late


def _talks(
    call: PbxCall,
    facts: Sequence[Fact],
    endpoints: Mapping[str, str],
    deaf: Sequence[tuple[float, float]],
    pbx_deaths: Sequence[float],
    tolerance_s: float,
    report: Report,
) -> None:
    """Every talk of the PBX is in the journal with its agent, or was over before anybody listened again."""
    told = [fact for fact in facts if fact.kind == "ContactConnected"]
    for talk in call.talks:
        agent = endpoints.get(talk.endpoint, talk.endpoint)
        match = next((fact for fact in told if fact.body["agent"] == agent), None)
        if match is not None:
            told.remove(match)
            report.figures["talks"] += 1
            if match.body["seen_late"]:
                report.figures["talks seen late"] += 1
                if match.at < talk.since - tolerance_s or not _touches(talk.since, deaf):
                    report.problems.append(f"{call.call} with {agent} at {talk.since:.3f} seen late at {match.at:.3f}")
            elif abs(match.at - talk.since) > tolerance_s:
                report.problems.append(f"{call.call} with {agent} at {talk.since:.3f}, the journal: {match.at:.3f}")
        elif any(_within(talk.since, until, deaf) for until in (pbx_deaths if talk.until is None else [talk.until])):
            report.figures["talks known to the PBX only"] += 1
        else:
            report.problems.append(f"the journal lost {call.call}'s talk with {agent} at {talk.since:.3f}-{talk.until}")
    for fact in told:
        report.problems.append(f"{call.call} never talked with {fact.body['agent']} (seq {fact.seq}, {fact.at:.3f})")


def _offers(
    journal: Journal, calls: Mapping[str, PbxCall], changes: Sequence[tuple[float, float]], report: Report
) -> None:
    """Whatever was done in contactd's name had been kept before: no ring without its fact, none twice."""
    kept: dict[str, str] = {}
    contacts = {facts[0].body.get("call", ""): contact for contact, facts in journal.stories().items()}
    for fact in journal.facts:
        if fact.kind == "ContactOffered":
            kept[fact.body["offer"]] = fact.body["contact"]
    rung: set[str] = set()
    for call in calls.values():
        for at, exten in call.offers:
            _, epoch, seq, _ = exten.split("*")
            offer = f"{epoch}-{seq}"
            if offer in rung:
                report.problems.append(f"the offer {offer} rang twice, at {at:.3f} for {call.call}")
            rung.add(offer)
            if offer not in kept and _touches(at, changes):
                report.figures["offers in the old writer's spool only"] += 1
            elif kept.get(offer) != contacts.get(call.call):
                report.problems.append(
                    f"{call.call} rang as offer {offer} at {at:.3f}; the journal has {kept.get(offer)} there,"
                    f" the contact is {contacts.get(call.call)}"
                )
    report.figures["offers on the PBX"] = len(rung)
    report.figures["offers that the dialplan refused"] = sum(len(call.refused) for call in calls.values())


def in_order(journal: Journal, since: float, until: float, patience_s: float = 1.0) -> list[str]:
    """Who waited at `since`, and was offered after the next comparison, was offered in the order of the line.

    patience_s: when many agents are free at once, all are offered in the same moment, and no one is overtaken.
    """
    states: dict[str, str] = {}
    queued: dict[str, float] = {}
    for fact in journal.facts:
        if fact.at < since and fact.kind in BECOMES:
            states[fact.body["contact"]] = BECOMES[fact.kind]
            if fact.kind == "ContactQueued":
                queued[fact.body["contact"]] = fact.body["queued_at"]
    waiting = {contact for contact, state in states.items() if state == "waiting"}
    problems = []
    offered: list[tuple[float, float]] = []
    for fact in journal.facts:
        contact = fact.body.get("contact", "")
        if since <= fact.at <= until and fact.kind == "ContactOffered" and contact in waiting:
            waiting.discard(contact)
            if any(place > queued[contact] and at < fact.at - patience_s for place, at in offered):
                problems.append(f"{contact} was overtaken (seq {fact.seq})")
            offered.append((queued[contact], fact.at))
    return problems

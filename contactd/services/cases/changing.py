"""What follows from a change of a case: its row, its history, its targets. Pure: the case and the time are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contactd.config import CaseType
from contactd.core.ids import AgentId, Instant, PartyId, QueueId
from contactd.services.cases import targets as clock
from contactd.services.cases.rules import CaseRefused, Rules
from contactd.services.crm.fields import checked, one_line
from contactd.store.case_changes import Held, Written
from contactd.store.cases import CLOSED, FIRST_ANSWER, OPEN, RESOLUTION, SUBJECT, WAITING, Case, Target

_TOLD = ("type", "topic", "status", "agent", "queue", "party")
_LONGEST_SUBJECT = 200
Line = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change. None leaves it as it is; an empty text clears a topic, an owner, a word.

    words: subject and declared fields. answered: the customer has had the first answer.
    """

    type: str | None = None
    topic: str | None = None
    status: str | None = None
    agent: str | None = None
    queue: str | None = None
    party: PartyId | None = None
    words: Mapping[str, str] = field(default_factory=dict, repr=False)
    answered: bool = False

    def what(self) -> str:
        """For the audit: which, never the words."""
        named = [name for name in _TOLD if getattr(self, name) is not None]
        return " ".join([*named, *self.words, *(["answered"] if self.answered else [])])


def made(edit: Edit, rules: Rules, blank: Case) -> tuple[Case, Written]:
    """A new case from blank, which has its id, number, time and what it follows; begun() gives its targets.

    Raises CaseRefused, FieldRefused.
    """
    type_name = edit.type or rules.usual_type
    status = edit.status or rules.usual(type_name, OPEN)
    case = replace(blank, type=type_name, status=status, phase=rules.phase(type_name, status))
    case = _told(case, edit, rules)
    lines: list[Line] = [("made", None, type_name), ("status", None, status)]
    lines += [(name, None, getattr(case, name)) for name in ("topic", "agent", "queue", "party") if getattr(case, name)]
    lines += [("follows", None, case.follows)] if case.follows is not None else []
    return case, Written(lines, (), _words(edit, rules.type(type_name)))


def begun(case: Case, rules: Rules, at: Instant, *, answered: bool = False) -> tuple[tuple[Target, ...], list[Line]]:
    """The targets of a case that was just made, and what its history says of them."""
    section = rules.type(case.type)
    fresh = [_fresh(kind, section, rules, at) for kind in (FIRST_ANSWER, RESOLUTION)]
    return _clocked(Held(case, tuple(one for one in fresh if one is not None), at), case, rules, answered=answered)


def changed(held: Held, edit: Edit, rules: Rules) -> tuple[Case, Written]:
    """Raises CaseRefused, FieldRefused."""
    before = held.case
    case = before
    if edit.type is not None and edit.type != before.type:
        # A status that the new type does not know becomes the usual one of the same meaning.
        states = rules.states(edit.type)
        status = before.status if states.get(before.status) == before.phase else rules.usual(edit.type, before.phase)
        topic = before.topic if before.topic in rules.type(edit.type).topics else None
        case = replace(case, type=edit.type, status=status, topic=topic)
    if edit.status is not None:
        case = replace(case, status=edit.status, phase=rules.phase(case.type, edit.status))
    case = _told(case, edit, rules)
    words = _words(edit, rules.type(case.type) if set(edit.words) - {SUBJECT} else CaseType())
    lines: list[Line] = [
        (name, getattr(before, name), getattr(case, name))
        for name in _TOLD
        if getattr(before, name) != getattr(case, name)
    ]
    targets, more = _clocked(held, case, rules, answered=edit.answered)
    return case, Written([*lines, *more], targets, words)


def answered(held: Held, rules: Rules, at: Instant) -> Written:
    """The customer was answered at a time that lies before."""
    targets, lines = _clocked(replace(held, at=at), held.case, rules, answered=True)
    return Written(lines, targets)


def _told(case: Case, edit: Edit, rules: Rules) -> Case:
    """Topic, owner and customer, as the edit says."""
    if edit.topic is not None:
        case = replace(case, topic=rules.topic(case.type, edit.topic) if edit.topic else None)
    if edit.agent and edit.queue:
        raise CaseRefused("A case has one owner: give an agent or a queue.")
    if edit.agent:
        case = replace(case, agent=AgentId(rules.owner("agent", edit.agent)), queue=None)
    elif edit.queue:
        case = replace(case, agent=None, queue=QueueId(rules.owner("queue", edit.queue)))
    elif edit.agent == "" or edit.queue == "":
        case = replace(case, agent=None, queue=None)
    return replace(case, party=edit.party) if edit.party is not None else case


def _words(edit: Edit, section: CaseType) -> dict[str, str | None]:
    made: dict[str, str | None] = {}
    for name, text in edit.words.items():
        if name == SUBJECT:
            made[name] = one_line(text, _LONGEST_SUBJECT, "A subject") or None
            continue
        declared = section.fields.get(name)
        if declared is None:
            known = ", ".join(section.fields) or "none: declare it as [case_types.<id>.fields.<id>]"
            raise CaseRefused(f"There is no field {name} in this type of case; known: {known}.")
        made[name] = checked(name, declared, text) or None
    return made


# --- targets ----------------------------------------------------------------------------------------------------------


def _clocked(held: Held, case: Case, rules: Rules, *, answered: bool) -> tuple[tuple[Target, ...], list[Line]]:
    """The targets that change with the case, and what its history says of them. Whoever waits for the customer, or has
    closed the case, has answered."""
    at, before = held.at, held.case
    now = {target.kind: target for target in held.targets}
    if case.type != before.type:
        now = _of_another_type(now, case, rules, at)
    elif before.phase == CLOSED and case.phase != CLOSED:
        fresh = _fresh(RESOLUTION, rules.type(case.type), rules, at)
        now |= {RESOLUTION: fresh} if fresh is not None else {}
    if FIRST_ANSWER in now and (answered or case.phase in (WAITING, CLOSED)):
        now[FIRST_ANSWER] = _met(now[FIRST_ANSWER], rules, at)
    if RESOLUTION in now:
        target = now[RESOLUTION]
        calendar = rules.calendar(target.calendar)
        match case.phase:
            case "waiting":
                now[RESOLUTION] = clock.paused(target, calendar, at)
            case "closed":
                now[RESOLUTION] = _met(target, rules, at)
            case _:
                now[RESOLUTION] = clock.resumed(target, calendar, _warn_s(case, rules), at)
    was = {target.kind: target for target in held.targets}
    lines: list[Line] = []
    for kind, target in now.items():
        if target.met_at is not None and (kind not in was or was[kind].met_at is None):
            lines.append((kind, None, "late" if target.broken_at is not None else "kept"))
    # All of a new case's are to be written.
    fresh_case = before is case
    return tuple(target for target in now.values() if fresh_case or was.get(target.kind) != target), lines


def _of_another_type(was: Mapping[str, Target], case: Case, rules: Rules, at: Instant) -> dict[str, Target]:
    """What was not met is measured by the new type, from when the case was made."""
    section = rules.type(case.type)
    now = dict(was)
    for kind in (FIRST_ANSWER, RESOLUTION):
        if kind in was and was[kind].met_at is not None:
            continue
        fresh = _fresh(kind, section, rules, case.made_at)
        if fresh is not None:
            now[kind] = fresh
        elif kind in was:
            # The new type has none: it does not run any more, and was neither kept nor broken.
            now[kind] = replace(was[kind], since=None, due=None, warn_at=None)
    return now


def _fresh(kind: str, section: CaseType, rules: Rules, at: Instant) -> Target | None:
    minutes = section.first_answer_min if kind == FIRST_ANSWER else section.resolution_min
    if minutes == 0:
        return None
    calendar = rules.calendar(section.calendar)
    return clock.begun(kind, section.calendar, calendar, minutes * 60.0, section.warn_min * 60.0, at)


def _met(target: Target, rules: Rules, at: Instant) -> Target:
    return clock.met(target, rules.calendar(target.calendar), at)


def _warn_s(case: Case, rules: Rules) -> float:
    section = rules.types.get(case.type)
    return section.warn_min * 60.0 if section is not None else 0.0

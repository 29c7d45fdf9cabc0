"""The journal in words that a person understands. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core import events as ev
from contactd.core.agent import AgentState, By
from contactd.core.announcements import Range, Said, SayMessage, SayPosition, SayWait, SayWelcome
from contactd.core.contact import Estimate, KnownBy, Outcome
from contactd.core.destination import Way, kind_of, target_of
from contactd.core.events import (
    AnnouncementEnd,
    DiversionFailure,
    DiversionReason,
    OfferOutcome,
    RecordingFailure,
    SignedOutWhy,
)
from contactd.core.listener import ListeningEnd, Mode
from contactd.core.text import Author, FoundBy
from contactd.ctl import callback_words
from contactd.ctl.durations import duration
from contactd.store.history import ContactRow

_OFFER = {
    OfferOutcome.RONA: "rang and was not answered",
    OfferOutcome.DECLINED: "was declined",
    OfferOutcome.BUSY: "met a busy handset",
    OfferOutcome.UNREGISTERED: "met a handset that is not registered",
    OfferOutcome.CALLER_GONE: "ended because the caller hung up",
    OfferOutcome.NOT_SENT: "was not carried out by the PBX",
    OfferOutcome.LOST: "was found to have ended unseen",
    OfferOutcome.ANSWERED_ELSEWHERE: "was answered by another",
    OfferOutcome.NOT_ACCEPTED: "was answered at the number outside and not accepted",
    OfferOutcome.CUSTOMER_MISSED: "ended before the customer was there",
    OfferOutcome.WITHDRAWN: "was called off by a supervisor",
}
_OUTCOME = {
    Outcome.HANDLED: "handled",
    Outcome.DIVERTED_VOICEMAIL: "sent to a voicemail box",
    Outcome.DIVERTED_EXTERNAL: "sent to a number outside",
    Outcome.DIVERTED_MESSAGE: "heard a message",
    Outcome.DIVERTED_HANG_UP: "turned away with a tone",
    Outcome.SELF_SERVED: "served by a flow, without an agent",
    Outcome.MERGED: "an agent's call for a caller, who was put through: see the caller's contact",
    Outcome.ABANDONED_IN_MENU: "the caller hung up in the menu",
    Outcome.ABANDONED_WAITING: "the caller hung up while waiting",
    Outcome.ABANDONED_RINGING: "the caller hung up while a handset rang",
    Outcome.TIMED_OUT: "sent away after the longest wait",
    Outcome.CALLED_IN: "called again before being called back: see the contact that has the place",
    Outcome.CALLBACK_FAILED: "called back as often as the queue tries, and not reached",
    Outcome.CALLBACK_EXPIRED: "not reached in time to be called back",
    Outcome.CALLBACK_REFUSED: "not called back: the rules of dialling forbid it, or the number is erased",
    Outcome.CALLBACK_CANCELLED: "the callback was cancelled",
    Outcome.WITHDRAWN: "erased before an agent took it",
    Outcome.PBX_LOST: "the PBX restarted and lost the call",
    Outcome.UNSEEN: "it ended unseen, while it rang or the static queue may have served it",
}
_TEXT_FOUND = {
    FoundBy.NUMBER: "the number is for text",
    FoundBy.KEY: "chosen by a key",
    FoundBy.RECORD: "the customer's record says so",
    FoundBy.TONES: "its tones were heard",
}
_AUTHOR = {Author.CALLER: "the caller", Author.AGENT: "the agent", Author.SYSTEM: "contactd", Author.NOTE: "a note"}
_ENDED_BY = {
    "caller": "the caller hung up",
    "agent": "the agent hung up",
    "transfer": "the caller was transferred",
    "supervisor": "a supervisor took the caller over",
    "unseen": "seen later",
}


def words(event: ev.Event) -> str:
    """What happened, for one line of a story."""
    say = _WORDS.get(type(event)) or _BESIDE.get(type(event))
    return say(event) if say is not None else type(event).__name__


def summary(row: ContactRow) -> str:
    """The whole contact in one line: waited, talked, outcome."""
    parts = []
    if row.waited_s is not None:
        parts.append(f"waited {duration(row.waited_s)}")
    elif row.queued_at is None:
        parts.append("never queued")
    if row.agent is not None:
        parts.append(f"talked {duration(row.talk_s)} with {row.agent}")
    elif row.offers:
        parts.append(f"offered {row.offers} {'time' if row.offers == 1 else 'times'}, never answered")
    told = ", ".join(parts)
    outcome = "not ended yet" if row.outcome is None else _OUTCOME.get(Outcome(row.outcome), row.outcome)
    late = " (some of it was seen late)" if row.seen_late else ""
    return f"{told}: {outcome}{late}" if told else f"{outcome}{late}"


def outcome_words(outcome: Outcome) -> str:
    return _OUTCOME[outcome]


def _offer_ended(event: ev.OfferEnded | ev.LegEnded) -> str:
    cause = f" (cause {event.cause})" if event.cause else ""
    return f"the offer to {event.agent} {_OFFER[event.outcome]}{cause}"


def _connected(event: ev.ContactConnected) -> str:
    late = "; found so by a comparison" if event.seen_late else ""
    if event.waited_s is None:
        return f"put through to {event.agent}{late}"
    how = "the static queue connected" if event.offer is None else "connected"
    guess = f" (estimated: {spread(event.estimate)})" if event.estimate is not None else ""
    return f"{how} with {event.agent}, after a wait of {duration(event.waited_s)}{guess}{late}"


def _queued(event: ev.ContactQueued) -> str:
    guess = f", estimated: {spread(event.estimate)}" if event.estimate is not None else ""
    again = f", rang back: at the place of {event.resumed}" if event.resumed is not None else ""
    return f"began to wait in the queue {event.queue}{again}{guess}"


def spread(estimate: Estimate) -> str:
    """
    >>> spread(Estimate(low_s=40, median_s=85, high_s=170))
    '1 min 25 s, between 40.0 s and 2 min 50 s'
    """
    return f"{duration(estimate.median_s)}, between {duration(estimate.low_s)} and {duration(estimate.high_s)}"


def _talk_ended(event: ev.TalkEnded) -> str:
    by = _ENDED_BY.get(event.by, event.by)
    return f"the talk with {event.agent} ended after {duration(event.talk_s)}: {by}"


_NOT_RECORDED = {
    RecordingFailure.NOT_ANNOUNCED: "is not recorded: the PBX could not play the announcement",
    RecordingFailure.NOT_WRITTEN: "has no recording: the PBX could not write it",
}


def _recording(event: ev.RecordingStarted) -> str:
    paused = ", paused" if event.paused else ""
    late = "; found so by a comparison" if event.seen_late else ""
    began = f", which began as that of {event.passed_on}" if event.passed_on is not None else ""
    return f"is being recorded ({event.offer}){began}{paused}{late}"


_MODE = {
    Mode.LISTEN: "listens",
    Mode.WHISPER: "whispers to the agent",
    Mode.BARGE: "speaks with both",
    Mode.SILENT: "hears nothing: the recording is paused",
}
_LISTENED = {
    ListeningEnd.TALK: "the talk was over",
    ListeningEnd.SUPERVISOR: "hung up",
    ListeningEnd.TAKEN_OVER: "has the caller now",
    ListeningEnd.UNSEEN: "found gone by a comparison",
}


def _listening(event: ev.ListeningBegan) -> str:
    late = "; found so by a comparison" if event.seen_late else ""
    return f"the supervisor {event.supervisor} {_MODE[event.mode]} (to {event.agent}){late}"


def _ended(event: ev.ContactEnded) -> str:
    late = ", seen late" if event.seen_late else ""
    cause = f" (cause {event.cause})" if event.cause else ""
    kept = "; the place is kept for a caller who rings back" if event.place_until is not None else ""
    return f"ended after {duration(event.lasted_s)}: {_OUTCOME[event.outcome]}{cause}{late}{kept}"


def _chosen(event: ev.MenuChosen) -> str:
    chose = f"pressed {event.choice}" if event.choice else "pressed nothing"
    return f"{chose} in the menu {event.menu}: queue {event.queue}"


def _flow_went(event: ev.FlowWent) -> str:
    way = f" by {', '.join(event.passed)}" if event.passed else ""
    if event.asks:
        return f"came to {event.asks} of the flow {event.flow}{way}"
    return f"was served by the flow {event.flow}{way}" if event.served else f"left the flow {event.flow}{way}"


def _needs(event: ev.ContactNeedsSet) -> str:
    needs = event.needs
    told = [f"{skill} {level}" for skill, level in needs.skills.items()]
    told += [f"rather {needs.preferred_agent} than others"] if needs.preferred_agent is not None else []
    told += [f"a place {duration(needs.boost_s)} earlier"] if needs.boost_s else []
    return f"needs {', '.join(told)}" if told else "needs nothing of its own"


_WHY_DIVERTED = {
    DiversionReason.FULL: "it was full",
    DiversionReason.ESTIMATED_WAIT: "the wait would have been too long",
    DiversionReason.UNSTAFFED: "nobody was signed in who serves it",
    DiversionReason.CLOSED: "it was closed",
    DiversionReason.CLOSED_BY_HAND: "a supervisor had closed it",
    DiversionReason.ASKED: "the caller chose so",
    DiversionReason.FOUND: "found there by a comparison",
    DiversionReason.KEY: "the caller pressed a key",
}
_FAILURE = {
    DiversionFailure.UNAVAILABLE: "the PBX has no such destination, or it did not work",
    DiversionFailure.NOT_ALLOWED: "[contactd-external] of the PBX does not list the number",
    DiversionFailure.BUSY: "it was busy",
    DiversionFailure.NOT_ANSWERED: "nobody answered",
    DiversionFailure.NOT_SENT: "the PBX did not carry it out",
    DiversionFailure.STALE: "another contactd had taken over",
    DiversionFailure.UNSEEN: "found back in the hold",
    DiversionFailure.DECLINED: "the caller rather waits, or gave no number that may be dialled",
    DiversionFailure.RATE: "too many numbers outside were dialled within the hour (all_an_hour of [dialling])",
    DiversionFailure.RETURNED: "left no message, or has heard it to the end",
}


def destination(to: Way) -> str:
    """In words, such as "the box 100"."""
    return _PLACES[kind_of(to)].format(target_of(to))


_PLACES = {
    "queue": "the queue {}",
    "voicemail": "the box {}",
    "mailbox": "the mailbox of {}",
    "external": "the number {}",
    "message": "the message {}",
    "hang_up": "the {} tone",
    "menu": "the menu",
    "callback": "being called back",
}


def _diverted(event: ev.ContactDiverted) -> str:
    why = _WHY_DIVERTED.get(event.why, f"the wait reached step {event.step} of its plan")
    return f"sent from the queue {event.queue} to {destination(event.to)}: {why}"


def range_words(spoken: Range) -> str:
    """
    >>> range_words(Range(low_min=0, high_min=1)), range_words(Range(low_min=2, high_min=5))
    ('less than 1 minute', '2 to 5 minutes')
    """
    if spoken.low_min in (0, spoken.high_min):
        least = "" if spoken.low_min else "less than "
        return f"{least}{spoken.high_min} minute{'' if spoken.high_min == 1 else 's'}"
    return f"{spoken.low_min} to {spoken.high_min} minutes"


def _said(said: Said) -> str:
    match said:
        case SayWelcome():
            return "the welcome"
        case SayPosition():
            return f"position {said.position}"
        case SayWait():
            return f"a wait of {range_words(said.range)}"
        case SayMessage():
            return f"the message {said.id}"


def _announced(event: ev.ContactAnnounced) -> str:
    told = ", ".join(map(_said, event.said))
    not_told = " and ".join(_UNSAID[name] for name in event.unsaid if name in _UNSAID)
    if not told:
        return f"nothing to announce: {not_told}"
    return f"announced: {told}" + (f"; not said: {not_told}" if not_told else "")


_UNSAID = {"wait": "the wait, which nobody knows", "position": "the position, which is too far behind"}
_ANNOUNCEMENT_END = {
    AnnouncementEnd.HEARD: "heard to the end: music again",
    AnnouncementEnd.INCOMPLETE: "heard without a sound that the PBX lacks: music again",
    AnnouncementEnd.NOT_SENT: "the PBX did not say it: see contactctl doctor",
}


def _recognised(event: ev.ContactRecognised) -> str:
    known = event.known
    if known.party is None:
        if not known.matches:
            return "recognised as nobody any more"
        return f"not recognised: the number is that of {known.matches} customers, and nobody guesses"
    how = "by the number" if known.by is KnownBy.NUMBER else "by a person"
    told = ["VIP"] if known.vip else []
    told += [f"speaks {known.language}"] if known.language is not None else []
    told += [f"last served by {agent} in {queue}" for queue, agent in sorted(known.agents.items())]
    return f"recognised {how} as customer {known.party}" + (f" ({'; '.join(told)})" if told else "")


def _skills_set(event: ev.AgentSkillsSet) -> str:
    if event.skills is None:
        return f"{event.agent} has the skills of the configuration again"
    skills = ", ".join(f"{skill} {level}" for skill, level in event.skills.items())
    return f"a supervisor gave {event.agent} the skills {skills or 'none'}"


def _switched(event: ev.HoursSwitched) -> str:
    what = f"the queue {event.queue}" if event.queue is not None else f"the calendar {event.calendar}"
    if event.open is None:
        return f"{what} follows its hours again" + (f": {event.why}" if event.why else "")
    return f"a supervisor {'opened' if event.open else 'closed'} {what}: {event.why}"


def _relaxed(event: ev.ContactRelaxed) -> str:
    if event.step == 0:
        return "the time for the preferred agent alone is over"
    return f"the wait reached step {event.step} of the queue's plan"


def _offered(event: ev.ContactOffered) -> str:
    others = ", ".join(f"{count} {REASONS.get(why, why)}" for why, count in event.others.items())
    by = f", chosen by {event.strategy.replace('_', ' ')}" if event.strategy else ""
    return f"offered to {event.agent} (offer {event.offer}){by}" + (f"; others: {others}" if others else "")


def _wrap_up_ended(event: ev.WrapUpEnded) -> str:
    return f"{event.agent}'s wrap-up ended{' early' if event.by in _PEOPLE else ''}{_by(event)}"


def _turned(event: ev.AgentTurned) -> str:
    doing = {AgentState.IDLE: "idle", AgentState.OFFERED: "offered it", AgentState.WRAP_UP: "in wrap-up"}
    return f"{event.agent} is now {doing.get(event.state, 'at work on it')}"


REASONS = {
    "elsewhere": "not meant by the queue's plan",
    "unskilled": "without the skills",
    "offered": "ringing",
    "busy": "talking",
    "wrap_up": "in wrap-up",
    "signed_out": "signed out",
    "not_ready": "not ready",
    "handset": "whose handset is not free",
    "ready": "ready as well",
}
_WORDS: dict[type[ev.Event], Callable[[Any], str]] = {
    ev.ContactArrived: lambda e: (
        f"arrived on line {e.dnis} of {e.pbx}" if e.pbx else f"arrived: {e.medium} to {e.dnis}"
    ),
    ev.ContactAdopted: lambda e: f"found on line {e.dnis} of {e.pbx}, where it came while nobody listened",
    ev.MenuChosen: _chosen,
    ev.FlowWent: _flow_went,
    ev.ContactQueued: _queued,
    ev.ContactDiverted: _diverted,
    ev.DiversionFailed: lambda e: f"comes back to the queue: {_FAILURE[e.failure]}",
    ev.ContactAnnounced: _announced,
    ev.AnnouncementEnded: lambda e: _ANNOUNCEMENT_END[e.end],
    **callback_words.WORDS,
    ev.ContactHeld: lambda e: "waits again, at the old place",
    ev.ReturnOverdue: lambda e: "not back from the static queue yet; those behind no longer give way",
    ev.ContactFellBack: lambda e: f"nobody steered: the PBX's static queue took over, for {e.queue}",
    ev.ContactNeedsSet: _needs,
    ev.ContactRecognised: _recognised,
    ev.RecordingAnnounced: lambda _: "heard that the talk is recorded",
    ev.RecordingStarted: lambda e: _recording(e),
    ev.RecordingPaused: lambda e: f"the recording was paused by {e.by}",
    ev.RecordingResumed: lambda e: f"the recording went on, by {e.by}",
    ev.RecordingFailed: lambda e: _NOT_RECORDED[e.why],
    ev.TextBegun: lambda e: f"writes on a {e.carrier.upper()}: {_TEXT_FOUND[e.found_by]}",
    ev.ContactDisposed: lambda e: (
        f"{e.agent} says that it was {e.disposition or 'nothing in particular'}"
        + (f", with a note of {e.characters} characters" if e.note else "")
    ),
    ev.MessageAdded: lambda e: f"{e.agent or _AUTHOR[e.author]} wrote {e.characters} characters",
    ev.ListeningBegan: _listening,
    ev.ListeningTurned: lambda e: f"the supervisor {e.supervisor} now {_MODE[e.mode]}",
    ev.TransferBegun: lambda e: f"{e.agent} is to leave the caller to the queue {e.queue}, as the {e.by} asked",
    ev.TakeOverBegun: lambda e: f"the supervisor {e.supervisor} takes the caller over from {e.agent}",
    ev.ListeningEnded: lambda e: (
        f"the supervisor {e.supervisor} left after {duration(e.lasted_s)}: {_LISTENED.get(e.why, e.why)}"
    ),
    ev.PartyVerified: lambda e: f"verified by {e.by} as customer {e.party}: {e.method}",
    ev.ContactRelaxed: _relaxed,
    ev.ContactOffered: _offered,
    ev.OfferEnded: _offer_ended,
    ev.LegOffered: lambda e: f"rings at {e.agent} as well (offer {e.offer})",
    ev.LegEnded: _offer_ended,
    ev.ContactConnected: _connected,
    ev.ContactParked: lambda e: f"{e.agent} was interrupted: parked",
    ev.ContactResumed: lambda e: f"{e.agent} goes on with it",
    ev.TalkEnded: _talk_ended,
    ev.WrapUpEnded: _wrap_up_ended,
    ev.ContactEnded: _ended,
    ev.AgentTurned: _turned,
}


def caller_words(person: dict[str, str | None] | None) -> str:
    """A caller chooses both: nothing of them may move the cursor or ring the bell.

    >>> caller_words({"ani": "030123", "name": "Eve\\x1b[2J"})
    '030123 Eve?[2J'
    >>> caller_words({"ani": None, "name": None}), caller_words(None)
    ('number withheld by the caller', 'nothing is kept')
    """
    if person is None:
        return "nothing is kept"
    return safe(" ".join(part for part in (person["ani"], person["name"]) if part)) or "number withheld by the caller"


def safe(text: str) -> str:
    """A stranger's text for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


_PEOPLE = (By.AGENT, By.SUPERVISOR)
_WHY = {
    SignedOutWhy.UNREGISTERED: ": the handset was not registered for too long",
    SignedOutWhy.INACTIVE: ": inactive for too long",
    SignedOutWhy.DESK_TAKEN: ": somebody else signed in at the handset",
    SignedOutWhy.DESK_GONE: ": the configuration gives the handset to nobody or somebody else",
}


_NO_SEAT = {
    "occupied": "where somebody else talks",
    "talking": "at another handset, in a talk",
    "no_handset": "without a handset",
}


def _by(event: Any) -> str:
    """Worth a word where it was not the agent."""
    return {By.SUPERVISOR: ", by a supervisor", By.SYSTEM: ", by itself"}.get(event.by, "")


# Facts of no contact: of agents, PBXes, the configuration.
_BESIDE: dict[type[ev.Event], Callable[[Any], str]] = {
    ev.FloorConfigured: lambda e: f"configured: {len(e.plan.queues)} queues, {len(e.plan.agents)} agents",
    ev.PbxSteered: lambda e: f"{e.pbx} is compared and steered",
    ev.DialplanSeen: lambda e: f"the dialplan of {e.pbx} is of edition {e.edition}",
    ev.PbxLost: lambda e: f"{e.pbx} is not steered any more: {e.why}",
    ev.AgentSignedIn: lambda e: f"{e.agent} signed in{f' at {e.endpoint}' if e.endpoint else ''}{_by(e)}",
    ev.SignInRefused: lambda e: f"{e.agent} could not sign in {_NO_SEAT.get(e.reason, e.reason)}",
    ev.HandsetRefused: lambda e: f"the handset {e.pbx}/{e.endpoint} was refused: {e.reason.replace('_', ' ')}",
    ev.AgentSignedOut: lambda e: f"{e.agent} signed out{_by(e)}{_WHY.get(e.why, '')}",
    ev.AgentRefused: lambda e: f"{e.agent} was refused: {e.reason.replace('_', ' ')}",
    ev.AgentSkillsSet: _skills_set,
    ev.AgentReady: lambda e: f"{e.agent} is ready{_by(e)}",
    ev.AgentNotReady: lambda e: f"{e.agent} is not ready: {e.reason}{_by(e)}",
    ev.AgentOverdue: lambda e: f"{e.agent} is not ready ({e.reason}) for longer than {duration(e.longest_s)}",
    ev.WrapUpExtended: lambda e: f"{e.agent}'s wrap-up was extended{_by(e)}",
    ev.HandsetSeen: lambda e: f"{e.agent}'s handset is {e.handset.replace('_', ' ')}",
    ev.CalendarChanged: lambda e: f"the calendar {e.calendar} is {'open' if e.open else 'closed'}: {e.why}",
    ev.HoursSwitched: _switched,
    ev.FactQuarantined: lambda e: (
        f"facts {e.first_seq} to {e.last_seq} were refused by PostgreSQL, and kept in {e.file}"
    ),
}

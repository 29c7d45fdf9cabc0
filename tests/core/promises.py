"""Callbacks once more, told from the events alone: nobody is dialled twice, never while closed, and each ends once."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import CallCustomer, EndAttempt, RingAgent
from contactd.core.contact import Contact, ContactState
from contactd.core.floor import LiveFloor
from contactd.core.step import Step
from tests.core.rules import hours, queue_of


def agent_first(floor: LiveFloor, contact: Contact) -> bool:
    queue = queue_of(floor, contact)
    return queue is None or queue.callback is None or queue.callback.first == "agent"


def offerable(floor: LiveFloor, contact: Contact) -> bool:
    """Whether a contact without a caller may be offered: its time has come, its queue is open, an agent goes first."""
    promise, queue = contact.callback, queue_of(floor, contact)
    assert promise is not None
    if contact.state is not ContactState.WAITING or not promise.due or promise.attempt or queue is None:
        return False
    return agent_first(floor, contact) and hours(floor, queue.id)[0]


def times(floor: LiveFloor) -> dict[str, float]:
    """When something is to be decided by time."""
    found = {}
    for contact in floor.contacts.values():
        promise = contact.callback
        if promise is not None and contact.state is ContactState.WAITING and not promise.attempt:
            found[contact.id] = promise.until if promise.due else min(promise.due_at, promise.until)
    return found


def check_promises(floor: LiveFloor) -> None:
    promised = {contact.id for contact in floor.contacts.values() if contact.callback is not None}
    assert set(floor.callbacks) == promised
    assert all(floor.callbacks[contact] is floor.contacts[contact] for contact in promised)
    for contact in floor.callbacks.values():
        promise = contact.callback
        assert promise is not None and contact.medium == "voice" and contact.queued_at is not None
        assert contact.state in (ContactState.WAITING, ContactState.OFFERED), contact
        assert contact.held == offerable(floor, contact), contact
        assert contact.state is ContactState.WAITING or promise.attempt, contact
        assert not promise.dialled or promise.attempt, contact
        assert contact.recorder is None
    assert floor.timers.callbacks.times == times(floor)


class Promises:
    """taken and not kept yet, each with the attempt under way and how often its number was given out."""

    def __init__(self) -> None:
        self.attempts: dict[str, str] = {}
        self.given: dict[str, int] = {}
        self.last: dict[str, str] = {}
        """Of an attempt whose offer is over: a comparison may find the customer there all the same."""
        self.kinds: set[str] = set()

    def follow(self, made: Step, floor: LiveFloor) -> None:  # noqa: PLR0912 - one line a fact
        for event in made.events:
            contact = getattr(event, "contact", None)
            match event:
                case ev.CallbackTaken():
                    assert contact not in self.attempts, "taken twice"
                    self.attempts[event.contact] = ""
                    assert event.due_at > made.at and event.until >= event.due_at
                case ev.ContactOffered() if contact in self.attempts:
                    self._begins(event.contact, event.offer.replace("-", "."))
                case ev.CallbackBegun():
                    self._begins(event.contact, event.attempt.rpartition(".cb")[2])
                    assert event.attempt in {one.call for one in made.commands if isinstance(one, CallCustomer)}
                case ev.OfferEnded() if contact in self.attempts:
                    self.last[event.contact] = self.attempts[event.contact]
                    self.attempts[event.contact] = ""
                case ev.CustomerDialled():
                    self._dialled(event, made, floor)
                case ev.CallbackFailed():
                    assert self.given.get(event.contact, 0) >= event.tries, event
                    self.attempts[event.contact] = ""
                    self.kinds.add(event.why)
                case ev.CallbackReached():
                    late = isinstance(made.input, inp.PbxCompared | inp.CallHeld | inp.CallFellBack)
                    last = self.last.get(event.contact, "none") if late else "none"
                    assert self._attempt(event.contact, event.call) or event.call.endswith(f".cb{last}")
                    del self.attempts[event.contact]
                case ev.CallbackWithdrawn():
                    del self.attempts[event.contact]
                case ev.ContactEnded():
                    self._ended(event, made)
                case ev.ContactDiverted() | ev.ContactConnected() | ev.ContactFellBack() | ev.ContactAnnounced():
                    assert contact not in self.attempts, f"{event} of somebody who is not there"
                case _:
                    pass
        self._no_command_without_its_fact(made)
        on_floor = {contact.id for contact in floor.callbacks.values()}
        assert on_floor == set(self.attempts)
        for contact in floor.callbacks.values():
            assert contact.callback is not None
            said = self.attempts[contact.id]
            assert contact.callback.attempt.endswith(f".cb{said}") if said else not contact.callback.attempt

    def _begins(self, contact: str, number: str) -> None:
        assert not self.attempts[contact], f"{contact} is called twice at once"
        self.attempts[contact] = number

    def _attempt(self, contact: str, call: str) -> bool:
        return bool(self.attempts[contact]) and call.endswith(f".cb{self.attempts[contact]}")

    def _dialled(self, event: ev.CustomerDialled, made: Step, floor: LiveFloor) -> None:
        assert isinstance(made.input, inp.CallbackDialAsked) and made.input.number is not None
        assert self._attempt(event.contact, event.attempt), event
        key = f"{event.contact} {event.attempt}"
        assert key not in self.given, "a number is given out once an attempt"
        self.given[key] = 1
        self.given[event.contact] = self.given.get(event.contact, 0) + 1
        queue = floor.contacts[event.contact].queue
        assert queue is not None
        assert queue not in floor.queues or hours(floor, queue)[0], "dialled while the queue is closed"
        number = made.input.number
        assert not number.emergency and not number.ours and not number.refused and not number.unasked
        assert all(480 <= clock < 1260 for clock in number.clocks) and number.country == "DE"
        assert number.kind in ("mobile", "fixed_line")

    def _ended(self, event: ev.ContactEnded, made: Step) -> None:
        promised = event.contact in self.attempts
        by_promise = event.outcome == "called_in" or event.outcome.startswith("callback_")
        assert promised == by_promise, event
        if not promised:
            return
        call = f".cb{self.attempts.pop(event.contact)}"
        failed = any(isinstance(one, ev.CallbackFailed) and one.contact == event.contact for one in made.events)
        stopped = [one for one in made.commands if isinstance(one, EndAttempt) and one.contact == event.contact]
        if call != ".cb":
            assert [one.call.endswith(call) for one in stopped] == [True], event
        if event.outcome in ("callback_failed", "callback_refused"):
            assert failed, event

    @staticmethod
    def _no_command_without_its_fact(made: Step) -> None:
        begun = {event.attempt for event in made.events if isinstance(event, ev.CallbackBegun)}
        assert {command.call for command in made.commands if isinstance(command, CallCustomer)} == begun
        for command in made.commands:
            if isinstance(command, RingAgent) and command.attempt:
                assert command.attempt.endswith(f".cb{command.offer.replace('-', '.')}")
                assert command.channel == command.attempt

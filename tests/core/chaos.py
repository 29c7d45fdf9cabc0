"""Inputs that nobody would send, and many that somebody would: wrong ids, late, twice, times going backwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By, Handset
from contactd.core.announcements import Announcements, Message, Times
from contactd.core.contact import Contact, ContactState, Known, KnownBy, Needs, Recorder
from contactd.core.destination import (
    Destination,
    ToCallback,
    ToExternal,
    ToMailbox,
    ToMenu,
    ToMessage,
    Tone,
    ToQueue,
    ToTone,
    ToVoicemail,
    Way,
)
from contactd.core.dialling import DialRules, Number, NumberKind
from contactd.core.floor import LiveFloor
from contactd.core.ids import (
    AgentId,
    AnnouncementId,
    CalendarId,
    ContactId,
    DiversionId,
    GroupId,
    Instant,
    ListeningId,
    OfferId,
    PartyId,
    PbxId,
    QueueId,
    SkillId,
    contact_id,
)
from contactd.core.listener import Listening, ListeningEnd, ListeningSeen, Mode
from contactd.core.listening import ListeningWord
from contactd.core.plan import (
    VOICE_ONLY,
    AgentProfile,
    AtClosing,
    CallbackFirst,
    CallbackPlan,
    Capacity,
    FloorPlan,
    Medium,
    MediumLoad,
    QueuePlan,
    ReasonPlan,
    RecordRule,
    RoutingStep,
    Strategy,
)
from contactd.core.text import Author, Carrier, FoundBy, MessageId

PBXES = (PbxId("pbx1"), PbxId("pbx1"), PbxId("pbx2"))
QUEUES = tuple(QueueId(name) for name in ("sales", "support", "vip", "gone"))
AGENTS = tuple(AgentId(f"agent{n}") for n in range(7))
SKILLS = tuple(SkillId(name) for name in ("german", "french", "cards"))
CALENDARS = tuple(CalendarId(name) for name in ("office", "night", "gone"))
GROUPS = tuple(GroupId(name) for name in ("experts", "reserve"))
REASONS = (ReasonPlan(id="break", longest_s=20), ReasonPlan(id="training", paid=True))
CALLERS = ("known1", "known2")
START: Instant = 1_800_000_000.0


def some_skills(dice: random.Random, most: int = 10) -> dict[SkillId, int]:
    return {skill: dice.randint(1, most) for skill in SKILLS if dice.random() < 0.4}


def some_groups(dice: random.Random) -> tuple[GroupId, ...]:
    return tuple(group for group in GROUPS if dice.random() < 0.3)


def some_destination(dice: random.Random) -> Destination:
    """Another queue most often, in circles too: one that a configuration would be refused for may come of two."""
    others = (
        ToVoicemail(box="100"),
        ToMailbox(queue=QUEUES[0]),
        ToExternal(number="030"),
        ToMessage(sound="x"),
        ToTone(tone=Tone.BUSY),
        *(ToCallback(), ToCallback()),
    )
    return ToQueue(queue=dice.choice(QUEUES)) if dice.random() < 0.6 else dice.choice(others)


def some_way(dice: random.Random) -> Way:
    return ToMenu() if dice.random() < 0.2 else some_destination(dice)


def some_queue(dice: random.Random, queue: QueueId) -> QueuePlan:
    wrap_up_s = dice.choice((0, 5, 30))
    calendar = dice.choice((None, *CALENDARS[:2]))
    at_closing = dice.choice(list(AtClosing))
    ring_back_s = dice.choice((0, 20, 600, 600))
    closed, by_hand = (dice.choice((None, some_destination(dice))) for _ in range(2))
    if dice.random() < 0.4:
        return QueuePlan(
            id=queue,
            wrap_up_s=wrap_up_s,
            wrap_up_extend_s=dice.choice((0, 7)),
            calendar=calendar,
            at_closing=at_closing,
            ring_back_s=ring_back_s,
            closed=closed,
            closed_by_hand=by_hand,
            record=dice.choice(tuple(RecordRule)),
            callback=some_callback(dice),
        )
    limited = dice.random() < 0.4
    return QueuePlan(
        max_waiting=dice.randint(1, 4) if limited else None,
        max_estimated_wait_s=dice.choice((None, 1, 60, 600)) if limited else None,
        full=some_destination(dice) if limited else None,
        unstaffed=some_destination(dice) if dice.random() < 0.3 else None,
        unstaffed_grace_s=dice.choice((None, 0, 5, 60)),
        id=queue,
        wrap_up_s=wrap_up_s,
        wrap_up_extend_s=dice.choice((0, 3, 60)),
        calendar=calendar,
        at_closing=at_closing,
        ring_back_s=ring_back_s,
        ring_all_most=dice.choice((1, 2, 3, 8)),
        callback=some_callback(dice),
        ring_all_not_ready=dice.random() < 0.5,
        closed=closed,
        closed_by_hand=by_hand,
        strategy=dice.choice(list(Strategy)),
        skills=some_skills(dice, 6),
        preferred_skills=tuple(skill for skill in SKILLS if dice.random() < 0.3),
        only_groups=some_groups(dice),
        also_groups=some_groups(dice),
        boost_s=dice.choice((0, 0, 30, -10)),
        sticky_s=dice.choice((0, 10, 100)),
        steps=tuple(
            RoutingStep(
                after_s=after_s,
                skills=dice.choice((None, some_skills(dice, 4))),
                lower_by=dice.choice((0, 2, 10)),
                only_groups=some_groups(dice),
                also_groups=some_groups(dice),
                strategy=dice.choice((None, *Strategy)),
                boost_s=dice.choice((0, 60)),
                go=some_destination(dice) if dice.random() < 0.4 else None,
            )
            for after_s in sorted(dice.sample((1, 2, 5, 20, 60, 300), dice.randint(0, 3)))
        ),
    )


def some_callback(dice: random.Random) -> CallbackPlan | None:
    if dice.random() < 0.2:
        return None
    return CallbackPlan(
        first=dice.choice(list(CallbackFirst)),
        tries=dice.choice((1, 2, 4)),
        retry_s=dice.choice((5, 60)),
        expires_s=dice.choice((30, 600, 7200)),
    )


def some_times(dice: random.Random) -> Times:
    return Times(after_s=dice.choice((1, 3, 30)), every_s=dice.choice((0, 7, 10, 60)))


def some_announcements(dice: random.Random) -> Announcements | None:
    if dice.random() < 0.4:
        return None
    return Announcements(
        welcome=dice.choice(((), ("hello",))),
        position=dice.choice((None, some_times(dice))),
        position_up_to=dice.choice((0, 0, 1, 2)),
        wait=dice.choice((None, some_times(dice))),
        messages=tuple(
            Message(id=f"m{n}", sounds=(f"custom/{n}",), times=some_times(dice)) for n in range(dice.randint(0, 2))
        ),
    )


def some_needs(dice: random.Random) -> Needs:
    return Needs(
        skills=some_skills(dice, 6),
        preferred_agent=dice.choice((None, dice.choice(AGENTS))),
        boost_s=dice.choice((0, 0, 20, 500)),
    )


MEDIA = (Medium.MAIL, Medium.CHAT, Medium.SMS)
_INTERRUPTIBLE = {Medium.VOICE: (Medium.MAIL, Medium.CHAT), Medium.CHAT: (Medium.MAIL,)}


def some_capacity(dice: random.Random) -> Capacity:
    if dice.random() < 0.4:
        return VOICE_ONLY
    media = {
        medium: MediumLoad(
            most=1 if medium is Medium.VOICE else dice.choice((1, 2, 3)),
            weight=dice.choice((0, 30, 50, 100)),
            interrupts=tuple(other for other in _INTERRUPTIBLE.get(medium, ()) if dice.random() < 0.6),
        )
        for medium in (Medium.VOICE, *MEDIA)
        if dice.random() < 0.7
    }
    return Capacity(media=media, own_calls_take_all=dice.random() < 0.3)


PARTIES = tuple(PartyId(f"01900000-0000-7000-8000-00000000000{n}") for n in range(4))


def some_known(dice: random.Random) -> Known:
    """Nobody, several, or one of a few."""
    by = dice.choice((KnownBy.NUMBER, KnownBy.NUMBER, KnownBy.PERSON))
    if dice.random() < 0.2:
        return Known(matches=dice.choice((0, 2)), by=by)
    return Known(
        party=dice.choice(PARTIES),
        matches=1,
        by=by,
        skills=some_skills(dice, 6),
        boost_s=dice.choice((0, 0, 30, 800)),
        agents={queue: dice.choice(AGENTS) for queue in QUEUES if dice.random() < 0.5},
        recording=dice.choice((None, True, False)),
    )


def some_dial_rules(dice: random.Random) -> DialRules:
    return DialRules(
        countries=("DE",),
        kinds=(NumberKind.MOBILE, NumberKind.FIXED_LINE),
        number_an_hour=dice.choice((1, 2, 50)),
        queue_an_hour=dice.choice((1, 50, 50)),
        all_an_hour=dice.choice((None, None, 1, 4, 50)),
    )


def some_plan(dice: random.Random) -> FloorPlan:
    queues = QUEUES[: dice.randint(1, 3)]
    names = dice.sample(AGENTS, dice.choice((0, 2, 4, 6, 7)))
    handsets = dice.sample(range(1001, 1012), len(names))
    return FloorPlan(
        sha256=f"{dice.randrange(16):x}" * 64,
        queues=tuple(
            msgspec.structs.replace(some_queue(dice, queue), announcements=some_announcements(dice)) for queue in queues
        ),
        agents=tuple(
            AgentProfile(
                id=name,
                pbx=dice.choice(PBXES),
                endpoint="" if dice.random() < 0.2 else str(handset),
                queues=tuple(dice.sample(queues, dice.randint(1, len(queues)))),
                groups=some_groups(dice),
                skills=some_skills(dice),
                weight=dice.choice((1, 1, 5)),
                record=dice.choice((None, None, True, False)),
                capacity=some_capacity(dice),
            )
            for name, handset in zip(names, handsets, strict=True)
        ),
        default_queue=dice.choice(queues),
        calendars=CALENDARS[: dice.randint(0, 2)],
        pin_tries=dice.randint(1, 3),
        handset_tries=dice.randint(2, 6),
        reasons=dice.choice(((), REASONS)),
        sign_out_unregistered_s=dice.choice((0, 0, 0, 100)),
        sign_out_inactive_s=dice.choice((0, 0, 0, 0, 300)),
        dialling=some_dial_rules(dice),
    )


@dataclass
class Chaos:
    """next() makes an input for the floor as it is, and when it happened."""

    dice: random.Random
    floor: LiveFloor
    now: Instant = START
    calls: list[inp.CallArrived] = field(default_factory=list)
    said: list[inp.Input] = field(default_factory=list)
    written: list[ContactId] = field(default_factory=list)

    def next(self) -> tuple[inp.Input, Instant]:
        dice = self.dice
        self.now = round(self.now + dice.choice((0, 0.1, 0.7, 2, 4, 20)), 6)
        at = round(self.now - dice.choice((0, 0, 0, 0, 0.4, 6, 5000)), 6)
        if self.floor.state.plan is None:
            return inp.ConfigurationLoaded(plan=some_plan(dice)), at
        if self.said and dice.random() < 0.05:
            return dice.choice(self.said[-50:]), at
        kinds: tuple[tuple[float, Callable[[], inp.Input]], ...] = (
            (0.3, lambda: inp.ConfigurationLoaded(plan=some_plan(dice))),
            (0.5, lambda: inp.PbxAbsent(pbx=dice.choice(PBXES), why="?")),
            (2, self._compared),
            (7, self._arrived),
            (3, self._menu),
            (2, self._flow),
            (14, self._held),
            (6, self._key_pressed),
            (10, self._received),
            (2, self._withdrawn),
            (2, self._fell_back),
            (4, self._destination_failed),
            (5, self._announcement_told),
            (8, self._answered),
            (6, self._failed),
            (4, self._leg_failed),
            (4, self._caller_hung_up),
            (3, lambda: inp.CallbackWanted(contact=self._contact())),
            (6, self._callback_asked),
            (0.5, lambda: inp.CallbackCancelAsked(contact=self._promised(), by="supervisor")),
            (2, lambda: inp.CallbackNowAsked(contact=self._promised(), by="supervisor")),
            (4, inp.CallbackMoment),
            (8, self._dial_asked),
            (5, self._customer_answered),
            (3, self._callback_over),
            (6, self._agent_hung_up),
            (3, self._transfer_completed),
            (3, self._transfer_asked),
            (10, self._handset),
            (12, lambda: inp.SignInAsked(agent=dice.choice(AGENTS), pin_right=dice.random() < 0.8)),
            (6, self._desk_sign_in),
            (1, lambda: inp.SignOutAsked(agent=dice.choice(AGENTS), by=dice.choice(list(By)))),
            (5, lambda: inp.ReadyAsked(agent=dice.choice(AGENTS))),
            (2, self._not_ready),
            (3, lambda: inp.WrapUpExtendAsked(agent=self._wrapping_up(), by=By.AGENT)),
            (2, self._decline),
            (2, self._dispose),
            (1, lambda: inp.WrapUpEndAsked(agent=self._wrapping_up(), by=By.SUPERVISOR)),
            (2, self._command_failed),
            (4, lambda: inp.NeedsAsked(contact=self._contact(), needs=some_needs(dice))),
            (3, lambda: inp.PartyKnown(contact=self._contact(), known=some_known(dice))),
            (1, self._verification),
            (2, lambda: inp.SkillsAsked(agent=dice.choice(AGENTS), skills=dice.choice((None, some_skills(dice))))),
            (2, self._calendar),
            (1.5, self._switch),
            (6, self._recording_told),
            (1, lambda: inp.RecordingPauseAsked(agent=dice.choice(AGENTS), pause=dice.random() < 0.7, by=By.AGENT)),
            (1, lambda: inp.RecordingPauseAsked(contact=self._contact(), pause=dice.random() < 0.7, by=By.SYSTEM)),
            (6, self._muted),
            (2, self._text),
            (3, self._message),
            (5, self._listening_told),
            (3, self._caller_taken),
            (3, self._takes),
            (1, lambda: inp.ListeningTurnAsked(supervisor=dice.choice(AGENTS), mode=dice.choice((None, *Mode)))),
            (8, inp.TimePassed),
        )
        made = dice.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()
        self.said.append(made)
        return made, at

    def _known(self, *states: ContactState) -> Contact | None:
        fitting = [c for c in self.floor.contacts.values() if not states or c.state in states]
        return self.dice.choice(fitting) if fitting else None

    def _transfer_asked(self) -> inp.Input:
        """Of somebody who talks, mostly."""
        contact = self._known(ContactState.CONNECTED)
        return inp.TransferAsked(
            contact=contact.id if contact is not None and self.dice.random() < 0.8 else self._contact(),
            queue=self.dice.choice(QUEUES),
            by=self.dice.choice((By.AGENT, By.SUPERVISOR)),
        )

    def _desk_sign_in(self) -> inp.Input:
        """At any handset, and often at one where somebody sits."""
        sitting = [(a.profile.pbx, a.endpoint) for a in self.floor.agents.values() if a.endpoint]
        pbx, endpoint = self.dice.choice(
            (*sitting, *((pbx, str(self.dice.randint(1001, 1011))) for pbx in PBXES)),
        )
        return inp.DeskSignInAsked(
            pbx=pbx,
            endpoint=endpoint,
            agent=self.dice.choice((None, *AGENTS, *AGENTS)),
            pin_right=self.dice.random() < 0.8,
        )

    def _verification(self) -> inp.Input:
        """Mostly of the party that the contact is known to be."""
        contact = self._known()
        known = contact.known.party if contact is not None and contact.known is not None else None
        party = known if known is not None and self.dice.random() < 0.8 else self.dice.choice(PARTIES)
        return inp.VerificationTold(
            contact=contact.id if contact is not None else self._contact(), party=party, method="question", by="anna"
        )

    def _caller_hung_up(self) -> inp.Input:
        contact = self._known()
        if contact is None or self.dice.random() < 0.2:
            return inp.CallerHungUp(contact=self._contact(), cause=16, call=self._attempt(contact))
        call = self.dice.choice((contact.call, self._attempt(contact)))
        # An agent who is done with something written, and one who has never had it.
        by = self.dice.choice((contact.agent or "", "anna", "")) if contact.medium is not Medium.VOICE else ""
        return inp.CallerHungUp(contact=contact.id, cause=self.dice.choice((0, 16, 38)), call=call, by=by)

    def _attempt(self, contact: Contact | None) -> str:
        """Of the attempt under way, mostly."""
        if contact is not None and contact.callback is not None and self.dice.random() < 0.9:
            return contact.callback.attempt
        return self.dice.choice(("", "pbx1-1700000000.1.cb1.1"))

    def _promised(self) -> ContactId:
        """Somebody who is to be called back, mostly."""
        contact = self._of_callbacks()
        return contact.id if contact is not None and self.dice.random() < 0.9 else self._contact()

    def _of_callbacks(self, *, attempt: bool = False) -> Contact | None:
        found = [c for c in self.floor.callbacks.values() if not attempt or (c.callback and c.callback.attempt)]
        return self.dice.choice(found) if found else None

    def _number(self) -> Number:
        """Mostly one that may be dialled."""
        dice = self.dice
        if dice.random() < 0.7:
            return Number(country="DE", kind=NumberKind.MOBILE, known_by=(f"n{dice.randrange(40)}",), clocks=(600,))
        return Number(
            country=dice.choice(("DE", "DE", "DE", "CU")),
            kind=dice.choice((NumberKind.MOBILE, NumberKind.MOBILE, NumberKind.FIXED_LINE, NumberKind.PREMIUM)),
            emergency=dice.random() < 0.03,
            ours=dice.random() < 0.03,
            known_by=tuple(dice.sample(CALLERS, dice.choice((0, 1, 2)))),
            clocks=dice.choice(((), (600,), (600,), (600, 700), (60,))),
            refused=dice.random() < 0.03,
            unasked=dice.random() < 0.05,
        )

    def _callback_asked(self) -> inp.Input:
        """By a caller who is asked for a number, mostly; on behalf of somebody new; of anybody."""
        dice = self.dice
        asked = [c for c in self.floor.contacts.values() if isinstance(c.diverted_to, ToCallback)]
        if asked and dice.random() < 0.8:
            return inp.CallbackAsked(contact=dice.choice(asked).id, number=self._number())
        pbx = dice.choice(PBXES)
        call = f"{pbx}-{int(self.now)}.made{len(self.said)}"
        new = contact_id(pbx, call, self.now)
        return inp.CallbackAsked(
            contact=dice.choice((new, new, self._contact())),
            number=self._number(),
            pbx=pbx,
            call=call,
            queue=dice.choice((*QUEUES, None)),
            by=dice.choice(("supervisor", "supervisor", "")),
        )

    def _dial_asked(self) -> inp.Input:
        contact = self._of_callbacks(attempt=True)
        number = self._number() if self.dice.random() < 0.95 else None
        who = contact.id if contact is not None else self._contact()
        return inp.CallbackDialAsked(
            contact=who, call=self._attempt(contact), number=number, gone=number is None and self.dice.random() < 0.3
        )

    def _customer_answered(self) -> inp.Input:
        contact = self._of_callbacks(attempt=True)
        who = contact.id if contact is not None else self._contact()
        return inp.CustomerAnswered(contact=who, call=self._attempt(contact))

    def _callback_over(self) -> inp.Input:
        contact = self._of_callbacks(attempt=True)
        who = contact.id if contact is not None else self._contact()
        status = self.dice.choice(("BUSY", "NOANSWER", "NOTACCEPTED", "NOTALLOWED", "CONGESTION", inp.NOT_SENT, ""))
        return inp.CallbackOver(contact=who, call=self._attempt(contact), status=status)

    def _wrapping_up(self) -> AgentId:
        """Somebody in wrap-up, if there is one."""
        found = [agent.id for agent in self.floor.agents.values() if agent.state is AgentState.WRAP_UP]
        return self.dice.choice(found or AGENTS)

    def _decline(self) -> inp.Input:
        """Mostly by whom it rings."""
        contact = self._contact()
        known = self.floor.contacts.get(contact)
        rings = known.agent if known is not None and self.dice.random() < 0.8 else None
        return inp.OfferDeclineAsked(agent=rings or self.dice.choice(AGENTS), contact=contact)

    def _dispose(self) -> inp.Input:
        """Mostly by who has it."""
        agent = self.floor.agents.get(self._wrapping_up())
        mine = [one.contact for one in agent.engagements] if agent is not None else []
        contact = self.dice.choice(mine) if mine and self.dice.random() < 0.8 else self._contact()
        return inp.ContactDisposeAsked(
            agent=agent.id if agent is not None else self.dice.choice(AGENTS),
            contact=contact,
            disposition=self.dice.choice(("", "sold", "wrong_number")),
            note=self.dice.choice((None, MessageId("note-1"))),
        )

    def _text(self) -> inp.Input:
        found_by = self.dice.choice(tuple(FoundBy))
        return inp.TextFound(contact=self._contact(), carrier=Carrier.TTY, found_by=found_by)

    def _message(self) -> inp.Input:
        return inp.MessageTold(
            contact=self._contact(),
            message=MessageId(f"{self.dice.randrange(1000):03}"),
            author=self.dice.choice(tuple(Author)),
            characters=self.dice.randrange(80),
        )

    def _contact(self) -> ContactId:
        """Somebody on the floor, or somebody who left, or nobody."""
        known = self._known()
        if known is not None and self.dice.random() < 0.85:
            return known.id
        return self.dice.choice(self.calls).contact if self.calls else ContactId("nobody")

    def _offer(self) -> OfferId:
        return OfferId(self.dice.choice(("absurd", "1-1", f"1-{self.floor.seq}")))

    def _call(self) -> inp.CallArrived:
        """A caller's channel: new, or one that was there already."""
        if self.calls and self.dice.random() < 0.7:
            alive = [call for call in self.calls[-40:] if call.contact in self.floor.contacts]
            return self.dice.choice(alive or self.calls)
        pbx = self.dice.choice(PBXES)
        call = f"{pbx}-{int(self.now)}.{len(self.calls)}"
        dice = self.dice
        made = inp.CallArrived(
            contact=contact_id(pbx, call, self.now),
            pbx=pbx,
            call=call,
            channel=f"PJSIP/c-{call}",
            dnis=dice.choice(("5000", "5001")),
            callers=tuple(dice.sample(CALLERS, dice.choice((0, 1, 1, 1, 2)))),
        )
        self.calls.append(made)
        return made

    def _arrived(self) -> inp.Input:
        return self._call()

    def _menu(self) -> inp.Input:
        return inp.MenuAnswered(contact=self._contact(), menu="main", choice="1", queue=self.dice.choice(QUEUES))

    def _flow(self) -> inp.Input:
        contact = self._known(ContactState.MENU)
        served = self.dice.random() < 0.3
        return inp.FlowWent(
            contact=contact.id if contact is not None and self.dice.random() < 0.8 else self._contact(),
            flow="main",
            passed=self.dice.choice(((), ("welcome",), ("choose=2", "look"))),
            asks="" if served else self.dice.choice(("", "choose")),
            served=served,
        )

    def _key(self, known: Contact | None) -> DiversionId | None:
        """Mostly the next; also one that was followed already, and one after another that nobody heard."""
        number = known.pressed.number if known is not None and known.pressed is not None else 0
        return self.dice.choice((None, *(DiversionId(f"key-{number + n}") for n in (0, 1, 1, 1, 2))))

    def _key_pressed(self) -> inp.Input:
        contact = self._known(ContactState.WAITING) if self.dice.random() < 0.9 else self._known()
        return inp.KeyPressed(
            contact=contact.id if contact is not None else self._contact(),
            diversion=self._key(contact) or DiversionId("key-x"),
            to=some_way(self.dice),
        )

    def _held(self) -> inp.Input:
        call = self._call()
        keyed = self._key(self.floor.contacts.get(call.contact)) if self.dice.random() < 0.3 else None
        called = self._of_callbacks(attempt=True)
        if called is not None and self.dice.random() < 0.3:
            # Pressed the key.
            attempt, queue = self._attempt(called), called.queue
            return inp.CallHeld(
                contact=called.id,
                pbx=called.pbx,
                call=attempt,
                channel="Local/s@contactd-dial-1;1",
                dnis="",
                queue=queue,
                queued_at=self.now,
            )
        return inp.CallHeld(
            contact=call.contact,
            pbx=call.pbx,
            call=call.call,
            channel=call.channel,
            dnis=call.dnis,
            queue=self.dice.choice((*QUEUES, None)),
            queued_at=round(self.now - self.dice.choice((-60, 0, 0, 1, 300)), 6),
            needs=some_needs(self.dice) if self.dice.random() < 0.2 else None,
            diversion=keyed,
            diverted_to=some_way(self.dice) if keyed is not None else None,
        )

    def _received(self) -> inp.Input:
        """Something written: new, transferred, or said again."""
        dice = self.dice
        known = self._known()
        number = len(self.written)
        if known is None or dice.random() < 0.7:
            self.written.append(contact_id(PbxId("desk"), f"desk-{int(self.now)}.{number}", self.now))
            known = None
        return inp.ContactReceived(
            contact=self.written[-1] if known is None else known.id,
            medium=dice.choice((*MEDIA, Medium.VOICE)),
            queue=dice.choice((*QUEUES, None)),
            received_at=round(self.now - dice.choice((-60, 0, 0, 1, 300)), 6),
        )

    def _withdrawn(self) -> inp.Input:
        """Erased; or said of a call, and of nothing."""
        return inp.ContactWithdrawn(contact=self.written[-1] if self.written else self._contact())

    def _fell_back(self) -> inp.Input:
        call = self._call()
        return inp.CallFellBack(
            contact=call.contact,
            pbx=call.pbx,
            call=call.call,
            channel=call.channel,
            dnis=call.dnis,
            queue=self.dice.choice((*QUEUES, None)),
            queued_at=self.now,
        )

    def _destination_failed(self) -> inp.Input:
        contact = self._known(ContactState.DIVERTED)
        known = contact is not None and contact.diversion is not None and self.dice.random() < 0.9
        return inp.DestinationFailed(
            contact=contact.id if contact is not None else self._contact(),
            diversion=contact.diversion if contact and contact.diversion and known else DiversionId("absurd"),
            status=self.dice.choice(
                ("FAILED", "BUSY", "NOANSWER", "STALE", "NOTALLOWED", "RETURNED", inp.NOT_SENT, "")
            ),
        )

    def _announcement_told(self) -> inp.Input:
        hearing = [c for c in self.floor.contacts.values() if _saying(c) is not None]
        contact = self.dice.choice(hearing) if hearing else None
        saying = _saying(contact)
        return inp.AnnouncementTold(
            contact=contact.id if contact is not None else self._contact(),
            announcement=saying if saying is not None and self.dice.random() < 0.9 else AnnouncementId("1-1"),
            status=self.dice.choice(("SUCCESS", "FAILED", inp.NOT_SENT, "")),
        )

    def _answered(self) -> inp.Input:
        contact = self._known(ContactState.OFFERED)
        if contact is None or contact.offer is None or self.dice.random() < 0.1:
            return inp.OfferAnswered(contact=self._contact(), offer=self._offer())
        return inp.OfferAnswered(contact=contact.id, offer=contact.offer, endpoint=self._ringing(contact))

    def _ringing(self, contact: Contact) -> str:
        """One of the handsets that ring; seldom another, or nobody says which."""
        rung = [self.floor.agents[agent].endpoint for agent in contact.legs]
        return self.dice.choice((*rung, *rung, *rung, "", str(self.dice.randint(1001, 1011))))

    def _leg_failed(self) -> inp.Input:
        several = [c for c in self.floor.contacts.values() if len(c.legs) > 1 or (c.legs and self.dice.random() < 0.3)]
        contact = self.dice.choice(several) if several else self._known(ContactState.OFFERED)
        return inp.LegFailed(
            contact=contact.id if contact is not None else self._contact(),
            offer=contact.offer if contact is not None and contact.offer is not None else self._offer(),
            endpoint=self._ringing(contact) if contact is not None else "1001",
            cause=self.dice.choice((0, 16, 17, 19, 20, 21, 26)),
        )

    def _failed(self) -> inp.Input:
        status = self.dice.choice(("NOANSWER", "BUSY", "CHANUNAVAIL", "CANCEL", "STALE", "ANSWER", "", "DECLINED"))
        contact = self._known(ContactState.OFFERED)
        offer = contact.offer if contact is not None and contact.offer is not None else self._offer()
        who = contact.id if contact is not None else self._contact()
        return inp.OfferFailed(contact=who, offer=offer, dial_status=status, cause=self.dice.choice((0, 3, 17, 21)))

    def _command_failed(self) -> inp.Input:
        contact = self._known(ContactState.OFFERED)
        if contact is None or contact.offer is None:
            return inp.CommandFailed(contact=self._contact(), offer=self._offer(), why="?")
        return inp.CommandFailed(contact=contact.id, offer=contact.offer, why="No such channel")

    def _agent_hung_up(self) -> inp.Input:
        contact = self._known(ContactState.CONNECTED)
        who = contact.id if contact is not None else self._contact()
        offer = contact.offer if contact is not None and contact.offer is not None else self._offer()
        return inp.AgentHungUp(contact=who, offer=offer, transferred=self.dice.random() < 0.3)

    def _transfer_completed(self) -> inp.Input:
        """With any other contact as the consultation, the caller's own included."""
        contact = self._known(ContactState.CONNECTED, ContactState.RELEASED)
        offer = contact.offer if contact is not None and contact.offer is not None else self._offer()
        return inp.TransferCompleted(
            contact=contact.id if contact is not None else self._contact(),
            offer=offer,
            endpoint=self.dice.choice((None, str(self.dice.randint(1001, 1011)))),
            consult=self.dice.choice((None, self._contact())),
        )

    def _handset(self) -> inp.Input:
        return inp.HandsetChanged(
            pbx=self.dice.choice(PBXES),
            endpoint=str(self.dice.randint(1001, 1011)),
            handset=self.dice.choice((Handset.FREE, Handset.FREE, *Handset)),
        )

    def _recording_told(self) -> inp.Input:
        """Mostly of a talk that runs; also of one that has ended, or of another offer."""
        contact = self._known(ContactState.CONNECTED)
        known = contact is not None and contact.offer is not None and self.dice.random() < 0.8
        return inp.RecordingTold(
            contact=contact.id if contact is not None else self._contact(),
            offer=contact.offer if contact is not None and contact.offer is not None and known else self._offer(),
            word=self.dice.choice((inp.RecordingWord.STARTED, *inp.RecordingWord)),
            channel=self.dice.choice(("PJSIP/1001-00000001", "")),
        )

    def _not_ready(self) -> inp.Input:
        reason = self.dice.choice(("break", "unregistered"))
        return inp.NotReadyAsked(agent=self.dice.choice(AGENTS), reason=reason, by=self.dice.choice(list(By)))

    def _muted(self) -> inp.Input:
        running = [c for c in self.floor.contacts.values() if c.recorder is not None]
        contact = self.dice.choice(running) if running else None
        offer = contact.recorder.offer if contact is not None and contact.recorder is not None else self._offer()
        who = contact.id if contact is not None else self._contact()
        was = contact is not None and contact.recorder is not None and contact.recorder.paused
        return inp.RecordingMuted(contact=who, offer=offer, paused=was is (self.dice.random() < 0.2), by=By.AGENT)

    def _listening_told(self) -> inp.Input:
        """Of one that is known, as often as not; else mostly of a talk."""
        dice = self.dice
        known = list(self.floor.state.listening.values())
        word = dice.choice(list(ListeningWord))
        if known and dice.random() < 0.5:
            seen = self._listener(dice.choice(known))
        else:
            contact = self._known(ContactState.CONNECTED)
            seen = ListeningSeen(
                id=ListeningId(f"pbx1-{int(self.now)}.{dice.randint(0, 99)}"),
                pbx=contact.pbx if contact is not None else dice.choice(PBXES),
                contact=contact.id if contact is not None and dice.random() < 0.9 else self._contact(),
                agent=contact.agent if contact is not None and contact.agent is not None else dice.choice(AGENTS),
                supervisor=dice.choice(AGENTS),
                channel="PJSIP/1003-00000001",
                mode=dice.choice(list(Mode)),
            )
        return inp.ListeningTold(seen=seen, word=word, why=dice.choice(list(ListeningEnd)))

    def _heard(self) -> list[Listening]:
        """Those at talks that still go on, of supervisors who have none themselves."""
        floor = self.floor
        return [
            one
            for one in floor.state.listening.values()
            if (contact := floor.contacts.get(one.contact)) is not None
            and contact.state is ContactState.CONNECTED
            and (supervisor := floor.agents.get(one.supervisor)) is not None
            and supervisor.on_voice() is None
        ]

    def _takes(self) -> inp.Input:
        """Of a talk that goes on; where nobody is at one, somebody comes to one."""
        known = self._heard()
        contact = self._known(ContactState.CONNECTED)
        if not known and contact is not None and contact.agent is not None:
            free = [a.id for a in self.floor.agents.values() if a.on_voice() is None]
            seen = ListeningSeen(
                id=ListeningId(f"pbx1-{int(self.now)}.{self.dice.randint(100, 199)}"),
                pbx=contact.pbx,
                contact=contact.id,
                agent=contact.agent,
                supervisor=self.dice.choice(free or AGENTS),
                channel="PJSIP/1003-00000001",
                mode=Mode.LISTEN,
            )
            return inp.ListeningTold(seen=seen, word=ListeningWord.HEARS)
        if not known:
            return self._listening_told()
        return inp.ListeningTold(seen=self._listener(self.dice.choice(known)), word=ListeningWord.TAKES)

    def _caller_taken(self) -> inp.Input:
        """By a supervisor who listens, as often as not; told twice as well."""
        known = self._heard() or list(self.floor.state.listening.values())
        one = self.dice.choice(known) if known else None
        return inp.CallerTaken(
            contact=one.contact if one is not None and self.dice.random() < 0.9 else self._contact(),
            offer=OfferId(f"1-{self.floor.seq}-{self.dice.randint(0, 9)}"),
            listening=one.id if one is not None else ListeningId("pbx1-1.1"),
        )

    def _listener(self, known: Listening) -> ListeningSeen:
        return ListeningSeen(
            id=known.id,
            pbx=known.pbx,
            contact=known.contact,
            agent=known.agent,
            supervisor=known.supervisor,
            channel=known.channel,
            mode=self.dice.choice((known.mode, *Mode)),
        )

    def _calendar(self) -> inp.Input:
        return inp.CalendarTurned(
            calendar=self.dice.choice(CALENDARS),
            open=self.dice.random() < 0.7,
            why=self.dice.choice(("hours", "holiday")),
            until=self.dice.choice((None, self.now + 60)),
        )

    def _switch(self) -> inp.Input:
        of_queue = self.dice.random() < 0.5
        return inp.SwitchAsked(
            queue=self.dice.choice(QUEUES) if of_queue else None,
            calendar=None if of_queue and self.dice.random() < 0.95 else self.dice.choice(CALENDARS),
            open=self.dice.choice((None, True, False)),
            why=self.dice.choice(("fire drill", "party")),
            until=self.dice.choice((None, self.now - 1, self.now + 10)),
            waiting=self.dice.choice((None, *AtClosing)),
        )

    def _compared(self) -> inp.Input:
        """An inventory that may name anybody anywhere, twice, with somebody else's offer."""
        dice = self.dice
        pbx = dice.choice(PBXES)
        listed = [c for c in self.floor.contacts.values() if dice.random() < 0.7]
        seen = [self._seen(c.id, self.dice.choice((c.call, self._attempt(c) or c.call)), c.channel, c) for c in listed]
        others = [self._call() for _ in range(dice.randint(0, 2))]
        seen += [self._seen(c.contact, c.call, c.channel, None) for c in others]
        dice.shuffle(seen)
        return inp.PbxCompared(
            pbx=pbx,
            asked_at=round(self.now - dice.choice((0, 0, 2, 600)), 6),
            booted_at=dice.choice((0.0, self.now - 3, START)),
            calls=tuple(seen),
            unsure=frozenset(call.contact for call in seen if dice.random() < 0.1),
            late=frozenset(call.contact for call in seen if dice.random() < 0.1),
            handsets={str(n): dice.choice(list(Handset)) for n in range(1001, 1012) if dice.random() < 0.3},
            edition=dice.choice((0, 2, 3, 3, 3, 3)),
            listening=tuple(self._listener(one) for one in self.floor.state.listening.values() if dice.random() < 0.7),
        )

    def _seen(self, contact: ContactId, call: str, channel: str, known: Contact | None) -> inp.CallSeen:
        dice = self.dice
        own = self.floor.agents.get(known.agent) if known is not None and known.agent is not None else None
        endpoint = own.endpoint if own is not None and dice.random() < 0.6 else str(dice.randint(1001, 1011))
        mine = known.offer if known is not None and dice.random() < 0.6 else None
        return inp.CallSeen(
            contact=contact,
            call=call,
            channel=channel,
            dnis="",
            place=dice.choice(list(inp.Place)),
            queue=dice.choice((*QUEUES, None)),
            queued_at=dice.choice((None, self.now - 9, self.now + 9)),
            # An offer belongs to one call: what another call brings is made for it alone.
            offer=mine or dice.choice((None, OfferId(f"absurd-{contact}"))),
            endpoint=dice.choice((None, endpoint, endpoint, endpoint)),
            endpoints=tuple(str(dice.randint(1001, 1011)) for _ in range(dice.choice((0, 0, 2, 3)))),
            needs=some_needs(dice) if dice.random() < 0.2 else None,
            diversion=dice.choice(
                (None, DiversionId("1-1"), known.diversion if known is not None else None, self._key(known))
            ),
            diverted_to=dice.choice((None, ToVoicemail(box="100"), ToTone(tone=Tone.BUSY), some_way(dice))),
            recorder=dice.choice((None, self._recorder(known))),
            announced=dice.choice((None, _saying(known))),
        )

    def _recorder(self, known: Contact | None) -> Recorder:
        own = known.recorder.offer if known is not None and known.recorder is not None else self._offer()
        return Recorder(offer=own, channel="PJSIP/1001-00000002", paused=self.dice.random() < 0.5)


def _saying(contact: Contact | None) -> AnnouncementId | None:
    return contact.hears.saying if contact is not None and contact.hears is not None else None


class Desks(Chaos):
    """A calmer day: one configuration, one PBX that does what it is told, agents who do several things at once."""

    def next(self) -> tuple[inp.Input, Instant]:
        dice = self.dice
        self.now = round(self.now + dice.choice((0, 0.5, 2, 8)), 6)
        if self.floor.state.plan is None:
            return inp.ConfigurationLoaded(plan=self._plan()), self.now
        if not self.floor.steered:
            handsets = {str(1001 + n): Handset.FREE for n in range(len(AGENTS))}
            booted_at = START - 9
            return inp.PbxCompared(
                pbx=PBXES[0], asked_at=self.now, booted_at=booted_at, calls=(), handsets=handsets, edition=3
            ), self.now
        kinds: tuple[tuple[float, Callable[[], inp.Input]], ...] = (
            (6, self._called),
            (8, self._received),
            (2, self._withdrawn),
            (20, self._answered),
            (3, self._failed),
            (3, self._leg_failed),
            (3, self._caller_hung_up),
            (8, self._agent_hung_up),
            (4, self._handset),
            (8, lambda: inp.SignInAsked(agent=dice.choice(AGENTS), pin_right=True)),
            (2, lambda: inp.ReadyAsked(agent=dice.choice(AGENTS))),
            (1, lambda: inp.NotReadyAsked(agent=dice.choice(AGENTS), reason="break")),
            (3, self._callback_asked),
            (4, inp.CallbackMoment),
            (8, self._dial_asked),
            (4, self._customer_answered),
            (1, self._callback_over),
            (6, inp.TimePassed),
        )
        return dice.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0](), self.now

    def _plan(self) -> FloorPlan:
        queues = QUEUES[:2]
        return FloorPlan(
            sha256="d" * 64,
            queues=tuple(
                QueuePlan(
                    id=queue,
                    wrap_up_s=self.dice.choice((0, 5, 30)),
                    strategy=self.dice.choice((Strategy.LONGEST_IDLE, Strategy.RING_ALL)),
                    ring_all_most=self.dice.choice((2, 8)),
                    callback=some_callback(self.dice),
                )
                for queue in queues
            ),
            agents=tuple(
                AgentProfile(
                    id=name,
                    pbx=PBXES[0],
                    endpoint=str(1001 + n),
                    queues=queues,
                    capacity=some_capacity(self.dice),
                )
                for n, name in enumerate(AGENTS)
            ),
            default_queue=queues[0],
            dialling=some_dial_rules(self.dice),
        )

    def _called(self) -> inp.Input:
        call = f"{PBXES[0]}-{int(self.now)}.{len(self.calls)}"
        self.calls.append(
            inp.CallArrived(
                contact=contact_id(PBXES[0], call, self.now), pbx=PBXES[0], call=call, channel="PJSIP/c", dnis="5000"
            )
        )
        return self._held_new(self.calls[-1])

    def _held_new(self, call: inp.CallArrived) -> inp.Input:
        return inp.CallHeld(
            contact=call.contact,
            pbx=call.pbx,
            call=call.call,
            channel=call.channel,
            dnis=call.dnis,
            queue=self.dice.choice(QUEUES[:2]),
            queued_at=self.now,
        )

    def _handset(self) -> inp.Input:
        """Somebody picks it up for a call of their own, or hangs up."""
        endpoint = str(self.dice.randint(1001, 1000 + len(AGENTS)))
        agent = self.floor.seats.by_endpoint[PBXES[0], endpoint]
        handset = Handset.IN_USE if agent.handset is Handset.FREE and self.dice.random() < 0.5 else Handset.FREE
        return inp.HandsetChanged(pbx=PBXES[0], endpoint=endpoint, handset=handset)


S = TypeVar("S", bound=msgspec.Struct)
HOSTILE = (
    "",
    " ",
    "\0",
    "\r\nAction: Command",
    "${SHELL(x)}",
    "../..",
    "%0d%0a",
    "日本",
    "x" * 5_000,
    "-1",
    "1-1",
    "²",
)
ABSURD: tuple[float, ...] = (-1.0, 0.0, 1e-9, 1e15, -1e15, 4e9)


class Hostile(Chaos):
    """As a lying PBX has it: any field of text may hold anything, any time may be absurd, any number huge.

    What is no lie of the PBX stays: a contact's id is made by us from the call's.
    """

    def next(self) -> tuple[inp.Input, Instant]:
        input_, at = super().next()
        ours = inp.ConfigurationLoaded | inp.CalendarTurned | inp.SwitchAsked | inp.PartyKnown
        ours |= inp.TextFound | inp.MessageTold
        if isinstance(input_, ours) or self.dice.random() < 0.5:
            return input_, at
        if isinstance(input_, inp.ListeningTold):
            return msgspec.structs.replace(input_, seen=self._bent(input_.seen)), at
        if isinstance(input_, inp.PbxCompared):
            calls = tuple(self._bent(call) if self.dice.random() < 0.3 else call for call in input_.calls)
            handsets = {**input_.handsets, self.dice.choice(HOSTILE): self.dice.choice(list(Handset))}
            return msgspec.structs.replace(self._bent(input_), calls=calls, handsets=handsets), at
        return self._bent(input_), at

    def _bent(self, told: S) -> S:
        """One field of it is a lie."""
        fields = [
            name
            for name in told.__struct_fields__
            if name not in ("contact", "callers", "calls", "handsets", "unsure", "late", "listening")
        ]
        if not fields:
            return told
        name = self.dice.choice(fields)
        lie: object
        match getattr(told, name):
            case inp.Place() | Handset() | Medium() | Mode():
                return told
            case bool() as said:
                lie = not said
            case tuple():
                lie = tuple(self.dice.sample(HOSTILE, 3))
            case int():
                lie = self.dice.choice((-1, 0, 21, 2**31, 10**8))
            case dict() | None if name == "skills":
                lie = self._skills()
            case _ if name in ("diverted_to", "recorder", "to", "number"):
                # Parsed: what is none of ours is None.
                return told
            case Needs() | None if name == "needs":
                boost_s = self.dice.choice((-(10**8), 2**31))
                lie = Needs(skills=self._skills(), preferred_agent=AgentId(self.dice.choice(HOSTILE)), boost_s=boost_s)
            case said if isinstance(said, float) or name == "queued_at":
                lie = self.dice.choice((*ABSURD, self.now - 1, self.now + 7200))
            case _:
                lie = self.dice.choice(HOSTILE)
                if name == "offer":
                    # An offer belongs to one call, see _seen().
                    lie = OfferId(f"{lie}-{getattr(told, 'contact', '')}")
        return msgspec.structs.replace(told, **{name: lie})

    def _skills(self) -> dict[SkillId, int]:
        return {SkillId(self.dice.choice((*HOSTILE, "german"))): self.dice.choice((-1, 0, 11, 2**31))}

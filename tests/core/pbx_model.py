"""A PBX small enough to believe: callers who stand somewhere, handsets that ring, a link that breaks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By, Handset
from contactd.core.commands import Command, DivertCaller, ReturnToHold, RingAgent, WithdrawOffer
from contactd.core.destination import ToMenu, ToMessage, ToQueue, ToVoicemail, Way
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import ContactId, DiversionId, Instant, OfferId, QueueId
from contactd.core.inputs import Place
from contactd.core.plan import FloorPlan, RoutingStep, Strategy
from contactd.core.step import step
from tests.core.diversions import check_diversions
from tests.core.invariants import Lives, check_floor, check_offers, frozen, restarted, turns_of
from tests.core.pressed import check_keys
from tests.core.world import PBX, SALES, START, SUPPORT, never_announced, plan, seen

ENDPOINTS = ("1001", "1002", "1003")
BOX = ToVoicemail(box="100")
AGENTS = {"anna": [SALES, SUPPORT], "bilal": [SALES], "carla": [SUPPORT]}


def _plan() -> FloorPlan:
    """Sales passes on to support, by its length and by time; support sends away."""
    made = plan(AGENTS)
    sales, support = made.queues
    goes = (RoutingStep(after_s=20, go=ToQueue(queue=SUPPORT)),)
    sales = msgspec.structs.replace(
        sales, max_waiting=3, full=ToQueue(queue=SUPPORT), steps=goes, strategy=Strategy.RING_ALL
    )
    goes = (RoutingStep(after_s=15, go=BOX), RoutingStep(after_s=40, go=ToMessage(sound="sorry")))
    support = msgspec.structs.replace(support, max_waiting=4, full=BOX, unstaffed=BOX, steps=goes)
    return msgspec.structs.replace(made, queues=(sales, support))


PLAN = _plan()

_json = msgspec.json.encode
_event = msgspec.json.Decoder(ev.AnyEvent).decode


@dataclass
class Caller:
    call: inp.CallArrived
    place: Place = Place.MENU
    queue: QueueId | None = None
    since: Instant | None = None
    offer: OfferId | None = None
    endpoint: str | None = None
    """Who talks, or the first who rings."""
    legs: list[str] = field(default_factory=list)
    """Who rings."""
    rung: tuple[str, ...] = ()
    """Whom the Dial() named: it is on the channel."""
    diversion: DiversionId | None = None
    diverted_to: Way | None = None
    presses: int = 0


@dataclass
class Model:
    """What the PBX does whatever contactd thinks; what contactd is told, if the link stands; what it commands."""

    dice: random.Random
    floor: LiveFloor = field(default_factory=lambda: LiveFloor(Floor(epoch=1)))
    now: Instant = START
    linked: bool = False
    booted_at: Instant = START - 1000
    callers: dict[ContactId, Caller] = field(default_factory=dict)
    registered: set[str] = field(default_factory=lambda: set(ENDPOINTS))
    journal: list[tuple[ev.Event, Instant]] = field(default_factory=list)
    lives: Lives = field(default_factory=Lives)
    calls: int = 0

    # --- contactd -----------------------------------------------------------------------------------------------------

    def tell(self, input_: inp.Input) -> None:
        before, turns = frozen(self.floor), turns_of(self.floor)
        made = step(self.floor, input_, self.now)
        assert made.bug is None, made.bug
        self.journal += [(event, self.now) for event in made.events]
        check_floor(self.floor)
        check_offers(self.floor, made, turns)
        check_diversions(before, made)
        check_keys(before, made, self.floor)
        self.lives.follow(made)
        for command in made.commands:
            self.obey(command)

    def hear(self, input_: inp.Input) -> None:
        """An AMI event: lost while there is no link."""
        if self.linked:
            self.tell(input_)

    def link_up(self) -> None:
        self.linked = True
        self.compare()

    def link_down(self) -> None:
        self.linked = False
        self.tell(inp.PbxAbsent(pbx=PBX, why="the model's dice"))

    def restart(self) -> None:
        """contactd dies at any moment: the next one has the journal, some of it as a snapshot, and the PBX."""
        cut = self.dice.randint(0, len(self.journal))
        again = LiveFloor(Floor(epoch=self.floor.epoch))
        for number, (event, at) in enumerate(self.journal):
            if number == cut:
                again = restarted(again)
            again.apply(_event(_json(event)), at)
        assert frozen(again) == frozen(self.floor)
        again.state.epoch += 1
        self.floor = again
        self.linked = False
        self.tell(inp.ConfigurationLoaded(plan=PLAN))
        self.tell(inp.PbxAbsent(pbx=PBX, why="contactd started"))

    def compare(self) -> None:
        calls = [
            seen(
                c.call,
                c.place,
                queue=c.queue,
                queued_at=c.since,
                offer=c.offer,
                endpoint=c.endpoint,
                endpoints=c.rung if c.place is Place.OFFER else (),
                diversion=c.diversion,
                diverted_to=c.diverted_to,
            )
            for c in self.callers.values()
        ]
        # Of an offer that is younger than a second a comparison concludes nothing.
        self.now = round(self.now + 1.1, 6)
        self.tell(
            inp.PbxCompared(
                pbx=PBX,
                asked_at=self.now,
                booted_at=self.booted_at,
                calls=tuple(calls),
                handsets={endpoint: self.handset(endpoint) for endpoint in ENDPOINTS},
                edition=3,
            )
        )

    def obey(self, command: Command) -> None:
        if not self.linked or not isinstance(command, RingAgent | WithdrawOffer | ReturnToHold | DivertCaller):
            return
        caller = self.callers.get(command.contact)
        if caller is None:
            if isinstance(command, RingAgent):
                self.hear(inp.CommandFailed(contact=command.contact, offer=command.offer, why="No such channel"))
            elif isinstance(command, DivertCaller):
                self.destination_failed(command.contact, command.diversion, inp.NOT_SENT)
            return
        match command:
            case DivertCaller():
                self.divert(caller, command)
            case WithdrawOffer():
                self.withdraw(caller, command)
            case ReturnToHold():
                # The static queue's key means nothing elsewhere.
                if caller.place is Place.FALLBACK:
                    self.hold(caller)
            case RingAgent():
                self.redirect(caller, command)

    def redirect(self, caller: Caller, command: RingAgent) -> None:
        # It takes the caller out of whatever they do: only these two can be left without harm.
        assert caller.place in (Place.HOLD, Place.FALLBACK), f"{command} cuts off a caller in {caller.place}"
        status = self.dice.choice((None, None, None, "BUSY", "refused"))
        if status == "refused":
            self.hear(inp.CommandFailed(contact=command.contact, offer=command.offer, why="refused"))
            return
        self.ring(caller, command, busy=status is not None)

    def withdraw(self, caller: Caller, command: WithdrawOffer) -> None:
        assert (caller.place, caller.offer) == (Place.OFFER, command.offer), f"{command} cuts off more than an offer"
        rang = caller.legs
        self.hold(caller)
        for endpoint in rang:
            self.handset_changed(endpoint)

    def ring(self, caller: Caller, command: RingAgent, *, busy: bool) -> None:
        """busy: the first handset is."""
        caller.place, caller.offer, caller.endpoint = Place.OFFER, command.offer, command.endpoint
        caller.legs, caller.rung = [], (command.endpoint, *command.also)
        failed: list[tuple[str, int]] = []
        for number, endpoint in enumerate(caller.rung):
            if endpoint not in self.registered:
                continue  # no channel, and no word of it
            if (busy and not number) or self.ringing_or_talking(endpoint, but=caller):
                failed.append((endpoint, 17))
            else:
                caller.legs.append(endpoint)
        for endpoint in caller.legs:
            self.handset_changed(endpoint)
        for endpoint, cause in failed:
            self.leg_fails(caller, endpoint, cause)
        if not caller.legs:
            self.offer_ends(caller, *(("BUSY", 17) if failed else ("CHANUNAVAIL", 20)))

    def leg_fails(self, caller: Caller, endpoint: str, cause: int) -> None:
        assert caller.offer is not None
        if endpoint in caller.legs:
            caller.legs.remove(endpoint)
        offer = caller.offer
        self.handset_changed(endpoint)
        self.hear(inp.LegFailed(contact=caller.call.contact, offer=offer, endpoint=endpoint, cause=cause))

    def divert(self, caller: Caller, command: DivertCaller) -> None:
        assert caller.place is Place.HOLD, f"{command} cuts off a caller in {caller.place}"
        if self.dice.random() < 0.2:
            self.destination_failed(command.contact, command.diversion, inp.NOT_SENT)
            return
        assert command.epoch == self.floor.epoch, "an older writer acts"
        assert caller.diversion != command.diversion, f"{command} is carried out twice"
        caller.place, caller.diversion, caller.diverted_to = Place.DIVERTED, command.diversion, command.to

    def destination_failed(self, contact: ContactId, diversion: DiversionId, status: str) -> None:
        self.hear(inp.DestinationFailed(contact=contact, diversion=diversion, status=status))

    def come_back(self, caller: Caller) -> None:
        """From a destination that failed."""
        assert caller.diversion is not None
        self.destination_failed(caller.call.contact, caller.diversion, self.dice.choice(("FAILED", "BUSY", "RETURNED")))
        self.hold(caller)

    def press(self, caller: Caller) -> None:
        """The dialplan does it, whoever steers; only the menu is contactd's."""
        other = SUPPORT if caller.queue == SALES else SALES
        to: Way = self.dice.choice((ToQueue(queue=other), ToQueue(queue=other), BOX, ToMenu()))
        if isinstance(to, ToMenu) and not self.linked:
            return
        caller.presses += 1
        caller.diversion, caller.diverted_to = DiversionId(f"key-{caller.presses}"), to
        if isinstance(to, ToQueue):
            caller.queue = to.queue
        else:
            caller.place = Place.MENU if isinstance(to, ToMenu) else Place.DIVERTED
        self.hear(inp.KeyPressed(contact=caller.call.contact, diversion=caller.diversion, to=to))

    # --- the PBX ------------------------------------------------------------------------------------------------------

    def ringing_or_talking(self, endpoint: str, but: Caller | None = None) -> Place | None:
        with_it = [
            c.place
            for c in self.callers.values()
            if c is not but and (endpoint in c.legs or (c.place is Place.TALK and c.endpoint == endpoint))
        ]
        return with_it[0] if with_it else None

    def handset(self, endpoint: str) -> Handset:
        if endpoint not in self.registered:
            return Handset.UNAVAILABLE
        doing = self.ringing_or_talking(endpoint)
        return {None: Handset.FREE, Place.OFFER: Handset.RINGING}.get(doing, Handset.IN_USE)

    def handset_changed(self, endpoint: str) -> None:
        self.hear(inp.HandsetChanged(pbx=PBX, endpoint=endpoint, handset=self.handset(endpoint)))

    def arrive(self) -> None:
        self.calls += 1
        call = never_announced(self.calls, self.now)
        self.callers[call.contact] = Caller(call)
        self.hear(call)

    def hold(self, caller: Caller) -> None:
        caller.place, caller.offer, caller.endpoint, caller.legs = Place.HOLD, None, None, []
        caller.since = caller.since or self.now
        self.hear(self._report(inp.CallHeld, caller))

    def fall_back(self, caller: Caller) -> None:
        caller.place, caller.offer, caller.endpoint = Place.FALLBACK, None, None
        caller.since = caller.since or self.now
        self.hear(self._report(inp.CallFellBack, caller))

    def _report(self, kind: Callable[..., inp.Input], caller: Caller) -> inp.Input:
        call = caller.call
        return kind(
            contact=call.contact,
            pbx=PBX,
            call=call.call,
            channel=call.channel,
            dnis=call.dnis,
            queue=caller.queue,
            queued_at=caller.since,
            **({"diversion": caller.diversion, "diverted_to": caller.diverted_to} if kind is inp.CallHeld else {}),
        )

    def offer_ends(self, caller: Caller, status: str, cause: int) -> None:
        assert caller.offer is not None
        offer, rang = caller.offer, caller.legs
        caller.offer, caller.endpoint, caller.legs = None, None, []
        for endpoint in rang:
            self.handset_changed(endpoint)
        self.hear(inp.OfferFailed(contact=caller.call.contact, offer=offer, dial_status=status, cause=cause))
        self.hold(caller)

    def answer(self, caller: Caller) -> None:
        assert caller.offer is not None
        winner, others = self.dice.choice(caller.legs), caller.legs
        caller.place, caller.endpoint, caller.legs = Place.TALK, winner, []
        self.hear(inp.OfferAnswered(contact=caller.call.contact, offer=caller.offer, endpoint=winner))
        for endpoint in others:
            self.handset_changed(endpoint)

    def agent_leaves(self, caller: Caller) -> None:
        """Hung up, or transferred the caller into a queue."""
        offer, endpoint = caller.offer, caller.endpoint
        transferred = self.dice.random() < 0.3
        caller.place, caller.offer, caller.endpoint = Place.ELSEWHERE, None, None
        if offer is not None:
            self.hear(inp.AgentHungUp(contact=caller.call.contact, offer=offer, transferred=transferred))
        self.handset_changed(endpoint or "")
        if transferred:
            caller.queue = self.dice.choice((SALES, SUPPORT))
            self.hold(caller)
        else:
            self.gone(caller)

    def gone(self, caller: Caller) -> None:
        del self.callers[caller.call.contact]
        self.hear(inp.CallerHungUp(contact=caller.call.contact, cause=16))
        for endpoint in caller.legs or ([caller.endpoint] if caller.endpoint else []):
            self.handset_changed(endpoint)

    def reboot(self) -> None:
        """Everybody is lost, and nobody says so."""
        if self.linked:
            self.link_down()
        self.callers.clear()
        self.now = self.booted_at = self.now + 5

    # --- a day --------------------------------------------------------------------------------------------------------

    def some(self, *places: Place) -> Caller | None:
        standing: Sequence[Caller] = [c for c in self.callers.values() if not places or c.place in places]
        return self.dice.choice(standing) if standing else None

    def move(self) -> None:
        dice = self.dice
        self.now = round(self.now + dice.choice((0.2, 1, 3, 8)), 6)
        what = dice.choices(
            (
                "arrive",
                "choose",
                "gone",
                "answer",
                "fail",
                "leave",
                "agent",
                "time",
                "handset",
                "link",
                "static",
                "rare",
                "back",
                "key",
            ),
            (16, 16, 6, 14, 6, 10, 12, 8, 3, 4, 8, 1, 3, 6),
        )[0]
        caller: Caller | None
        if what == "arrive":
            self.arrive()
        elif what == "choose" and (caller := self.some(Place.MENU)):
            caller.queue = dice.choice((SALES, SUPPORT))
            self.hear(inp.MenuAnswered(contact=caller.call.contact, menu="m", choice="1", queue=caller.queue))
            self.hold(caller)
        elif what == "gone" and (caller := self.some()):
            self.gone(caller)
        elif what in ("answer", "fail", "leave", "back"):
            self._elsewhere(what)
        elif what == "agent":
            agent = dice.choice(list(self.floor.agents))
            ask = dice.choice((inp.SignInAsked(agent=agent, pin_right=True), inp.ReadyAsked(agent=agent)))
            by = dice.choice((By.AGENT, By.SUPERVISOR))
            away = dice.choice(
                (inp.NotReadyAsked(agent=agent, reason="break", by=by), inp.SignOutAsked(agent=agent, by=by))
            )
            self.tell(dice.choice((ask, ask, ask, away)))
        elif what == "key" and (caller := self.some(Place.HOLD)):
            self.press(caller)
        elif what == "time":
            self.tell(inp.TimePassed())
        elif what == "handset":
            endpoint = dice.choice(ENDPOINTS)
            self.registered ^= {endpoint}
            self.handset_changed(endpoint)
        elif what == "link":
            self.link_up() if not self.linked or dice.random() < 0.7 else self.link_down()
        elif what == "static" and not self.linked:
            self._static_queue()
        elif what == "rare":
            dice.choice((self.restart, self.restart, self.reboot))()

    def _elsewhere(self, what: str) -> None:
        """Something ends for a caller who is out of the hold."""
        place = {"leave": Place.TALK, "back": Place.DIVERTED}.get(what, Place.OFFER)
        caller = self.some(place)
        if caller is None:
            return
        if what == "answer":
            self.answer(caller)
        elif what == "fail":
            if self.dice.random() < 0.5:
                self.offer_ends(caller, "NOANSWER", 0)
                return
            self.leg_fails(caller, self.dice.choice(caller.legs), self.dice.choice((17, 19, 21)))
            if not caller.legs:
                self.offer_ends(caller, *self.dice.choice((("CHANUNAVAIL", 21), ("BUSY", 17), ("NOANSWER", 19))))
        elif what == "leave":
            self.agent_leaves(caller)
        else:
            self.come_back(caller)

    def _static_queue(self) -> None:
        """While nobody steers, the dialplan gives up on the hold, and the static queue connects by itself."""
        held, waiting = self.some(Place.HOLD), self.some(Place.FALLBACK)
        free = [e for e in ENDPOINTS if self.handset(e) is Handset.FREE]
        if held is not None:
            self.fall_back(held)
        elif waiting is not None and free:
            waiting.place, waiting.endpoint = Place.TALK, self.dice.choice(free)

"""One PBX: the AMI link with its heartbeat and comparisons, events in, commands out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import structlog

from contactd.config.sections import Announcements
from contactd.core import inputs as inp
from contactd.core import ring_all
from contactd.core.agent import Handset
from contactd.core.commands import (
    Announce,
    CallCustomer,
    Command,
    ComparePbx,
    DivertCaller,
    EndAttempt,
    MoveToHold,
    MoveToQueue,
    PauseRecording,
    ReturnToHold,
    RingAgent,
    StopListening,
    TakeOver,
    TurnListening,
    WithdrawOffer,
)
from contactd.core.contact import ContactState
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, PbxId, QueueId, is_test_call
from contactd.engine.circle import Circle
from contactd.engine.inbox import Private
from contactd.metrics import AMI_EVENT_LAG_SECONDS, AMI_HEARTBEAT_SECONDS, PbxReading
from contactd.pbx import announcing, diversions, furnishing, listening, recording, ringing, transfers
from contactd.pbx.ami import BOOT_POLL_S, AmiLink, AmiSettings
from contactd.pbx.caller_id import caller_in, callers_in
from contactd.pbx.dialling import Dialler
from contactd.pbx.furnishing import Furnishing
from contactd.pbx.inventory import VARIABLES, calls_seen, handsets_seen, listening_seen, variables
from contactd.pbx.lag import EventLag
from contactd.pbx.needs import NeedsReader
from contactd.pbx.text.office import Texts
from contactd.pbx.translate import EVENTS, contact_of, number, stamped, translate
from contactd.protocols.ami import Message
from contactd.services.crm.recogniser import Recogniser

log = structlog.get_logger()

BEAT_S = 2.0
_AFTER_TRANSFER_S = 0.25
"""AMI tells of an attended transfer before Asterisk has exchanged the channels: a redirect in between is lost, and only
the hold's own look, every ten seconds, would find the caller."""
RETURN_KEY = "D"
"""The way out of the static queue, in [contactd-return]: a DTMF digit that telephones do not have."""
_NO_LEAVE = (
    "the dialplan has no [contactd-leave], or func_dialplan.so is not loaded: the caller stays in the queue."
    " Run contactctl doctor."
)
_NO_ANNOUNCE = (
    "the dialplan has no [contactd-announce], or func_dialplan.so is not loaded: the caller hears music only."
    " Run contactctl doctor."
)
_Sent = (
    RingAgent
    | CallCustomer
    | WithdrawOffer
    | ReturnToHold
    | MoveToHold
    | MoveToQueue
    | DivertCaller
    | Announce
    | TakeOver
)
_NO_RING_ALL = (
    "the dialplan has no [contactd-ring-all], or func_dialplan.so is not loaded: the caller stays in the queue."
    " Run contactctl doctor."
)
_NO_TAKING = "the dialplan has no [contactd-taken]: the agent keeps the caller. Run contactctl doctor."
_SOON_S = 1.0
_TOLD_S = 0.05
_REMEMBERED = 1000
"""Callers who hung up: as many as may do so while one AGI connection is read."""
_LOADING_S = 10.0
_LOCAL_TIME = "%Y-%m-%d %H:%M:%S"


class Steering:
    """globals_: what the dialplan must know of us (CONTACTD_AGI and so on); set at every connect.

    accepting: False sends new callers to the static queue, and leaves them there.
    """

    def __init__(
        self,
        settings: AmiSettings,
        circle: Circle,
        recogniser: Recogniser,
        *,
        globals_: dict[str, str],
        accepting: Callable[[], bool],
        words: Announcements,
        holds: Furnishing,
        texts: Texts,
        remotes: Mapping[str, str],
        compare_s: float = 30,
    ) -> None:
        self.pbx = PbxId(settings.name)
        self._circle = circle
        self._recogniser = recogniser
        self._globals = dict(globals_)
        self._accepting = accepting
        self.words = words
        """The sounds around the numbers that waiting callers hear."""
        self.holds = holds
        self._texts = texts
        self.remotes = remotes
        """The seats of agents outside, to their numbers."""
        self._compare_s = compare_s
        self._touched: set[ContactId] | None = None
        self._compare_wanted = asyncio.Event()
        self._booted_at: Instant = 0.0
        self._boot = ""
        """In Asterisk's words, which are the same however often one boot is read."""
        self._lost_at: Instant = 0.0
        self._static_served = False
        """Until a comparison has told the floor."""
        self._hung_up: dict[ContactId, int] = {}
        self._beat_back_at: float | None = None
        self._lag = EventLag()
        self._needs = NeedsReader(circle.floor)
        self._lag_seconds = AMI_EVENT_LAG_SECONDS.labels(self.pbx)
        self._heartbeat_seconds = AMI_HEARTBEAT_SECONDS.labels(self.pbx)
        self.acting = True
        """False: fenced. Nothing is sent to the PBX any more, the heartbeat least of all."""
        self.link = AmiLink(settings, self._on_event, on_up=self._on_up, on_down=self._on_down, events=EVENTS)
        self.dialler = Dialler(self.link, lambda: self.holds, lambda: self.remotes, self._failed, lambda: self.acting)

    async def run(self) -> None:
        """Until cancelled."""
        await self.link.run()

    def reading(self) -> PbxReading:
        stats = self.link.stats
        return PbxReading(
            connected=self.link.connected,
            messages=stats.messages,
            reconnects=stats.reconnects,
            timeouts=stats.timeouts,
            refused=stats.refused,
            failures=stats.failures,
            dropped=stats.dropped,
            beat_age_s=None if self._beat_back_at is None else time.monotonic() - self._beat_back_at,
            clock_offset_s=self._lag.smallest_s,
        )

    # --- in ---------------------------------------------------------------------------------------------------------

    def _on_event(self, message: Message) -> None:
        now = self._circle.clock.now()
        at = stamped(message)
        if at is not None:
            self._lag_seconds.observe(self._lag.of(at, now))
        input_ = translate(self.pbx, message, now)
        if self._touched is not None and (contact := contact_of(self.pbx, message, now)):
            self._touched.add(contact)
        if input_ is None or (isinstance(input_, inp.CallFellBack) and not self._accepting()):
            return
        if isinstance(input_, inp.CallerHungUp):
            self._hung_up[input_.contact] = input_.cause
            if len(self._hung_up) > _REMEMBERED:
                del self._hung_up[next(iter(self._hung_up))]
        if isinstance(input_, inp.CallHeld) and input_.needs is not None:
            input_ = self._with_needs(input_, message.get("Needs", ""))
        if isinstance(input_, inp.CallHeld | inp.CallFellBack):
            self._meet(input_, caller_in(input_.contact, message), at)
        else:
            self._circle.put(input_, self._circle.clock.happened(at))

    def _meet(self, input_: inp.CallHeld | inp.CallFellBack, caller: Private, at: Instant | None) -> None:
        """Who arrived while nobody listened is looked up now, and so is for whom no answer came."""
        contact = self._circle.floor.contacts.get(input_.contact)
        self._circle.put(input_, self._circle.clock.happened(at), caller if contact is None else None)
        if (contact is None or contact.known is None) and not is_test_call(input_.call):
            self._recogniser.ask(input_.contact, caller.ani)

    def hung_up(self, contact: ContactId) -> int | None:
        """The cause, if the PBX has said lately that this caller is gone; perhaps before we knew of the contact."""
        return self._hung_up.get(contact)

    def _with_needs(self, held: inp.CallHeld, said: str) -> inp.CallHeld:
        """Only for a contact of which the floor knows no needs: it hears the menu's word first."""
        known = self._circle.floor.contacts.get(held.contact)
        unheard = known is None or known.asked_before() is None
        needs = self._needs.read(said, held.contact) if unheard else None
        return msgspec.structs.replace(held, needs=needs)

    async def _on_up(self) -> None:
        """Tell the dialplan who steers, compare, then beat and compare again until the link goes down."""
        # A writer that was taken over while it was frozen must not announce its old epoch.
        await self._circle.still_ours()
        boot, booted_at = await self._boot_time()
        if boot and boot != self._boot:
            # Asterisk tells whole seconds; what came in the last one before a quick restart is lost as well.
            self._booted_at = max(booted_at, self._lost_at)
            self._boot = boot
        self._static_served = await self._was_long_away() or self._static_served
        await self._tell_dialplan()
        await self._beat()
        await self._compare("connected")
        beat_at = time.monotonic() + BEAT_S
        compare_at = time.monotonic() + self._compare_s
        while self.acting:
            until = min(beat_at, compare_at)
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await self._compare_wanted.wait()
                self._compare_wanted.clear()
                # A moment for what is on its way to arrive, and a bound on how often this can be asked for.
                compare_at = min(compare_at, time.monotonic() + _SOON_S)
            except TimeoutError:
                pass
            if time.monotonic() >= beat_at:
                await self._beat()
                beat_at = time.monotonic() + BEAT_S
            # Not steered though connected: the circle stood still, and has asked for nothing else.
            if time.monotonic() >= compare_at or self.pbx not in self._circle.floor.steered:
                await self._compare("periodic")
                compare_at = time.monotonic() + self._compare_s

    def _on_down(self, why: str) -> None:
        self._lost_at = self._circle.clock.now()
        self._circle.put(inp.PbxAbsent(pbx=self.pbx, why=why))

    async def _tell_dialplan(self) -> None:
        """Who steers, and how it is reached."""
        for name, value in {**self._globals, "CONTACTD_EPOCH": str(self._circle.floor.epoch)}.items():
            await self._set_global(name, value)

    async def _beat(self) -> None:
        """In the PBX's own clock: two hosts never agree."""
        epoch = await self.link.send({"Action": "Getvar", "Variable": "CONTACTD_EPOCH"})
        if not epoch.get("Value"):
            log.warning(
                "pbx_globals_lost",
                pbx=self.pbx,
                remedy="The dialplan was loaded with clearglobalvars=yes; they are set again. Set it to no in"
                " extensions.conf: for up to two seconds new callers meet no menu.",
            )
            await self._tell_dialplan()
        began = time.monotonic()
        answer = await self.link.send({"Action": "Getvar", "Variable": "EPOCH"})
        await self._set_global("CONTACTD_BEAT", answer.get("Value", "0"))
        self._beat_back_at = time.monotonic()
        self._heartbeat_seconds.observe(self._beat_back_at - began)

    async def _was_long_away(self) -> bool:
        """Whether callers may have been in the static queue since the last heartbeat, ours or another writer's. All in
        the PBX's own clock; what it does not know any more counts as yes."""
        values = []
        for name in ("EPOCH", "CONTACTD_BEAT", "CONTACTD_LATE", "CONTACTD_PATIENCE"):
            value = (await self.link.send({"Action": "Getvar", "Variable": name})).get("Value", "")
            if not value.isdigit():
                return True
            values.append(int(value))
        now, beat, late_s, patience_s = values
        return now - beat >= late_s + patience_s

    async def _boot_time(self) -> tuple[str, Instant]:
        """When this Asterisk started, in its words and in our clock; 0: it does not tell.

        While it loads its modules it cannot tell the time yet. Were that not waited for, a restart could go unnoticed,
        and whoever was lost with it would count as served.
        """
        until = time.monotonic() + _LOADING_S
        while True:
            boot, booted_at = await self._ask_boot_time()
            if booted_at or time.monotonic() > until:
                return boot, booted_at
            await asyncio.sleep(BOOT_POLL_S)

    async def _ask_boot_time(self) -> tuple[str, Instant]:
        """It tells local times, so it is asked for its own now as well. 0: the function is not there, or not yet."""
        status = await self.link.send({"Action": "CoreStatus"})
        local = await self.link.send({"Action": "Getvar", "Variable": f"STRFTIME(,,{_LOCAL_TIME})"})
        started = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        try:
            up = datetime.strptime(local.get("Value", ""), _LOCAL_TIME) - datetime.strptime(started, _LOCAL_TIME)
        except ValueError:
            return started, 0.0
        return started, self._circle.clock.now() - up.total_seconds() - 1

    async def _set_global(self, name: str, value: str) -> None:
        await self.link.send({"Action": "Setvar", "Variable": name, "Value": value})

    async def _compare(self, why: str) -> None:
        """Ask for everything, and hand it to the floor as one input."""
        asked_at = self._circle.clock.now()
        self._touched = set()
        try:
            statuses = await self.link.collect({"Action": "Status", "Variables": ",".join(VARIABLES)}, "StatusComplete")
            moved = frozenset(self._touched)
            # Events follow what they tell of by some milliseconds: a transfer that the list shows is told of after it.
            await asyncio.sleep(_TOLD_S)
            states = await self.link.collect({"Action": "DeviceStateList"}, "DeviceStateListComplete")
            edition = (await self.link.send({"Action": "Getvar", "Variable": "CONTACTD_DIALPLAN"})).get("Value", "")
        finally:
            touched, self._touched = self._touched, None
        now = self._circle.clock.now()
        calls = calls_seen(self.pbx, statuses, now)
        known = self._circle.floor.contacts
        calls = tuple(self._needs.of_call(one) if one.needs is not None else one for one in calls)
        if not self._accepting():
            # Who went to the static queue for want of a disk stays there; it is fetched back once there is one.
            calls = tuple(one for one in calls if one.place is not inp.Place.FALLBACK or one.contact in known)
        self._circle.put(
            inp.PbxCompared(
                pbx=self.pbx,
                asked_at=asked_at,
                booted_at=self._booted_at,
                calls=calls,
                unsure=moved,
                late=frozenset(touched) - moved,
                handsets=handsets_seen(states) | self._seen_outside(number(edition)),
                edition=number(edition),
                static_served=self._static_served,
                listening=listening_seen(self.pbx, statuses, now),
            )
        )
        self._static_served = False
        self._refurnish(statuses, calls)
        callers = callers_in(self.pbx, statuses, now)
        for call in calls:
            if call.place is inp.Place.DIVERTED:
                # What the channel shows outside is the site's own number.
                continue
            contact = self._circle.floor.contacts.get(call.contact)
            if (contact is None or contact.known is None) and not is_test_call(call.call):
                self._recogniser.ask(call.contact, callers[call.contact].ani, callers[call.contact])
        log.debug("pbx_compared", pbx=self.pbx, why=why, calls=len(calls), unsure=len(touched))

    def _seen_outside(self, edition: int) -> dict[str, Handset]:
        """A number outside has no state: it is free while no call of ours is there. An old dialplan cannot call it."""
        return dict.fromkeys(self.remotes, Handset.FREE if edition >= ring_all.EDITION else Handset.UNAVAILABLE)

    def _refurnish(self, statuses: Sequence[Message], calls: Sequence[inp.CallSeen]) -> None:
        """Of whoever stands in the hold it is as the floor and the configuration have it: somebody may have died before
        saying so, or have read the files again."""
        found = {status.get("Uniqueid", ""): variables(status).get(furnishing.VARIABLE, "") for status in statuses}
        for call in calls:
            contact = self._circle.floor.contacts.get(call.contact)
            if contact is None or call.place is not inp.Place.HOLD:
                continue
            text = contact.text is not None
            if found.get(call.call, "") != self.holds.hold_of(contact.queue, text=text):
                self.furnish(call.channel, contact.queue, text=text)

    def furnish(self, channel: str, queue: QueueId | None, *, text: bool = False) -> None:
        """Say on the caller's channel what the queue's hold is like. When it fails, the next comparison does it."""
        if self.acting:
            value = self.holds.hold_of(queue, text=text)
            action = {"Action": "Setvar", "Channel": channel, "Variable": furnishing.VARIABLE, "Value": value}
            self.link.post(action, lambda _: None)

    def tell(self, name: str, value: str) -> None:
        """Change what the dialplan knows of us: now if the PBX is there, and at every connect."""
        self._globals[name] = value
        if self.acting:
            # When it fails, the link goes down, and the next connect tells everything.
            self.link.post({"Action": "Setvar", "Variable": name, "Value": value}, lambda _: None)

    # --- out --------------------------------------------------------------------------------------------------------

    def act(self, command: Command) -> None:  # noqa: PLR0912 - one line a command
        """Carry out a command; what becomes of it comes back as an input."""
        if not self.acting:
            return
        match command:
            case CallCustomer() | EndAttempt():
                self.dialler.act(command)
            case RingAgent() if command.attempt:
                self.dialler.act(command)
            case RingAgent() if ringing.by_variable(command):
                self._ring_all(command)
            case RingAgent():
                if command.record:
                    recording.wanted(self.link, command)
                self._redirect(command, command.channel, "contactd-offer", ringing.exten_of(command))
            case DivertCaller():
                self._divert(command)
            case Announce():
                self._announce(command)
            case ReturnToHold():
                # As if the caller had pressed it. Queue() looks for it while the caller waits; a talk only hears it.
                fields = {"Action": "PlayDTMF", "Channel": command.channel, "Digit": RETURN_KEY, "Receive": "1"}
                self._post(command, fields)
            case WithdrawOffer():
                self._redirect(command, command.channel, "contactd-return", "s")
            case MoveToHold():
                asyncio.get_running_loop().call_later(_AFTER_TRANSFER_S, self._move_to_hold, command)
            case MoveToQueue():
                transfers.move(self.link, command, partial(self._failed, command))
            case PauseRecording():
                recording.pause(self.link, command, self._circle.put)
            case TurnListening() | StopListening() | TakeOver():
                self._supervise(command)
            case ComparePbx():
                log.debug("compare_wanted", pbx=self.pbx, why=command.why)
                self._compare_wanted.set()

    def _announce(self, command: Announce) -> None:
        """A Redirect to what is not there hangs the caller up: it is looked for first. Meanwhile an agent may have
        become free, and the offer is not to be cut off by what it was to cut off."""
        if self._texts.announce(command.contact, command.said):
            # To who reads it is written, where they stand.
            told = inp.AnnouncementTold(contact=command.contact, announcement=command.announcement, status="SUCCESS")
            self._circle.put(told)
            return
        exten = announcing.exten_of(command.announcement)
        channel, program = command.channel, announcing.program(command.said, self.words)

        def looked(result: Message | ContactdError) -> None:
            contact = self._circle.floor.contacts.get(command.contact)
            wanted = contact is not None and contact.hears is not None and contact.state is ContactState.WAITING
            if not wanted or contact is None or contact.hears is None or contact.hears.saying != command.announcement:
                return
            if isinstance(result, ContactdError):
                self._failed(command, str(result))
            elif result.get("Value") != "1":
                self._failed(command, _NO_ANNOUNCE)
            elif self.acting:
                said = {"Action": "Setvar", "Channel": channel, "Variable": announcing.VARIABLE, "Value": program}
                self._post(command, said)
                self._redirect(command, channel, announcing.CONTEXT, exten)

        exists = f"DIALPLAN_EXISTS({announcing.CONTEXT},{exten},1)"
        self.link.post({"Action": "Getvar", "Variable": exists}, looked)

    def _divert(self, command: DivertCaller) -> None:
        exten = diversions.exten_of(command)
        if len(exten) > diversions.LONGEST_EXTEN or "," in exten:
            self._failed(command, f"the destination does not fit into an extension of the dialplan: {exten}")
            return
        self._redirect_if_there(command, diversions.CONTEXT, exten, _NO_LEAVE)

    def _ring_all(self, command: RingAgent) -> None:
        """Whom to ring does not fit into an extension, so the channel carries it; the dialplan sees whether it is for
        this very offer."""
        try:
            value = ringing.variable(command, self.remotes)
        except ContactdError as gone:
            self._failed(command, str(gone))
            return
        fields = {"Action": "Setvar", "Channel": command.channel, "Variable": "CONTACTD_RING", "Value": value}
        self.link.post(fields, lambda _: None)
        if command.record:
            recording.wanted(self.link, command)
        self._redirect_if_there(command, ringing.CONTEXT, ringing.exten_of(command), _NO_RING_ALL)

    def _supervise(self, command: TurnListening | StopListening | TakeOver) -> None:
        """What becomes of it the dialplan tells. Refused, the agent keeps the caller, and the supervisor listens."""
        if not isinstance(command, TakeOver):
            self.link.post(listening.action(command), lambda _: None)
            return
        fields = {"Action": "Setvar", "Channel": command.channel, "Variable": listening.TAKER, "Value": command.taker}
        self.link.post(fields, lambda _: None)
        self._redirect_if_there(command, listening.TAKEN_CONTEXT, listening.exten_of(command), _NO_TAKING)

    def _redirect_if_there(
        self, command: RingAgent | DivertCaller | TakeOver, context: str, exten: str, without: str
    ) -> None:
        """A Redirect to what is not there succeeds, and hangs the caller up: so it is looked for first."""

        def looked(result: Message | ContactdError) -> None:
            if isinstance(result, ContactdError):
                self._failed(command, str(result))
            elif result.get("Value") != "1":
                self._failed(command, without)
            elif self.acting:
                self._redirect(command, command.channel, context, exten)

        self.link.post({"Action": "Getvar", "Variable": f"DIALPLAN_EXISTS({context},{exten},1)"}, looked)

    def _move_to_hold(self, command: MoveToHold) -> None:
        if self.acting:
            self._redirect(command, command.channel, "contactd-return", "s")

    def _redirect(self, command: _Sent, channel: str, context: str, exten: str) -> None:
        self._post(
            command, {"Action": "Redirect", "Channel": channel, "Context": context, "Exten": exten, "Priority": "1"}
        )

    def _post(self, command: _Sent, action: dict[str, str]) -> None:
        def settled(result: Message | ContactdError) -> None:
            if isinstance(result, ContactdError):
                self._failed(command, str(result))

        self.link.post(action, settled)

    def _failed(self, command: _Sent, why: str) -> None:
        log.info("command_failed", command=type(command).__name__, pbx=self.pbx, contact=command.contact, error=why)
        match command:
            case RingAgent():
                self._circle.put(inp.CommandFailed(contact=command.contact, offer=command.offer, why=why))
            case Announce():
                self._circle.put(
                    inp.AnnouncementTold(
                        contact=command.contact, announcement=command.announcement, status=inp.NOT_SENT, why=why
                    )
                )
            case CallCustomer():
                self._circle.put(
                    inp.CallbackOver(contact=command.contact, call=command.call, status=inp.NOT_SENT, why=why)
                )
            case DivertCaller():
                self._circle.put(
                    inp.DestinationFailed(
                        contact=command.contact, diversion=command.diversion, status=inp.NOT_SENT, why=why
                    )
                )
            case _:
                pass

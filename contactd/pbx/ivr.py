"""What a caller meets first: the line's entry, and a menu of one digit. Speaks FastAGI, decides nothing of routing.

The dialplan remembers the outcome in CONTACTD_QUEUE, so a caller who chose keeps the choice if contactd dies.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1
from hmac import compare_digest

import structlog

from contactd.config import Settings
from contactd.config.flows import flows_of
from contactd.config.speech import place_of
from contactd.core import inputs as inp
from contactd.core.contact import Needs
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, PbxId, QueueId, contact_id, is_test_call
from contactd.core.ivr.expressions import Value
from contactd.core.ivr.run import Over
from contactd.core.needs import as_text, together
from contactd.core.text import FoundBy
from contactd.engine.circle import Circle
from contactd.engine.inbox import Private
from contactd.pbx import furnishing
from contactd.pbx.agi_session import AgiBroken, AgiRefused, AgiSession, AgiTimedOut, CallerGone, SessionClosed
from contactd.pbx.audiosocket import AudioHandler, AudioSession, AudioSocketServer
from contactd.pbx.caller_id import printable
from contactd.pbx.callers import withheld
from contactd.pbx.flow_place import PlaceKeeper
from contactd.pbx.flows import Entry as FlowEntry
from contactd.pbx.flows import Facts, go_through
from contactd.pbx.needs import NeedsReader
from contactd.pbx.text.desk import TextDesk
from contactd.pbx.text.legs import Legs
from contactd.pbx.text.office import Texts
from contactd.pbx.text.tones import TonesHeard, listening
from contactd.protocols.agi import AgiRequest
from contactd.protocols.sip import unescape
from contactd.services.crm.recogniser import Recogniser

log = structlog.get_logger()

_LONGEST_ECHO_S = 0.1


@dataclass(frozen=True, slots=True)
class Menu:
    """greeting is played once, prompt at each of the tries; a key of choices may be pressed at any time."""

    id: str
    greeting: tuple[str, ...]
    prompt: tuple[str, ...]
    choices: Mapping[str, QueueId]
    default_choice: QueueId
    timeout_s: float
    tries: int
    needs: Mapping[str, Needs] = field(default_factory=dict)
    """By the key."""
    callbacks: frozenset[str] = frozenset()
    """Keys of callers who want to be called back."""
    texts: frozenset[str] = frozenset()
    """Keys of callers on text telephones."""


@dataclass(frozen=True, slots=True)
class AudioLine:
    """Hands the call's audio to handler. For tests of the line: such a call is no contact."""

    handler: AudioHandler


Entry = Menu | FlowEntry | QueueId | AudioLine


def entries_of(settings: Settings) -> dict[str, Entry]:
    """Every dialled number and what its caller meets."""
    found: dict[str, Entry] = {}
    flows = flows_of(settings)
    for number, line in settings.entries.items():
        match line.kind:
            case "menu":
                menu = settings.menus[line.target]
                found[number] = Menu(
                    id=line.target,
                    greeting=menu.greeting,
                    prompt=menu.prompt,
                    choices=menu.choices,
                    default_choice=menu.default_choice,
                    timeout_s=menu.timeout_s,
                    tries=menu.tries,
                    needs=settings.needs_of(line.target),
                    callbacks=frozenset(key for key, needs in menu.needs.items() if needs.callback),
                    texts=frozenset(key for key, needs in menu.needs.items() if needs.text),
                )
            case "flow":
                found[number] = FlowEntry(flows[line.target], flows, partial(place_of, settings.speech))
            case "queue":
                found[number] = QueueId(line.target)
            case "echo":
                found[number] = AudioLine(echo)
    return found


def audio_numbers(entries: Mapping[str, Entry]) -> str:
    """The numbers that make no contact, as the dialplan looks one up while contactd is away: -5900-p4930123-."""
    numbers = [number for number, entry in entries.items() if isinstance(entry, AudioLine)]
    # "+" has a meaning in the dialplan's regular expressions.
    return "".join(f"-{number.replace('+', 'p')}" for number in sorted(numbers)) + "-"


async def echo(session: AudioSession) -> None:
    """The caller hears what they say: both directions of the headset, and the network between."""
    async for samples in session:
        # Speech comes in as fast as it goes out, so a delay would stay for the rest of the call: it is skipped instead.
        if session.ahead_s < _LONGEST_ECHO_S:
            await session.send(samples)


class TokenCheck:
    """One-time tokens: sha1(key:call:verb:nonce:key), as [contactd-agi] makes them.

    Whoever can reach the port but knows no key cannot invent a call, nor repeat one that was overheard.
    """

    def __init__(self, remember: int = 100_000) -> None:
        self.key = secrets.token_hex(24)
        self._used: dict[str, None] = {}
        self._remember = remember

    def __call__(self, request: AgiRequest) -> bool:
        if len(request.args) < 2:
            return False
        token, nonce = request.args[0], request.args[1]
        right = self.token(request.uniqueid, request.path.strip("/"), nonce)
        if not compare_digest(right.encode(), token.encode("utf-8", "replace")) or token in self._used:
            return False
        self._used[token] = None
        if len(self._used) > self._remember:
            del self._used[next(iter(self._used))]
        return True

    def token(self, call: str, verb: str, nonce: str) -> str:
        text = f"{self.key}:{call}:{verb}:{nonce}:{self.key}"
        return sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


class Reception:
    """The FastAGI route ``menu``. lines: dialled number to entry; others meet default.

    pbx_of: the PBX of a call. known_by: what a number of such presentation is known by. hung_up: the cause, when the
    PBX has said that this caller is gone. audio_host: by which the PBX reaches audio. holds: what the queues' are like.
    """

    def __init__(
        self,
        pbx_of: Callable[[str], PbxId],
        circle: Circle,
        *,
        lines: Mapping[str, Entry],
        default: Entry,
        accepting: Callable[[], bool],
        known_by: Callable[[str, str], tuple[str, ...]],
        hung_up: Callable[[PbxId, ContactId], int | None],
        audio: AudioSocketServer,
        audio_host: str,
        recogniser: Recogniser,
        places: PlaceKeeper,
        texts: Texts,
        legs: Legs,
        holds: furnishing.Furnishing = furnishing.USUAL,
    ) -> None:
        self._texts = texts
        self._legs = legs
        self._recogniser = recogniser
        self._places = places
        self.holds = holds
        self._pbx_of = pbx_of
        self._hung_up = hung_up
        self._audio = audio
        self._audio_host = audio_host
        self._circle = circle
        self.lines = lines
        self.default = default
        self._accepting = accepting
        self._needs = NeedsReader(circle.floor)
        self._known_by = known_by

    async def __call__(self, session: AgiSession) -> None:
        request = session.request
        dnis = request.args[2] if len(request.args) > 2 else ""
        entry = self.lines.get(dnis, self.default)
        now: Instant = self._circle.clock.now()
        pbx = self._pbx_of(request.uniqueid)
        contact = contact_id(pbx, request.uniqueid, now)
        if isinstance(entry, AudioLine):
            await self._hand_over(session, entry, transferred=contact in self._circle.floor.contacts)
            return
        if not self._accepting():
            # The journal cannot take more: what is on the floor is finished, the rest is the static queue's.
            await session.set_variable("CONTACTD_STATIC", "yes")
            return
        ani, presentation = printable(request.env.get("agi_callerid", "")), request.env.get("agi_callingpres", "")
        self._circle.put(
            inp.CallArrived(
                contact=contact,
                pbx=pbx,
                call=request.uniqueid,
                channel=request.channel,
                dnis=dnis,
                callers=self._known_by(ani or "", presentation),
            ),
            private=Private(contact, ani, printable(unescape(request.env.get("agi_calleridname", "")))),
        )
        said = request.args[4] if len(request.args) > 4 else ""
        try:
            # After the arrival, so that a caller who hangs up meanwhile is known to have been here; before the menu and
            # the hold, so that nothing is decided without it.
            shown = None if withheld(presentation) or is_test_call(request.uniqueid) else ani
            known = await self._recogniser.recognise(contact, shown)
            language = self._recogniser.prompts_in(known.language) if known is not None else None
            if language is not None:
                await session.set_variable("CHANNEL(language)", language)
            found_by = self._texts.found_by(dnis, known)
            desk = await self._text_desk(session, contact, pbx, found_by) if found_by is not None else None
            call: dict[str, Value] = {
                "dialled": dnis,
                "language": known.language if known is not None else None,
                "caller.withheld": withheld(presentation),
                "party.known": known is not None and known.party is not None,
                "party.vip": known is not None and known.vip,
                "party.language": known.language if known is not None else None,
            }
            facts = Facts(self._circle.floor, pbx, self._circle.clock.now, call)
            desk, went = await self._met(session, entry, contact, facts, desk)
            if went is None:
                return
            queue, chosen, by_key = went
            if by_key and desk is None:
                desk = await self._text_desk(session, contact, pbx, FoundBy.KEY)
            if desk is not None:
                await desk.close()
                chosen = together(chosen, self._texts.needs())
            await self._ask(session, contact, said, chosen)
            if self.holds.any or desk is not None:
                await session.set_variable(furnishing.VARIABLE, self.holds.hold_of(queue, text=desk is not None))
            await session.set_variable("CONTACTD_QUEUE", queue)
        except SessionClosed:
            # Not an abandon: a PBX that dies closes all of them at once. AMI's Hangup or the comparison tells.
            log.info("menu_closed", contact=contact)
        except CallerGone:
            # Or the dialplan's clock took the caller out of the menu, which looks the same from here: AMI's Hangup
            # tells. It may have come already, through another socket and before CallArrived; then it is told again.
            cause = self._hung_up(pbx, contact)
            if cause is not None:
                self._circle.put(inp.CallerHungUp(contact=contact, cause=cause))
        except (AgiRefused, AgiTimedOut, AgiBroken) as error:
            # The dialplan goes on into the hold, with the default queue; or asks again, with the place in a flow.
            log.warning("menu_broke_off", contact=contact, error=str(error))

    def _chose(self, answer: inp.MenuAnswered, menu: Menu) -> None:
        if answer.choice in menu.callbacks:
            self._circle.put(inp.CallbackWanted(contact=answer.contact))
        self._circle.put(answer)

    async def _met(
        self,
        session: AgiSession,
        entry: Menu | FlowEntry | QueueId,
        contact: ContactId,
        facts: Facts,
        desk: TextDesk | None,
    ) -> tuple[TextDesk | None, tuple[QueueId, Needs | None, bool] | None]:
        """As _through, and from the beginning again when tones of a text telephone are heard meanwhile."""
        if desk is None and self._texts.settings.tty.by_tones and isinstance(entry, Menu | FlowEntry):
            try:
                async with listening(session):
                    return None, await self._through(session, entry, contact, facts, None)
            except TonesHeard:
                pbx = self._pbx_of(session.request.uniqueid)
                desk = await self._text_desk(session, contact, pbx, FoundBy.TONES)
        return desk, await self._through(session, entry, contact, facts, desk)

    async def _through(
        self,
        session: AgiSession,
        entry: Menu | FlowEntry | QueueId,
        contact: ContactId,
        facts: Facts,
        desk: TextDesk | None,
    ) -> tuple[QueueId, Needs | None, bool] | None:
        """What the caller meets, to the queue, what they need there, and whether they chose text; None: it is over."""
        if isinstance(entry, Menu):
            labels = {queue: section.label for queue, section in self._texts.settings.queues.items()}
            choice, queue = await (desk.menu(entry, labels) if desk is not None else self._menu(session, entry))
            self._chose(inp.MenuAnswered(contact=contact, menu=entry.id, choice=choice, queue=queue), entry)
            return queue, entry.needs.get(choice), choice in entry.texts
        if not isinstance(entry, FlowEntry):
            return entry, None, False
        carry_out = desk.carry_out if desk is not None else None
        left = session.request.args[5] if len(session.request.args) > 5 else ""
        end = await go_through(session, entry, contact, facts, self._circle.put, self._places, left, carry_out)
        if isinstance(end, Over):
            if desk is not None:
                await desk.close()
            await session.command("HANGUP")
            return None
        if end.callback:
            self._circle.put(inp.CallbackWanted(contact=contact))
        self._circle.put(inp.MenuAnswered(contact=contact, menu=entry.flow.id, choice="", queue=end.queue))
        return end.queue, end.needs, end.text

    async def _text_desk(
        self, session: AgiSession, contact: ContactId, pbx: PbxId, found_by: FoundBy
    ) -> TextDesk | None:
        """None where the text leg did not come about: the call goes on by voice."""
        talk = await self._legs.open(session, contact, pbx, found_by)
        if talk is None:
            return None
        desk = TextDesk(session, talk, self._texts)
        desk.greet()
        return desk

    async def _ask(self, session: AgiSession, contact: ContactId, said: str, chosen: Needs | None) -> None:
        """Tell the floor what the caller needs, and the channel, which outlives us.

        said: the dialplan's word. chosen: the menu's. What the customer's record says, the floor adds by itself.
        """
        needs = together(self._needs.read(said, contact), chosen)
        known = self._circle.floor.contacts.get(contact)
        if needs != ((known.asked_before() if known is not None else None) or Needs()):
            self._circle.put(inp.NeedsAsked(contact=contact, needs=needs))
        if as_text(needs) != said:
            await session.set_variable("CONTACTD_NEEDS", as_text(needs))

    async def _hand_over(self, session: AgiSession, line: AudioLine, *, transferred: bool) -> None:
        """The dialplan goes on into [contactd-audio], which ends the call when no audio comes about.

        transferred: it is a contact already, whom an agent sent here; it stays one to its end.
        """
        if not transferred:
            # First of all: what has no CONTACTD_CALL is nobody's contact, in events and in comparisons.
            await session.set_variable("CONTACTD_CALL", "")
        try:
            token = self._audio.issue(line.handler)
        except ContactdError as error:
            log.warning("audio_line_refused", error=str(error))
            await session.command("HANGUP")
            return
        await session.set_variable("CONTACTD_AUDIO_AT", f"{self._audio_host}:{self._audio.port}")
        await session.set_variable("CONTACTD_AUDIO", str(token))
        await session.answer()

    async def _menu(self, session: AgiSession, menu: Menu) -> tuple[str, QueueId]:
        """The key that was pressed, or '' after all tries, and the queue that it means."""
        keys = "".join(menu.choices)
        await session.answer()
        key = await _play(session, menu.greeting, keys)
        for _ in range(menu.tries):
            if not key:
                key = await _play(session, menu.prompt, keys)
            if not key:
                key = await session.wait_for_digit(int(menu.timeout_s * 1000))
            if key in menu.choices:
                return key, menu.choices[key]
            key = ""
        return "", menu.default_choice


async def _play(session: AgiSession, sounds: tuple[str, ...], keys: str) -> str:
    for sound in sounds:
        key = await session.stream_file(sound, keys)
        if key:
            return key
    return ""

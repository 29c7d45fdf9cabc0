"""The medium voice, whole: every PBX's link, what its dialplan asks us, and where its audio goes."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from contactd.config import Settings
from contactd.core.callback import OF_CALLBACKS
from contactd.core.commands import Command
from contactd.core.errors import ContactdError
from contactd.core.events import CallbackReached, CallbackWithdrawn, ContactEnded, ContactQueued
from contactd.core.ids import ContactId, PbxId, QueueId
from contactd.core.step import Step
from contactd.engine.circle import Circle
from contactd.metrics import PbxReading
from contactd.pbx.agi_probe import VERB, answer_probe, probe
from contactd.pbx.ami import AmiSettings
from contactd.pbx.audiosocket import AudioSocketServer
from contactd.pbx.callbacks import Callbacks
from contactd.pbx.callers import Callers
from contactd.pbx.codes import FeatureCodes
from contactd.pbx.fastagi import FastAgiServer
from contactd.pbx.flow_place import PlaceKeeper, key_in
from contactd.pbx.furnishing import Furnishing
from contactd.pbx.gate import Network
from contactd.pbx.ivr import Reception, TokenCheck, audio_numbers, entries_of
from contactd.pbx.probe import Probe
from contactd.pbx.steering import Steering
from contactd.pbx.supervising import SupervisorCodes
from contactd.pbx.text import loudness
from contactd.pbx.text.legs import Legs
from contactd.pbx.text.office import Texts
from contactd.services.crm.calling import Calling
from contactd.services.crm.recogniser import Recogniser
from contactd.store.audit import Entry

Insist = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Awaitable[None]]

_GRACE_S = 0.5


def networks(allow: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in allow)


class Voice:
    """Made by the daemon, once. accepting: False sends new callers to the static queue."""

    def __init__(
        self,
        settings: Settings,
        circle: Circle,
        recogniser: Recogniser,
        calling: Calling,
        *,
        accepting: Callable[[], bool],
        audit: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        self._calls_back = False
        self._recogniser = recogniser
        self._settings = settings
        self._circle = circle
        self._accepting = accepting
        self._tokens = TokenCheck()
        self._links: dict[PbxId, Steering] = {}
        self.audio = AudioSocketServer(
            settings.audiosocket.listen,
            settings.audiosocket.port,
            allow=networks(settings.audiosocket.allow),
        )
        self._callers = Callers(Path(settings.state_dir), settings.shared_numbers)
        self._holds = Furnishing(settings.queues, settings.announcements)
        self.callbacks = Callbacks(
            self._pbx_of,
            circle,
            self._callers,
            calling,
            words=settings.announcements,
            lines=lambda: frozenset(self._reception.lines),
            emergency=settings.emergency_numbers,
            wall=time.time,
        )
        self.texts = Texts(circle, settings)
        self.texts.turn_up = self._turn_up
        legs = Legs(self.texts, circle, self.audio, settings.audiosocket_host)
        self._reception = Reception(
            self._pbx_of,
            circle,
            lines=entries_of(settings),
            default=settings.default_queue,
            accepting=accepting,
            known_by=self._callers.known_by,
            hung_up=self._hung_up,
            audio=self.audio,
            audio_host=settings.audiosocket_host,
            recogniser=recogniser,
            places=PlaceKeeper(key_in(Path(settings.state_dir))),
            texts=self.texts,
            legs=legs,
            holds=self._holds,
        )
        self._probe = Probe(settings.sounds, self.audio, settings.audiosocket_host)
        self._codes = FeatureCodes(self._pbx_of, circle, settings)
        self._supervisors = SupervisorCodes(self._pbx_of, circle, settings, audit)
        self.agi = FastAgiServer(
            settings.agi.listen,
            settings.agi.port,
            {
                "menu": self._reception,
                "text": legs.attach,
                "probe": self._probe,
                "callback": self.callbacks.ask,
                "dial": self.callbacks.dial,
                "agent/sign-in": self._codes.sign_in,
                "agent/sign-out": self._codes.sign_out,
                "agent/ready": self._codes.ready,
                "agent/not-ready": self._codes.not_ready,
                "agent/wrap-up-extend": self._codes.extend_wrap_up,
                "agent/wrap-up-end": self._codes.end_wrap_up,
                "agent/recording-pause": self._codes.pause_recording,
                "agent/recording-resume": self._codes.resume_recording,
                **self._supervisors.routes(),
                VERB: answer_probe,
            },
            allow=networks(settings.agi.allow),
            check=self._tokens,
        )

    async def open(self, stack: contextlib.AsyncExitStack, insist: Insist) -> None:
        """Listen, then know what each PBX must be told; the links connect when tasks() run."""
        for server in (self.audio, self.agi):
            await insist(server.start)
            stack.push_async_callback(server.close, _GRACE_S)
        globals_ = {
            "CONTACTD_AGI": f"{self._settings.agi_host}:{self.agi.port}",
            "CONTACTD_KEY": self._tokens.key,
            "CONTACTD_TEST_LINES": audio_numbers(self._reception.lines),
        }
        for name, section in self._settings.pbx.items():
            secret = self._settings.pbx_secret(name)
            self._links[name] = Steering(
                AmiSettings(section.host, section.port, section.username, secret, str(name)),
                self._circle,
                self._recogniser,
                globals_=globals_,
                accepting=self._accepting,
                words=self._settings.announcements,
                holds=self._holds,
                texts=self.texts,
                remotes=self._settings.remotes_of(name),
                compare_s=section.compare_s,
            )

    def tasks(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        own = (self._callers.run, self.callbacks.run, self.texts.run)
        return [*(link.run for link in self._links.values()), *own]

    def act(self, command: Command) -> None:
        link = self._links.get(command.pbx)
        if link is not None:
            link.act(command)

    def publish(self, steps: Sequence[Step]) -> None:
        """The hold of whoever came into a queue becomes that queue's, before anything else is commanded."""
        self.texts.publish(steps)
        watched = self._holds.any or self._circle.floor.callbacks or self._calls_back
        self._calls_back = bool(self._circle.floor.callbacks)
        for step in steps if watched else ():
            for event in step.events:
                if isinstance(event, CallbackReached | CallbackWithdrawn) or (
                    isinstance(event, ContactEnded) and event.outcome in OF_CALLBACKS
                ):
                    self._settle(event)
                elif isinstance(event, ContactQueued) and self._holds.any:
                    contact = self._circle.floor.contacts.get(event.contact)
                    link = self._links.get(contact.pbx) if contact is not None else None
                    if link is not None and contact is not None:
                        link.furnish(contact.channel, event.queue, text=contact.text is not None)

    async def _turn_up(self, pbx: PbxId, channel: str, hears: bool, speaks: bool) -> None:
        link = self._links.get(pbx)
        if link is None or not link.acting:
            raise ContactdError("The PBX is not connected; try again when it is.")
        await loudness.turn_up(link.link, channel, hears=hears, speaks=speaks)

    async def promise(self, number: str, queue: QueueId) -> tuple[str, str, ContactId | None]:
        """A callback that somebody asks for on a customer's behalf, at the first PBX whose agents serve the queue."""
        serving = (agent.profile.pbx for agent in self._circle.floor.agents.values() if queue in agent.profile.queues)
        return await self.callbacks.promise(next(serving, next(iter(self._settings.pbx))), number, queue)

    def _settle(self, event: CallbackReached | CallbackWithdrawn | ContactEnded) -> None:
        self.callbacks.calling.forget(event.contact)
        contact = self._circle.floor.contacts.get(event.contact)
        link = self._links.get(contact.pbx) if contact is not None else None
        if link is not None and isinstance(event, CallbackReached):
            link.dialler.settle(event.channel)

    async def probe(self) -> None:
        """One FastAGI session with ourselves. Raises a ContactdError."""
        await probe(self.agi, self._tokens)

    @property
    def acting(self) -> bool:
        return all(link.acting for link in self._links.values())

    def stop_acting(self) -> None:
        """Fenced, or stopping: nothing is sent to any PBX from here on."""
        for link in self._links.values():
            link.acting = False

    def reload(self, settings: Settings) -> None:
        """Take the lines, menus, PINs, reasons and networks of new settings; calls in a menu finish the old one."""
        self._settings = settings
        self.agi.gate.allow = networks(settings.agi.allow)
        self.audio.gate.allow = networks(settings.audiosocket.allow)
        self._holds = self._reception.holds = Furnishing(settings.queues, settings.announcements)
        self.callbacks.words = settings.announcements
        self.callbacks.emergency = settings.emergency_numbers
        self.callbacks.calling.reload(settings)
        self._reception.lines = entries_of(settings)
        self._reception.default = settings.default_queue
        self._callers.shared = settings.shared_numbers
        for name, link in self._links.items():
            link.remotes = settings.remotes_of(name)
            link.words = settings.announcements
            link.holds = self._holds
            link.tell("CONTACTD_TEST_LINES", audio_numbers(self._reception.lines))
        self._probe.sounds = settings.sounds
        self._codes.settings = self._supervisors.settings = self.texts.settings = settings

    def readings(self) -> dict[PbxId, PbxReading]:
        return {name: link.reading() for name, link in self._links.items()}

    def _hung_up(self, pbx: PbxId, contact: ContactId) -> int | None:
        link = self._links.get(pbx)
        return link.hung_up(contact) if link is not None else None

    def _pbx_of(self, call: str) -> PbxId:
        """A Uniqueid begins with its PBX's systemname; with one PBX it need not."""
        name = PbxId(call.rpartition("-")[0])
        return name if name in self._settings.pbx else next(iter(self._settings.pbx))

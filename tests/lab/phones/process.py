"""The SIP phones' own processes: one forked child per phone, each with its own pjsua2.

Started by :mod:`tests.lab.phones` as ``python process.py SOCKET LOGFOLDER``.  This process
imports pjsua2 once and forks a child for each ``NAME`` line on its standard input; the child connects
to the unix socket SOCKET and speaks JSON lines there: commands ``{"id", "op", ...}`` come in, answers
``{"id", "value" | "error"}`` and events ``{"event", ...}`` go out.

Why a process a phone: the wheel is compiled with 4 calls and 8 accounts a process and aborts beyond; a
crash of the stack then costs one phone; and a phone can be frozen (SIGSTOP) without touching its
neighbours.  Forking after the import makes one in some ten milliseconds.

Why this loop: all of pjsua2 runs in the main thread (its callbacks too, except audio frames), so
nothing needs a lock.  It sleeps in ``libHandleEvents``; the thread that reads commands wakes it by a
keep-alive datagram to the phone's own SIP port, so there is no polling.
"""

from __future__ import annotations

import cmath
import ctypes
import heapq
import json
import math
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pjsua2 as pj

RATE = 8000
FFT_SIZE = 2048  # 256 ms at 8 kHz: lines 3.9 Hz apart
SILENCE_DBFS = -50.0  # comfort noise, and the u-law noise of silence, lie below this
LOOPBACK = "127.0.0.1"
CODES = {"decline": 603, "busy": 486, "unavailable": 480}
POLICIES = ("auto", "manual", "ignore", *CODES)
STATES = {
    pj.PJSIP_INV_STATE_CALLING: "calling",
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "confirmed",
    pj.PJSIP_INV_STATE_DISCONNECTED: "disconnected",
}

_WINDOW = [0.5 - 0.5 * math.cos(2 * math.pi * n / FFT_SIZE) for n in range(FFT_SIZE)]


def _fft(values: list[complex]) -> list[complex]:
    """Radix-2 FFT; in Python, so that the lab needs no numpy for the 10 ms this takes."""
    size = len(values)
    if size == 1:
        return values
    even, odd = _fft(values[::2]), _fft(values[1::2])
    turned = [cmath.exp(-2j * math.pi * k / size) * odd[k] for k in range(size // 2)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]


def heard_in(pcm: array[int]) -> dict[str, Any]:
    """What the last FFT_SIZE samples hold: ``{"dbfs", "peaks": [[hz, dbfs], ...]}``, loudest peak first.

    Peaks more than 20 dB below the loudest are left out, and silence has none.
    """
    samples = pcm[-FFT_SIZE:]
    if len(samples) < FFT_SIZE:
        return {"dbfs": -100.0, "peaks": []}
    mean = sum(samples) / FFT_SIZE
    power = sum((s - mean) ** 2 for s in samples) / FFT_SIZE
    dbfs = 10 * math.log10(power / 32768.0**2 * 2 + 1e-10)  # a full-scale sine is 0 dBFS
    if dbfs < SILENCE_DBFS:
        return {"dbfs": round(dbfs, 1), "peaks": []}
    spectrum = _fft([complex((s - mean) * w) for s, w in zip(samples, _WINDOW, strict=True)])
    # 4 / N: a Hann window halves the amplitude, and half of the rest is in the negative frequencies.
    level = [20 * math.log10(abs(v) * 4 / FFT_SIZE / 32768 + 1e-10) for v in spectrum[: FFT_SIZE // 2]]
    top = max(level)
    peaks = []
    for k in range(4, FFT_SIZE // 2 - 1):
        if level[k] > level[k - 1] and level[k] >= level[k + 1] and level[k] > max(top - 20, SILENCE_DBFS):
            a, b, c = level[k - 1 : k + 2]
            shift = 0.5 * (a - c) / (a - 2 * b + c) if a - 2 * b + c else 0.0  # parabola through the peak
            peaks.append([round((k + shift) * RATE / FFT_SIZE, 1), round(level[k], 1)])
    peaks.sort(key=lambda peak: -peak[1])
    return {"dbfs": round(dbfs, 1), "peaks": peaks[:8]}


def sip_headers(message: str) -> dict[str, str]:
    """Headers of a SIP message by lower-case name; a repeated one is joined by commas."""
    headers: dict[str, str] = {}
    head = message.partition("\r\n\r\n")[0]
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return headers


class Ear(pj.AudioMediaPort):  # type: ignore[misc]
    """Collects what one call hears, while asked; frames arrive in pjmedia's clock thread."""

    def __init__(self) -> None:
        super().__init__()
        self.pcm = array("h")
        self.full = True
        form = pj.MediaFormatAudio()
        form.type = pj.PJMEDIA_TYPE_AUDIO
        form.clockRate, form.channelCount, form.bitsPerSample, form.frameTimeUsec = RATE, 1, 16, 20000
        self.createPort("ear", form)

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802, RUF100
        if self.full:
            return
        try:
            if frame.size:
                self.pcm.frombytes(bytes(frame.buf)[: frame.size])
            if len(self.pcm) >= FFT_SIZE + 160:  # the first frame may be cut
                self.full = True
        except Exception:
            traceback.print_exc()


class Tape(pj.AudioMediaPort):  # type: ignore[misc]
    """Writes what one call hears, frame by frame, so that it can be read meanwhile."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = open(path, "wb", buffering=0)  # noqa: SIM115 - as long as the process
        form = pj.MediaFormatAudio()
        form.type = pj.PJMEDIA_TYPE_AUDIO
        form.clockRate, form.channelCount, form.bitsPerSample, form.frameTimeUsec = RATE, 1, 16, 20000
        self.createPort("tape", form)

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802, RUF100
        try:
            self.file.write(bytes(frame.buf)[: frame.size] if frame.size else bytes(RATE // 50 * 2))
        except Exception:
            traceback.print_exc()


class Line(pj.Call):  # type: ignore[misc]
    """One call of this phone."""

    def __init__(self, phone: Phone, key: str, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone, self.key = phone, key
        self.hz = phone.hz
        self.gone = False
        self.playing: tuple[Any, Any] | None = None  # (tone, audio) now connected
        self.player: Any | None = None
        self.tape: Tape | None = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.guard(self._report, prm)

    def _report(self, prm: Any) -> None:
        info = self.getInfo()
        message = ""
        if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
            message = prm.e.body.tsxState.src.rdata.wholeMsg
        state = STATES.get(info.state, "null")
        if state == "disconnected":
            self.gone = True
        self.phone.event(
            "state",
            call=self.key,
            state=state,
            code=info.lastStatusCode,
            reason=info.lastReason,
            remote=info.remoteUri,
            headers=sip_headers(message) if message.startswith("SIP/2.0") else {},
        )

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.guard(self.play)

    def audio(self) -> Any | None:
        """The call's live audio, or None while it has none."""
        info = self.getInfo()  # named: SWIG's nested objects do not keep what they are part of
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in {
                pj.PJSUA_CALL_MEDIA_ACTIVE,
                pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
            }:
                return self.getAudioMedia(index)
        return None

    def play(self) -> None:
        """Send this call's tone (0: silence, but packets; None: nothing) on whatever audio it has now."""
        audio = self.audio()
        if self.playing is not None:
            tone, old = self.playing
            self.playing = None
            if audio is not None and audio.getPortId() == old:
                tone.stopTransmit(audio)
        if audio is None:
            return
        self.phone.clock(True)
        if self.hz is not None:
            tone = self.phone.tone(self.hz)
            tone.startTransmit(audio)
            self.playing = (tone, audio.getPortId())

    def onInstantMessage(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.event("message", call=self.key, text=prm.msgBody, type=prm.contentType)

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.event("digit", call=self.key, digit=prm.digit)

    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.event("transfer", call=self.key, code=prm.statusCode, reason=prm.reason)


class Account(pj.Account):  # type: ignore[misc]
    """The phone's one account."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:  # noqa: N802, RUF100
        # expiration is 0 after an unregistration, but keeps what was asked for after a refusal
        active = prm.code == 200 and prm.expiration > 0
        self.phone.event("registration", code=prm.code, reason=prm.reason, active=active)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802, RUF100
        self.phone.guard(self.phone.incoming, prm.callId, prm.rdata.wholeMsg)


class Phone:
    """One phone: account, calls, policy, and the loop that runs them."""

    def __init__(self, link: socket.socket, name: str, folder: Path) -> None:
        self._link, self._name, self._folder = link, name, folder
        self._commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._sip_address: tuple[str, int] = (LOOPBACK, 0)
        self._wake_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._send_lock = threading.Lock()
        self._clock_on = False
        self._tones: dict[int, Any] = {}
        self._ears: list[Ear] = []  # idle ones; never destroyed, so the clock thread cannot be inside a dead one
        self._tapes: list[Tape] = []  # for the same reason
        self.hz: int | None = 0
        self.account: Account | None = None
        self.policy: str | int = "auto"
        self.answer_after = 0.0
        self.calls: dict[str, Line] = {}
        self.endpoint = pj.Endpoint()

    # -- loop --------------------------------------------------------------------------------------

    def run(self) -> None:
        self._start_stack()
        threading.Thread(target=self._read, daemon=True).start()
        self.event("hello", name=self._name, pid=os.getpid(), sip=":".join(map(str, self._sip_address)))
        while True:
            wait = 1.0 if not self._later else max(0.0, min(1.0, self._later[0][0] - time.monotonic()))
            self.endpoint.libHandleEvents(int(wait * 1000) + 1 if wait else 0)
            while self._later and self._later[0][0] <= time.monotonic():
                self.guard(heapq.heappop(self._later)[2])
            while not self._commands.empty():
                self._command(self._commands.get())
            self._forget_ended()

    def _start_stack(self) -> None:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.userAgent = f"lab-phone {self._name}"
        config.medConfig.clockRate = config.medConfig.sndClockRate = RATE
        config.medConfig.noVad = True  # a phone that is silent still sends packets; rtp_timeout watches for them
        config.medConfig.ecTailLen = 0
        # RTP in the same loop: pjmedia's own worker would wake a hundred times a second, call or no call.
        config.medConfig.hasIoqueue, config.medConfig.threadCnt = False, 0
        config.logConfig.level, config.logConfig.consoleLevel = 4, 0
        config.logConfig.msgLogging = 1
        config.logConfig.filename = str(self._folder / f"{self._name}.log")
        self.endpoint.libCreate()
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = transport.publicAddress = LOOPBACK
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        host, _, port = self.endpoint.transportGetInfo(number).localName.rpartition(":")
        self._sip_address = (host, int(port))
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNoDev()
        for codec in self.endpoint.codecEnum2():
            wanted = {"PCMU/8000/1": 255, "PCMA/8000/1": 254}.get(codec.codecId, 0)
            self.endpoint.codecSetPriority(codec.codecId, wanted)

    def _read(self) -> None:
        """In its own thread: queue what comes and wake the loop; with the link the phone ends."""
        with self._link.makefile("rb") as lines:
            for line in lines:
                self._commands.put(json.loads(line))
                self.wake()
        os._exit(0)

    def wake(self) -> None:
        self._wake_socket.sendto(b"\r\n\r\n", self._sip_address)

    def later(self, delay: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (time.monotonic() + delay, self._count, action))

    def guard(self, action: Callable[..., Any], *args: Any) -> None:
        """Run a callback; an exception must not unwind through the C++ stack, so it becomes an event."""
        try:
            action(*args)
        except pj.Error as error:
            self.event("trouble", error=error.info())
        except Exception:
            self.event("trouble", error=traceback.format_exc())

    def event(self, kind: str, **fields: Any) -> None:
        self._send({"event": kind, "time": time.time(), **fields})

    def _send(self, message: dict[str, Any]) -> None:
        with self._send_lock:
            self._link.sendall(json.dumps(message).encode() + b"\n")

    def _command(self, command: dict[str, Any]) -> None:
        number, op = command.pop("id"), command.pop("op")
        answer = {"id": number}
        try:
            value = getattr(self, f"do_{op}")(**command)
        except pj.Error as error:
            answer["error"] = error.reason or error.info()
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        else:
            if callable(value):  # it answers later, by itself
                value(lambda result: self._send({"id": number, "value": result}))
                return
            answer["value"] = value
        self._send(answer)

    def _forget_ended(self) -> None:
        """Outside of callbacks: a Call must not be destroyed inside its own."""
        for key in [key for key, call in self.calls.items() if call.gone]:
            del self.calls[key]
        if not self.calls:
            self.clock(False)

    # -- media -------------------------------------------------------------------------------------

    def clock(self, on: bool) -> None:
        """Run the 20 ms audio clock only while there is a call: idle phones then cost nothing."""
        if on != self._clock_on:
            self._clock_on = on
            devices = self.endpoint.audDevManager()
            devices.setNullDev() if on else devices.setNoDev()

    def tone(self, hz: int) -> Any:
        """An endless tone, shared by this phone's calls; 0 Hz is a source of silence."""
        if hz not in self._tones:
            generator = pj.ToneGenerator()
            generator.createToneGenerator(RATE, 1)
            if hz:
                desc = pj.ToneDesc()
                desc.freq1, desc.freq2, desc.on_msec, desc.off_msec = hz, 0, 1000, 0
                tones = pj.ToneDescVector()
                tones.append(desc)
                generator.play(tones, True)
            self._tones[hz] = generator
        return self._tones[hz]

    # -- calls -------------------------------------------------------------------------------------

    def incoming(self, call_id: int, message: str) -> None:
        self._count += 1
        call = Line(self, f"in{self._count}", call_id)
        self.calls[call.key] = call
        info = call.getInfo()
        self.event("incoming", call=call.key, remote=info.remoteUri, headers=sip_headers(message))
        policy = self.policy
        if policy == "ignore":
            return  # pjsua has sent its 100 Trying
        if isinstance(policy, str) and policy.startswith("forward:"):
            self._answer(call, 302, {"Contact": f"<{policy.removeprefix('forward:')}>"})
            return
        code = CODES.get(policy, 200) if isinstance(policy, str) else policy
        if code >= 300 and not self.answer_after:
            self._answer(call, code)
            return
        self._answer(call, 180)
        if policy == "manual":
            return
        if self.answer_after:
            self.later(self.answer_after, lambda: None if call.gone else self._answer(call, code))
        else:
            self._answer(call, code)

    def _answer(self, call: Line, code: int, headers: dict[str, str] | None = None) -> None:
        prm = pj.CallOpParam(True)
        prm.statusCode = code
        prm.opt.videoCount = 0
        self._add_headers(prm, headers)
        call.answer(prm)

    @staticmethod
    def _add_headers(prm: Any, headers: dict[str, str] | None) -> None:
        vector = pj.SipHeaderVector()
        for name, value in (headers or {}).items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            vector.append(header)
        prm.txOption.headers = vector

    # -- commands ----------------------------------------------------------------------------------

    def do_account(
        self,
        uri: str,
        registrar: str,
        user: str,
        password: str | None,
        expires: int,
        ca: str | None,
    ) -> None:
        config = pj.AccountConfig()
        config.idUri = uri
        if ca is not None:
            self._secure(config, ca)
        if registrar:
            config.regConfig.registrarUri = registrar
        config.regConfig.registerOnAdd = False
        config.regConfig.timeoutSec = expires
        config.regConfig.retryIntervalSec, config.regConfig.firstRetryIntervalSec = 2, 1
        config.regConfig.dropCallsOnFail = False
        if password is not None:
            config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        config.mediaConfig.transportConfig.boundAddress = LOOPBACK
        config.mediaConfig.transportConfig.publicAddress = LOOPBACK
        config.mediaConfig.transportConfig.port = 0
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
        self.account = Account(self)
        self.account.create(config)

    def _secure(self, config: Any, ca: str) -> None:
        """TLS whose certificate is checked against a CA's file, and no media but SRTP."""
        transport = pj.TransportConfig()
        transport.boundAddress = transport.publicAddress = LOOPBACK
        transport.tlsConfig.CaListFile = ca
        transport.tlsConfig.verifyServer = True
        config.sipConfig.transportId = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        config.mediaConfig.srtpSecureSignaling = 1

    def do_policy(self, policy: str | int, answer_after: float) -> None:
        if isinstance(policy, str) and not policy.startswith("forward:") and policy not in POLICIES:
            raise ValueError(f"no policy {policy!r}; know {', '.join(POLICIES)}, forward:URI and SIP codes")
        self.policy, self.answer_after = policy, answer_after

    def do_tone(self, hz: int | None, call: str | None = None) -> None:
        if call is None:
            self.hz = hz
        for line in self.calls.values() if call is None else [self.calls[call]]:
            line.hz = hz
            line.play()

    def do_register(self, on: bool) -> None:
        assert self.account is not None
        self.account.setRegistration(on)

    def do_dial(self, call: str, target: str, sender: str | None, headers: dict[str, str]) -> float:
        line = Line(self, call)
        prm = pj.CallOpParam(True)
        prm.opt.videoCount = 0
        self._add_headers(prm, headers)
        if sender is not None:
            prm.txOption.localUri = sender
        began = time.time()
        self.calls[call] = line
        try:
            line.makeCall(target, prm)
        except pj.Error:
            del self.calls[call]
            raise
        return began

    def do_answer(self, call: str, code: int, headers: dict[str, str] | None = None) -> None:
        self._answer(self.calls[call], code, headers)

    def do_hangup(self, call: str, code: int) -> None:
        if call not in self.calls:
            return  # it has ended by itself meanwhile
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.calls[call].hangup(prm)

    def do_dtmf(self, call: str, digits: str) -> None:
        prm = pj.CallSendDtmfParam()
        prm.method, prm.digits = pj.PJSUA_DTMF_METHOD_RFC2833, digits
        self.calls[call].sendDtmf(prm)

    def do_message(self, call: str, text: str) -> None:
        prm = pj.SendInstantMessageParam()
        prm.contentType, prm.content = "text/plain", text
        self.calls[call].sendInstantMessage(prm)

    def do_hold(self, call: str, on: bool) -> None:
        prm = pj.CallOpParam(True)
        prm.opt.videoCount = 0
        if on:
            self.calls[call].setHold(prm)
        else:
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.calls[call].reinvite(prm)

    def do_transfer(self, call: str, target: str) -> None:
        self.calls[call].xfer(target, pj.CallOpParam(True))

    def do_attended(self, call: str, other: str) -> None:
        self.calls[call].xferReplaces(self.calls[other], pj.CallOpParam(True))

    def do_listen(self, call: str) -> Callable[[Callable[[Any], None]], None]:
        """Hear about 280 ms of the call, then answer with :func:`heard_in`."""
        line = self.calls.get(call)

        def start(reply: Callable[[Any], None]) -> None:
            audio = line.audio() if line is not None else None
            if line is None or audio is None:
                reply({"dbfs": -100.0, "peaks": []})
                return
            ear = self._ears.pop() if self._ears else Ear()
            ear.pcm = array("h")
            audio.startTransmit(ear)
            ear.full = False
            self._when_full(ear, line, time.monotonic() + 2.0, reply)

        return start

    def _when_full(self, ear: Ear, line: Line, give_up: float, reply: Callable[[Any], None]) -> None:
        if not ear.full and not line.gone and time.monotonic() < give_up:
            self.later(0.02, lambda: self._when_full(ear, line, give_up, reply))
            return
        ear.full = True
        audio = None if line.gone else line.audio()
        if audio is not None:
            audio.stopTransmit(ear)
        self._ears.append(ear)
        reply(heard_in(ear.pcm))

    def do_say(self, call: str, path: str) -> None:
        """A WAV file, once, beside the tone and in place of the file of before."""
        line, player = self.calls[call], pj.AudioMediaPlayer()
        player.createPlayer(path, pj.PJMEDIA_FILE_NO_LOOP)
        audio = line.audio()
        assert audio is not None, "the call has no audio"
        player.startTransmit(audio)
        line.player = player

    def do_record(self, call: str, path: str) -> None:
        """What is heard from now on, to the end of the call: samples, 16-bit little-endian."""
        line, tape = self.calls[call], Tape(path)
        audio = line.audio()
        assert audio is not None, "the call has no audio"
        audio.startTransmit(tape)
        line.tape = tape
        self._tapes.append(tape)

    def do_stats(self, call: str) -> dict[str, Any]:
        line = self.calls.get(call)
        if line is None:
            return {"received": 0, "sent": 0, "lost": 0}
        info = line.getInfo()
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status != pj.PJSUA_CALL_MEDIA_NONE:
                stat = line.getStreamStat(index)
                received, sent = stat.rtcp.rxStat, stat.rtcp.txStat
                return {"received": received.pkt, "sent": sent.pkt, "lost": received.loss}
        return {"received": 0, "sent": 0, "lost": 0}

    def do_quit(self) -> None:
        """Say BYE to every call and unregister; the other side ends the process once it has seen that."""
        for line in self.calls.values():
            self.guard(line.hangup, pj.CallOpParam())  # an error when the far side was quicker
        if self.account is not None and self.account.getInfo().regIsActive:
            self.account.setRegistration(False)


def main() -> None:
    """Fork a phone for each name on standard input; at its end, end the whole group, frozen phones too."""
    path, folder = sys.argv[1], Path(sys.argv[2])
    if os.getpgrp() != os.getpid():
        os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            # Never outlive the parent, even when it is killed while this one is frozen.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            link = socket.socket(socket.AF_UNIX)
            link.connect(path)
            try:
                Phone(link, line.decode().strip(), folder).run()
            except BaseException:
                traceback.print_exc()
            os._exit(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

"""A hundred callers and a floor full of handsets in one process, on one UDP port: SIP without audio.

The phones of :mod:`tests.lab.phones` are whole SIP stacks, one process each; a floor under load wants two hundred.
These speak just enough of RFC 3261 to call, register, ring, answer and hang up, and send a packet of silence every
few seconds, so that the PBX's rtp_timeout has nothing to say. Who ended a call, and when, is remembered of every leg:
a call that neither side hung up is a drop.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.1"
_T1_S = 0.5
_LONGEST_T_S = 4.0
_TRIES = 10
_SILENCE_EVERY_S = 4.0
_ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"


@dataclass(slots=True)
class Message:
    """first: the request line or the status line. headers: lower-case name to values, in order."""

    first: str
    headers: dict[str, list[str]]
    body: str

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name, [""])[0]

    @property
    def code(self) -> int:
        return int(self.first[8:11]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of a request its own, of a response its request's."""
        return self["cseq"].split()[-1] if self.code else self.first.split()[0]


_SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}


def parse(data: bytes) -> Message:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.setdefault(_SHORT.get(name, name), []).append(value.strip())
    return Message(first, headers, body)


def user_in(header: str) -> str:
    """1001 of <sip:1001@127.0.0.1:5060>."""
    found = re.search(r"sips?:([^@;>]*)@", header)
    return found[1] if found else ""


def _uri_in(header: str) -> str:
    found = re.search(r"<([^>]*)>", header)
    return found[1] if found else header


@dataclass(slots=True)
class Leg:
    """One call as one phone sees it. Times are Unix seconds.

    number: the phone's own. peer: for a handset the caller's number. ended_by: "us", "them", or "refused".
    """

    number: str
    call_id: str
    caller: bool
    peer: str = ""
    began: float = 0.0
    answered: float | None = None
    ended: float | None = None
    ended_by: str = ""
    pressed: float | None = None
    _local: str = ""
    _remote: str = ""
    _target: str = ""
    _branch: str = ""
    _sequence: int = 1
    _media: socket.socket | None = None
    _media_to: tuple[str, int] | None = None
    _rtp_sequence: int = 0
    _last_response: bytes = b""
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _invite: Message | None = None

    @property
    def alive(self) -> bool:
        return self.ended is None


class Swarm(asyncio.DatagramProtocol):
    """`async with Swarm(sip_port)`.

    on_ringing, on_answered, on_ended are called for every leg; a handset answers when answer() is called.
    """

    def __init__(self, sip_port: int) -> None:
        self._server = (LOOPBACK, sip_port)
        self.legs: dict[str, Leg] = {}
        self.handsets: dict[str, str] = {}
        self.on_ringing: Callable[[Leg], None] = lambda leg: None
        self.on_answered: Callable[[Leg], None] = lambda leg: None
        self.on_ended: Callable[[Leg], None] = lambda leg: None
        self.crossing: Callable[[], bool] = lambda: False
        """Asked when a ring is called off: was the handset answered in that very moment? It is busy then until the PBX
        has hung up again."""
        self._requests: dict[str, asyncio.TimerHandle] = {}
        self._registering: dict[str, asyncio.Future[Message]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._own = ""
        self._silence: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Swarm:
        loop = asyncio.get_running_loop()
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        own.bind((LOOPBACK, 0))
        own.setblocking(False)
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=own)
        self._transport = transport
        self._own = "{}:{}".format(*own.getsockname())
        self._silence = asyncio.create_task(self._keep_talking())
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._silence and self._transport
        self._silence.cancel()
        for leg in self.legs.values():
            self._forget(leg)
        for timer in self._requests.values():
            timer.cancel()
        self._transport.close()

    # --- what phones do ---------------------------------------------------------------------------------------------

    async def register(self, number: str, password: str) -> None:
        self.handsets[number] = password
        authorization = ""
        call_id = secrets.token_hex(8)
        for sequence in (1, 2):
            uri = f"sip:{LOOPBACK}:{self._server[1]}"
            branch = self._new_branch()
            text = (
                f"REGISTER {uri} SIP/2.0\r\n{self._via(branch)}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{number}@{LOOPBACK}>;tag={secrets.token_hex(4)}\r\nTo: <sip:{number}@{LOOPBACK}>\r\n"
                f"Call-ID: {call_id}\r\nCSeq: {sequence} REGISTER\r\nContact: <sip:{number}@{self._own}>\r\n"
                f"Expires: 3600\r\n{authorization}Content-Length: 0\r\n\r\n"
            )
            answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            self._registering[branch] = answer
            self._send(text.encode(), again=branch)
            message = await asyncio.wait_for(answer, 30)
            if message.code == 200:
                return
            assert message.code == 401 and sequence == 1, message.first
            authorization = self._digest(message["www-authenticate"], "REGISTER", uri, number, password)

    def dial(self, number: str, target: str) -> Leg:
        """A caller from outside."""
        leg = Leg(number, f"{secrets.token_hex(8)}@{self._own}", caller=True, began=time.time())
        self.legs[leg.call_id] = leg
        leg._target = f"sip:{target}@{LOOPBACK}:{self._server[1]}"
        leg._local = f"<sip:{number}@{self._own}>;tag={secrets.token_hex(4)}"
        leg._remote = f"<{leg._target}>"
        leg._branch = self._new_branch()
        body = self._sdp(leg)
        head = self._head(leg, "INVITE", leg._branch) + f"Contact: <sip:{number}@{self._own}>\r\n{_ALLOW}\r\n"
        text = f"{head}Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        self._send(text.encode(), again=leg._branch)
        return leg

    def answer(self, leg: Leg) -> None:
        """A handset takes the call that rings."""
        if leg.ended is None and leg.answered is None and leg._invite:
            body = self._sdp(leg)
            self._respond(leg, leg._invite, "200 OK", body)
            self._insist(leg, "200", leg._last_response)
            leg.answered = time.time()
            self.on_answered(leg)

    def hang_up(self, leg: Leg) -> None:
        if leg.ended is not None:
            return
        if leg.answered is not None:
            leg._sequence += 1
            branch = self._new_branch()
            text = self._head(leg, "BYE", branch) + "Content-Length: 0\r\n\r\n"
            self._send(text.encode(), again=branch)
        elif leg.caller:
            text = self._head(leg, "CANCEL", leg._branch, target_only=True) + "Content-Length: 0\r\n\r\n"
            self._send(text.encode())
        elif leg._invite:
            self._respond(leg, leg._invite, "603 Decline")
        self._end(leg, "us")

    def press(self, leg: Leg, key: str) -> None:
        """RFC 4733: the three end packets of one event."""
        event = bytes(("0123456789*#".index(key), 0x80 | 10)) + (800).to_bytes(2, "big")
        stamp = leg._rtp_sequence * 160 + 160
        for _ in range(3):
            self._rtp(leg, 101, stamp, event)
        leg.pressed = time.time()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: Any) -> None:
        message = parse(data)
        if message.code:
            self._response(message)
        elif message.method == "OPTIONS":
            self._reply(message, "200 OK")
        else:
            self._request(message)

    def error_received(self, exc: Exception) -> None:
        """The PBX is down just now."""

    def _response(self, message: Message) -> None:
        found = re.search(r"branch=([^;,\s]+)", message["via"])
        branch = found[1] if found else ""
        timer = self._requests.pop(branch, None)
        if timer is not None:
            timer.cancel()
        if (future := self._registering.pop(branch, None)) is not None and not future.done():
            future.set_result(message)
        leg = self.legs.get(message["call-id"])
        if leg is None or message.method != "INVITE" or message.code < 200:
            return
        leg._remote = message["to"]
        if message.code >= 300:
            self._send((self._head(leg, "ACK", leg._branch, target_only=True) + "Content-Length: 0\r\n\r\n").encode())
            self._end(leg, "refused")
            return
        leg._target = _uri_in(message["contact"])
        self._take_media(leg, message.body)
        self._send((self._head(leg, "ACK", self._new_branch()) + "Content-Length: 0\r\n\r\n").encode())
        if leg.answered is None and leg.ended is None:
            leg.answered = time.time()
            self._rtp(leg, 0, 0, b"\xff" * 160)
            self.on_answered(leg)
        elif leg.answered is None:
            # It crossed our CANCEL.
            leg.answered, leg.ended = leg.ended, None
            self.hang_up(leg)

    def _request(self, message: Message) -> None:
        leg = self.legs.get(message["call-id"])
        match message.method:
            case "INVITE" if leg is None:
                self._ring(message)
            case "INVITE" if leg is not None and leg._last_response and leg.answered is None:
                self._send(leg._last_response)
            case "INVITE" if leg is not None:
                self._respond(leg, message, "200 OK", self._sdp(leg))
            case "ACK" if leg is not None:
                if timer := leg._timers.pop("200", None):
                    timer.cancel()
            case "ACK":
                pass
            case "CANCEL" if leg is not None and leg._invite is not None:
                self._reply(message, "200 OK")
                if leg.answered is None and leg.ended is None and self.crossing():
                    self._respond(leg, leg._invite, "200 OK", self._sdp(leg))
                    self._insist(leg, "200", leg._last_response)
                elif leg.answered is None and leg.ended is None:
                    self._respond(leg, leg._invite, "487 Request Terminated")
                    self._end(leg, "them")
            case "BYE" if leg is not None:
                self._reply(message, "200 OK")
                self._end(leg, "them")
            case "BYE" | "CANCEL":
                self._reply(message, "481 Call/Transaction Does Not Exist")
            case _:
                self._reply(message, "200 OK")

    def _ring(self, message: Message) -> None:
        number = user_in(message.first)
        if number not in self.handsets:
            self._reply(message, "404 Not Found")
            return
        leg = Leg(number, message["call-id"], caller=False, began=time.time())
        if any(one.alive for one in self.legs.values() if one.number == number):
            leg._invite = message
            self._respond(leg, message, "486 Busy Here")
            return
        leg.peer = user_in(message["from"])
        leg._invite = message
        leg._target = _uri_in(message["contact"])
        leg._remote = message["from"]
        leg._local = f"{message['to']};tag={secrets.token_hex(4)}"
        self._take_media(leg, message.body)
        self.legs[leg.call_id] = leg
        self._respond(leg, message, "180 Ringing")
        self.on_ringing(leg)

    def _end(self, leg: Leg, by: str) -> None:
        if leg.ended is None:
            leg.ended, leg.ended_by = time.time(), by
            self._forget(leg)
            self.on_ended(leg)

    def _forget(self, leg: Leg) -> None:
        for timer in leg._timers.values():
            timer.cancel()
        leg._timers.clear()
        if leg._media is not None:
            leg._media.close()
            leg._media = None

    def pbx_died(self) -> None:
        """Every call is over, and nobody said so."""
        for leg in self.legs.values():
            if leg.alive:
                self._end(leg, "pbx")

    # --- bytes ------------------------------------------------------------------------------------------------------

    def _via(self, branch: str) -> str:
        return f"Via: SIP/2.0/UDP {self._own};branch={branch};rport"

    @staticmethod
    def _new_branch() -> str:
        return "z9hG4bK" + secrets.token_hex(8)

    def _head(self, leg: Leg, method: str, branch: str, *, target_only: bool = False) -> str:
        """target_only: CANCEL and the ACK of a refusal repeat the INVITE's own To and URI."""
        sequence = 1 if method in ("INVITE", "ACK", "CANCEL") else leg._sequence
        target = _uri_in(leg._remote) if target_only else leg._target
        return (
            f"{method} {target} SIP/2.0\r\n{self._via(branch)}\r\nMax-Forwards: 70\r\nFrom: {leg._local}\r\n"
            f"To: {leg._remote}\r\nCall-ID: {leg.call_id}\r\nCSeq: {sequence} {method}\r\n"
        )

    def _reply(self, request: Message, status: str, to_tag: str = "", body: str = "", contact: str = "") -> bytes:
        vias = "".join(f"Via: {via}\r\n" for via in request.headers["via"])
        to = request["to"] if "tag=" in request["to"] or not to_tag else f"{request['to']};tag={to_tag}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        data = (
            f"SIP/2.0 {status}\r\n{vias}From: {request['from']}\r\nTo: {to}\r\nCall-ID: {request['call-id']}\r\n"
            f"CSeq: {request['cseq']}\r\n{contact}{_ALLOW}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        self._send(data)
        return data

    def _respond(self, leg: Leg, request: Message, status: str, body: str = "") -> None:
        tag = leg._local.partition(";tag=")[2]
        contact = f"Contact: <sip:{leg.number}@{self._own}>\r\n"
        leg._last_response = self._reply(request, status, tag, body, contact)

    def _send(self, data: bytes, *, again: str = "") -> None:
        """again: the branch of a request that is repeated until something answers."""
        assert self._transport
        self._transport.sendto(data, self._server)
        if again:
            self._repeat(data, again, _T1_S, _TRIES)

    def _repeat(self, data: bytes, branch: str, pause_s: float, tries: int) -> None:
        def once_more() -> None:
            if tries and self._transport and not self._transport.is_closing():
                self._transport.sendto(data, self._server)
                self._repeat(data, branch, min(pause_s * 2, _LONGEST_T_S), tries - 1)
            else:
                self._requests.pop(branch, None)

        self._requests[branch] = asyncio.get_running_loop().call_later(pause_s, once_more)

    def _insist(self, leg: Leg, name: str, data: bytes, pause_s: float = _T1_S) -> None:
        """The 200 of an INVITE, until its ACK."""

        def once_more() -> None:
            self._send(data)
            self._insist(leg, name, data, min(pause_s * 2, _LONGEST_T_S))

        leg._timers[name] = asyncio.get_running_loop().call_later(pause_s, once_more)

    def _sdp(self, leg: Leg) -> str:
        if leg._media is None:
            leg._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            # What comes is never read: the kernel drops it, and this process has nothing to do with it.
            leg._media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            leg._media.bind((LOOPBACK, 0))
            leg._media.setblocking(False)
        port = leg._media.getsockname()[1]
        return (
            f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
        )

    @staticmethod
    def _take_media(leg: Leg, sdp: str) -> None:
        if found := re.search(r"^m=audio (\d+)", sdp, re.M):
            leg._media_to = (LOOPBACK, int(found[1]))

    @staticmethod
    def _rtp(leg: Leg, kind: int, stamp: int, payload: bytes) -> None:
        if leg._media is None or leg._media_to is None:
            return
        leg._rtp_sequence += 1
        header = struct.pack(">BBHII", 0x80, kind, leg._rtp_sequence & 0xFFFF, stamp, hash(leg.call_id) & 0xFFFFFFFF)
        with contextlib.suppress(OSError):
            leg._media.sendto(header + payload, leg._media_to)

    async def _keep_talking(self) -> None:
        while True:
            await asyncio.sleep(_SILENCE_EVERY_S)
            for leg in list(self.legs.values()):
                if leg.alive and leg.answered is not None:
                    self._rtp(leg, 0, leg._rtp_sequence * 160, b"\xff" * 160)

    @staticmethod
    def _digest(challenge: str, method: str, uri: str, user: str, password: str) -> str:
        values = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        mine = md5(f"{user}:{values['realm']}:{password}")
        cnonce = secrets.token_hex(8)
        response = md5(f"{mine}:{values['nonce']}:00000001:{cnonce}:auth:{md5(f'{method}:{uri}')}")
        return (
            f'Authorization: Digest username="{user}", realm="{values["realm"]}", nonce="{values["nonce"]}",'
            f' uri="{uri}", response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001,'
            f' opaque="{values.get("opaque", "")}"\r\n'
        )

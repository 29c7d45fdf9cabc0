"""What a mail server may do to us: a scripted one says what no real one would, a real one speaks TLS and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from contactd.mail.imap import PIECE, Access, Mailbox, MailboxAway, MailboxRefused
from tests.lab.mail.dovecot import PASSWORD, Dovecot, trusting
from tests.mail.boxes import message, user

Script = Callable[["Line"], Awaitable[None]]


class Line:
    """The server's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.tag = ""

    def say(self, *lines: str | bytes) -> None:
        for line in lines:
            self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    async def hear(self, word: str) -> str:
        line = (await self.reader.readline()).decode().rstrip("\r\n")
        assert word in line, f"{line!r} where {word} was due"
        self.tag = line.split()[0] if line else ""
        return line

    def done(self, *untagged: str) -> None:
        self.say(*untagged, f"{self.tag} OK done")

    async def logged_in(self, *, idle: bool = False) -> None:
        """Up to an open folder."""
        can = "* CAPABILITY IMAP4rev1 IDLE" if idle else "* CAPABILITY IMAP4rev1"
        self.say("* OK ready")
        for word in ("CAPABILITY", "LOGIN", "CAPABILITY"):
            await self.hear(word)
            self.done(*([can] if word == "CAPABILITY" else []))
        await self.hear("SELECT")
        self.done("* 3 EXISTS", "* OK [UIDVALIDITY 7] ok", "* OK [UIDNEXT 9] ok")


@contextlib.asynccontextmanager
async def speaking(script: Script) -> AsyncIterator[Access]:
    failed: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Line(reader, writer))
        except ConnectionError:
            pass
        except BaseException as error:
            failed.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield Access("127.0.0.1", port, "anna", "none", None, "secret")
    finally:
        server.close()
    assert not failed, failed


async def folder(access: Access, wait_s: float = 5) -> Mailbox:
    box = await Mailbox.open(access, wait_s=wait_s)
    await box.select("INBOX")
    return box


async def test_a_connection_that_ends_within_a_message_fails_what_waits_for_it() -> None:
    async def script(line: Line) -> None:
        await line.logged_in()
        await line.hear("FETCH")
        line.say("* 1 FETCH (UID 1 BODY[]<0> {1000}", b"only the beginning")

    async with speaking(script) as access:
        box = await folder(access)
        with pytest.raises(MailboxAway, match="closed the connection"):
            await box.beginnings([1])
        with pytest.raises(MailboxAway):
            await box.after(0)


async def test_a_server_that_says_nothing_is_left_after_a_while() -> None:
    async def silent(line: Line) -> None:
        await line.reader.read()

    async def then_silent(line: Line) -> None:
        await line.logged_in()
        await line.reader.read()

    async with speaking(silent) as access:
        with pytest.raises(MailboxAway, match="did not answer within"):
            await Mailbox.open(access, wait_s=0.3)
    async with speaking(then_silent) as access:
        box = await folder(access, wait_s=0.3)
        with pytest.raises(MailboxAway, match="did not answer SEARCH within"):
            await box.after(0)


async def test_a_slow_message_is_waited_for_as_long_as_something_comes() -> None:
    async def script(line: Line) -> None:
        await line.logged_in()
        await line.hear("FETCH")
        line.say("* 1 FETCH (UID 1 BODY[]<0> {20}")
        for _ in range(20):
            await asyncio.sleep(0.05)
            line.writer.write(b"x")
        line.done(")")

    async with speaking(script) as access:
        box = await folder(access, wait_s=0.5)
        assert await box.beginnings([1]) == {1: b"x" * 20}


async def test_a_server_that_is_busy_or_none_is_told_in_its_own_words() -> None:
    async def busy(line: Line) -> None:
        line.say("* BYE Too many connections")
        await line.reader.read()

    async def another(line: Line) -> None:
        line.say("220 smtp.example.org ESMTP")
        await line.reader.read()

    for script, word in ((busy, "Too many connections"), (another, "smtp.example.org")):
        async with speaking(script) as access:
            with pytest.raises(MailboxAway, match=word):
                await Mailbox.open(access, wait_s=5)


async def test_three_thousand_expunges_in_idle_break_nothing() -> None:
    async def script(line: Line) -> None:
        await line.logged_in(idle=True)
        await line.hear("IDLE")
        idle = line.tag
        line.say("+ idling")
        line.writer.write(b"* 1 EXPUNGE\r\n" * 3000)
        await line.hear("DONE")
        line.say(f"{idle} OK done")
        await line.hear("UID SEARCH")
        line.done("* SEARCH 12")

    async with speaking(script) as access:
        box = await folder(access)
        assert await box.news(30)
        assert await box.after(11) == [12]


async def test_a_server_that_does_not_leave_idle_is_left() -> None:
    async def script(line: Line) -> None:
        await line.logged_in(idle=True)
        await line.hear("IDLE")
        line.say("+ idling")
        await line.reader.read()

    async with speaking(script) as access:
        box = await folder(access, wait_s=0.3)
        with pytest.raises(MailboxAway, match="does not leave IDLE"):
            await box.news(0.1)


async def test_a_refused_token_is_answered_and_told() -> None:
    async def script(line: Line) -> None:
        line.say("* OK ready")
        await line.hear("CAPABILITY")
        line.done("* CAPABILITY IMAP4rev1 AUTH=XOAUTH2")
        await line.hear("AUTHENTICATE XOAUTH2")
        tag = line.tag
        # Without SASL-IR the word comes only when it is asked for.
        line.say("+ ")
        await line.hear("dXNlcj1hbm5hAWF1dGg9QmVhcmVyIG9sZAEB")
        line.say("+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert await line.reader.readline() == b"\r\n"
        line.say(f"{tag} NO [AUTHENTICATIONFAILED] token expired")

    async with speaking(script) as access:
        opened = Access(access.host, access.port, "anna", "none", None, None, "old")
        with pytest.raises(MailboxRefused, match="token expired"):
            await Mailbox.open(opened, wait_s=5)


async def test_whoever_speaks_between_starttls_and_tls_is_not_believed(server: Dovecot) -> None:
    async def script(line: Line) -> None:
        line.say("* OK ready")
        await line.hear("CAPABILITY")
        line.done("* CAPABILITY IMAP4rev1 STARTTLS")
        await line.hear("STARTTLS")
        line.say(f"{line.tag} OK go on", "* 1 EXISTS")
        await line.reader.read()

    async with speaking(script) as access:
        told = Access(access.host, access.port, "anna", "starttls", trusting(server), "secret")
        with pytest.raises(MailboxAway, match="between STARTTLS and TLS"):
            await Mailbox.open(told, wait_s=5)


async def test_a_server_without_starttls_or_uidvalidity_is_refused() -> None:
    async def plain(line: Line) -> None:
        line.say("* OK ready")
        await line.hear("CAPABILITY")
        line.done("* CAPABILITY IMAP4rev1")
        await line.reader.read()

    async def numberless(line: Line) -> None:
        line.say("* PREAUTH ready")
        await line.hear("CAPABILITY")
        line.done("* CAPABILITY IMAP4rev1")
        await line.hear("SELECT")
        line.done("* 3 EXISTS")
        await line.reader.read()

    async with speaking(plain) as access:
        told = Access(access.host, access.port, "anna", "starttls", ssl.create_default_context(), "secret")
        with pytest.raises(MailboxRefused, match="offers no STARTTLS"):
            await Mailbox.open(told, wait_s=5)
    async with speaking(numberless) as access:
        box = await Mailbox.open(access, wait_s=5)
        with pytest.raises(MailboxRefused, match="no UIDVALIDITY"):
            await box.select("INBOX")


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_a_real_server_is_spoken_to_over_tls_and_only_if_its_certificate_is_known(
    server: Dovecot, tls: str
) -> None:
    name, port = user(), server.tls_port if tls == "tls" else server.port
    server.deliver(name, message(1))
    box = await Mailbox.open(Access("127.0.0.1", port, name, tls, trusting(server), PASSWORD))
    assert (await box.select("INBOX")).next_uid == 2
    assert await box.beginnings(await box.after(0)) == {1: message(1)}
    box.close()
    with pytest.raises(MailboxRefused, match="No TLS with"):
        await Mailbox.open(Access("127.0.0.1", port, name, tls, ssl.create_default_context(), PASSWORD))


async def test_a_wrong_password_and_a_folder_that_is_not_there_are_told(server: Dovecot) -> None:
    with pytest.raises(MailboxRefused, match="refuses AUTHENTICATE"):
        await Mailbox.open(Access("127.0.0.1", server.port, "anna", "none", None, "wrong"))
    box = await Mailbox.open(Access("127.0.0.1", server.port, "anna", "none", None, PASSWORD))
    with pytest.raises(MailboxRefused, match="refuses SELECT"):
        await box.select("Nowhere")
    # It is as good as before.
    await box.select("INBOX")
    box.close()


async def test_a_message_of_twenty_mib_comes_piece_by_piece(server: Dovecot) -> None:
    name, large = user(), message(1, 20 << 20)
    server.deliver(name, large)
    box = await Mailbox.open(Access("127.0.0.1", server.port, name, "none", None, PASSWORD))
    await box.select("INBOX")
    pieces = [piece async for piece in box.pieces(1)]
    assert b"".join(pieces) == large and {len(piece) for piece in pieces[:-1]} == {PIECE}
    assert [piece async for piece in box.pieces(2)] == []
    box.close()

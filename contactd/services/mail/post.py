"""One attempt to hand one message to a mail server, and what its answer means."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import aiosmtplib

from contactd.config import Smtp
from contactd.engine import fault
from contactd.services.webhooks.hook import Verdict
from contactd.store import mail_out
from contactd.store.mail_out import Kept
from contactd.store.outbox import Pool, Waiting
from contactd.store.trouble import StoreAway
from contactd.store.vault import NotOpened, Vault

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
_FINAL = 500
"""From here on an answer of SMTP is for good."""


@dataclass(slots=True)
class Post:
    """One for each mailbox that answers. What the server says is never kept but for its codes: it may name people."""

    section: Smtp
    password: str | None
    pool: Pool
    vault: Vault
    reached: Callable[[str], None] = field(default_factory=lambda: fault.points(os.environ.get("CONTACTD_FAULT", "")))

    async def send(self, message: Waiting) -> Verdict:
        """At most timeout_s. Never raises but when it is cancelled. Whose server took it is not written to again."""
        try:
            kept = await mail_out.opened(self.pool, self.vault, message.message)
        except StoreAway as away:
            return Verdict(str(away))
        except NotOpened as error:
            return Verdict(str(error), final=True)
        if kept is None:
            return Verdict("The message that it answers was erased.", final=True)
        try:
            async with asyncio.timeout(self.section.timeout_s):
                return await self._hand_over(kept)
        except TimeoutError:
            return Verdict(f"The mail server was not done within {self.section.timeout_s:g} s.")

    async def sent(self, message: Waiting) -> None:
        """It is marked."""
        self.reached("recorded")

    async def close(self) -> None:
        """Nothing is open between two messages."""

    async def _hand_over(self, kept: Kept) -> Verdict:
        section = self.section
        open_to = {n: one for n, one in enumerate(kept.recipients) if n not in kept.done}
        client = aiosmtplib.SMTP(
            hostname=section.host,
            port=section.port,
            use_tls=section.tls == "tls",
            start_tls=section.tls == "starttls",
            tls_context=None if section.tls == "none" else _trusting(section.ca_file),
            username=section.username or None,
            password=self.password,
            timeout=section.timeout_s,
        )
        try:
            await client.connect()
            refused, _ = await client.sendmail(kept.sender, list(open_to.values()), kept.data)
            self.reached("sent")
            answers = dict(refused)
        except aiosmtplib.SMTPRecipientsRefused as error:
            answers = {one.recipient: aiosmtplib.SMTPResponse(one.code, one.message) for one in error.recipients}
        except aiosmtplib.SMTPAuthenticationError as error:
            # Another password is given to us, and all goes on: nothing is dead because of it.
            return Verdict(f"The mail server refuses our user name or password ({_code(error.code, error.message)}).")
        except aiosmtplib.SMTPResponseException as error:
            said = f"The mail server refuses it ({_code(error.code, error.message)})."
            return Verdict(said, final=isinstance(error, _OF_THE_MESSAGE) and error.code >= _FINAL)
        except ssl.SSLError:
            return Verdict("Its certificate is not accepted: see ca_file, and its names and dates.")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return Verdict(f"No SMTP with it ({type(error).__name__}).")
        finally:
            client.close()
        return await self._judge(kept, open_to, answers)

    async def _judge(self, kept: Kept, open_to: dict[int, str], answers: dict[str, aiosmtplib.SMTPResponse]) -> Verdict:
        taken = [n for n, one in open_to.items() if one not in answers]
        if not answers:
            return Verdict()
        if taken:
            try:
                await mail_out.took(self.pool, kept.message, taken)
            except StoreAway as away:
                # Those are written to twice, under one Message-ID, rather than the others never.
                return Verdict(str(away))
        codes = ", ".join(sorted({_code(answer.code, answer.message) for answer in answers.values()}))
        error = f"{len(answers)} of {len(kept.recipients)} recipients refused ({codes})."
        return Verdict(error, final=all(answer.code >= _FINAL for answer in answers.values()))


_OF_THE_MESSAGE = (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError)
"""What is refused in these steps is the message; in the others it is we, or the server is not well."""


def _trusting(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def _code(code: int, said: str) -> str:
    """
    >>> _code(550, "5.1.1 <anna@example.org>: unknown"), _code(450, "later")
    ('550 5.1.1', '450')
    """
    enhanced = _ENHANCED.match(said)
    return f"{code} {enhanced[1]}" if enhanced else str(code)

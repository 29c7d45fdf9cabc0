"""An existing CRM, asked over HTTP who a number is: bounded, remembered, and let be while it fails.

What comes back was written by another system: nothing of it is believed beyond the types that the configuration says,
and neither it nor the number is ever in a log. The host is the file's; a caller chooses one encoded parameter.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import structlog
from yarl import URL

from contactd.config import Customers, Lookup, Settings
from contactd.metrics import (
    CUSTOMER_LOOKUP_OPEN,
    CUSTOMER_LOOKUP_SECONDS,
    CUSTOMER_LOOKUP_VALUES_REFUSED,
    CUSTOMER_LOOKUPS,
)
from contactd.services import http
from contactd.services.crm.fields import FieldRefused, checked, edit_of
from contactd.services.crm.identity import IdentityKind, NoIdentity, Numbering, identity
from contactd.store.party_changes import Edit

log = structlog.get_logger()

_MOST_REMEMBERED = 20_000
_NOT_FOUND = (204, 404)


class LookupFailed(Exception):
    """result: the metric's word. what: a sentence without a value."""

    def __init__(self, result: str, what: str) -> None:
        super().__init__(what)
        self.result = result


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other system says of one number. vip, language: None where it says nothing."""

    vip: bool | None
    language: str | None
    external: str | None = field(repr=False)
    """As an identity's value: ``system:id``."""
    edit: Edit = field(repr=False)


class CrmLookup:
    """One for the daemon. reload() takes other settings; what was remembered is then forgotten."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._asking: dict[str, asyncio.Task[Answer | None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._trouble = ""
        self._active = 0
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        taken = (settings.lookup, settings.secrets.lookup.secret, settings.customers)
        if getattr(self, "_taken", None) == taken:
            return
        self._taken = taken
        self._section: Lookup = settings.lookup
        self._secret = settings.secrets.lookup.secret
        self._customers: Customers = settings.customers
        self._known: OrderedDict[str, tuple[float, Answer | None]] = OrderedDict()
        self._breaker = http.Breaker(settings.lookup.break_after, settings.lookup.break_s)
        self._trouble = ""
        CUSTOMER_LOOKUP_OPEN.set(0)
        if self._session is not None:
            session, self._session = self._session, None
            task = asyncio.create_task(session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    @property
    def trouble(self) -> str | None:
        """Why it is not asked just now; empty: it is. None: there is none."""
        if not self._section.url:
            return None
        return self._trouble if self._breaker.open else ""

    @property
    def keeps(self) -> bool:
        return self._section.keep

    @property
    def system(self) -> str:
        return self._section.system

    def ask(self, number: str) -> asyncio.Task[Answer | None] | None:
        """number: E.164. The task gives an answer or None, whatever happens. None: it is not asked."""
        if not self._section.url:
            return None
        running = self._asking.get(number)
        if running is None:
            running = asyncio.create_task(self._answer(number))
            self._asking[number] = running
            running.add_done_callback(lambda _: self._asking.pop(number, None))
        return running

    async def close(self) -> None:
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), *self._closing, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _answer(self, number: str) -> Answer | None:
        now = self._now()
        remembered = self._known.get(number)
        if remembered is not None and now < remembered[0]:
            CUSTOMER_LOOKUPS.labels("remembered").inc()
            return remembered[1]
        if self._active >= self._section.most_at_once:
            CUSTOMER_LOOKUPS.labels("busy").inc()
            return None
        breaker, known = self._breaker, self._known
        if not breaker.lets(now):
            CUSTOMER_LOOKUPS.labels("open").inc()
            return None
        well = False
        self._active += 1
        try:
            answer = await self._fetch(number)
            well = True
        except LookupFailed as failed:
            CUSTOMER_LOOKUPS.labels(failed.result).inc()
            self._trouble = str(failed)
            log.warning("customer_lookup_failed", system=self.system, error=str(failed))
            return None
        finally:
            # Also when we are cancelled: a request that tried whether it is back must not be waited for for ever.
            self._active -= 1
            self._tell(breaker, well=well)
        CUSTOMER_LOOKUP_SECONDS.observe(self._now() - now)
        CUSTOMER_LOOKUPS.labels("nobody" if answer is None else "found").inc()
        known[number] = (self._now() + self._section.cache_s, answer)
        known.move_to_end(number)
        if len(known) > _MOST_REMEMBERED:
            known.popitem(last=False)
        return answer

    def _tell(self, breaker: http.Breaker, *, well: bool) -> None:
        if breaker.ended(self._now(), well=well) and breaker is self._breaker:
            CUSTOMER_LOOKUP_OPEN.set(int(breaker.open))
            if breaker.open:
                remedy = "Callers are served without it. See that it runs and can be reached; [lookup] says where."
                log.error("customer_lookup_opened", system=self.system, error=self._trouble, remedy=remedy)
            else:
                log.info("customer_lookup_closed", system=self.system)

    async def _fetch(self, number: str) -> Answer | None:
        section = self._section
        try:
            async with asyncio.timeout(section.timeout_s), self._request(number) as response:
                if response.status in _NOT_FOUND:
                    return None
                if 300 <= response.status < 400:
                    raise LookupFailed("refused", f"HTTP {response.status}: a redirect, which is not followed.")
                if response.status != 200:
                    raise LookupFailed("away", f"HTTP {response.status} instead of 200, or 404 for nobody.")
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise LookupFailed("refused", "The answer is compressed, which was not asked for.")
                body = await http.whole(response, section.max_kb << 10)
        except http.TooLong:
            raise LookupFailed("refused", f"The answer is longer than {section.max_kb} KiB (max_kb).") from None
        except TimeoutError:
            raise LookupFailed("slow", f"No answer within {section.timeout_s:g} s.") from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise LookupFailed(
                "away", "Its certificate is not accepted: see ca_file, and its names and dates."
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its own words have the URL in them, and that the number.
            raise LookupFailed("away", f"No HTTP with it ({type(error).__name__}).") from None
        return self._read(body)

    def _request(self, number: str) -> Any:
        section = self._section
        if self._session is None:
            self._session = http.session(section.ca_file, section.most_at_once)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **section.headers}
        if self._secret is not None:
            headers[section.secret_header] = self._secret
        values = {"{number}": number, "{digits}": number[1:]}
        url = section.url
        for name, value in values.items():
            url = url.replace(name, quote(value, safe=""))
        body: dict[str, str] | None = None
        if section.method == "POST":
            body = {key: _filled(text, values) for key, text in section.body.items()}
        return self._session.request(
            section.method, URL(url, encoded=True), json=body, headers=headers, allow_redirects=False
        )

    def _read(self, body: bytes) -> Answer | None:
        try:
            told = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            raise LookupFailed("refused", "The answer is no JSON.") from None
        where = self._section.answer
        if "list" in where:
            found = pointed(told, where["list"])
            if found is not None and not isinstance(found, list):
                raise LookupFailed("refused", "There is no list where the answer should have one.")
            if not found:
                return None
            if len(found) > 1:
                # Nobody is guessed.
                return None
            told = found[0]
        if not isinstance(told, dict):
            raise LookupFailed("refused", "The answer is no JSON object.")
        return _Reader(self._section, self._customers, told).answer()


class _Reader:
    """One answer against what the configuration says of it. A value of another type is left out, and counted."""

    def __init__(self, section: Lookup, customers: Customers, told: dict[str, Any]) -> None:
        self._section = section
        self._customers = customers
        self._told = told

    def answer(self) -> Answer | None:
        where = self._section.answer
        external = self._one("external_id", where.get("external_id"), self._external)
        if "external_id" in where and external is None:
            return None
        vip = self._one("vip", where.get("vip"), _yes)
        none = Numbering()
        name = self._one("name", where.get("name"), _name)
        language = self._one("language", where.get("language"), _language)
        edit = edit_of({}, none, name=name, language=language, vip=vip)
        fields = dict(edit.fields)
        for field_, pointer in self._section.fields.items():
            value = self._one(field_, pointer, functools.partial(self._field, field_))
            if value:
                fields[field_] = (value, None)
        identities = [(str(IdentityKind.EXTERNAL), external)] if external is not None else []
        kept = Edit(edit.kind, edit.language, edit.medium, edit.vip, fields, identities)
        return Answer(vip, language, external, kept)

    def _field(self, name: str, text: str) -> str:
        return checked(name, self._customers.fields[name], text)

    def _external(self, text: str) -> str:
        return identity(IdentityKind.EXTERNAL, f"{self._section.system}:{text}", Numbering()).value

    def _one(self, name: str, pointer: str | None, take: Callable[[str], Any]) -> Any:
        """What the answer says there, as take() leaves it; None: nothing, or nothing that can be believed."""
        told = pointed(self._told, pointer) if pointer is not None else None
        if told is None or told == "":
            return None
        try:
            return take(_text(told))
        except (FieldRefused, NoIdentity):
            CUSTOMER_LOOKUP_VALUES_REFUSED.labels(name).inc()
            log.warning(
                "customer_lookup_value_refused",
                system=self._section.system,
                value=name,
                remedy="It is of another kind than declared: compare [lookup] with what the other system sends.",
            )
            return None


def pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where there is nothing.

    >>> pointed({"a/b": [{"c": 1}]}, "/a~1b/0/c"), pointed({"a": 1}, "/a/b"), pointed([1], "")
    (1, None, [1])
    """
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 6 and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _text(value: Any) -> str:
    """Raises FieldRefused."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    raise FieldRefused("It is no text, number or truth.")


def _name(text: str) -> str:
    edit_of({}, Numbering(), name=text)
    return text.strip()


def _language(text: str) -> str:
    text = text.strip().replace("-", "_")
    edit_of({}, Numbering(), language=text)
    return text


def _yes(text: str) -> bool:
    try:
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise FieldRefused("It is neither yes nor no.") from None

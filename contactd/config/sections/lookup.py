"""Where else to ask who is calling: an existing CRM over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Pointer = Annotated[
    str,
    Meta(
        pattern=r"^(/[^\0-\x1f\x7f]{0,100}){0,8}\Z",
        description='a JSON pointer such as "/customer/name", or "" for the whole answer',
        examples=["/customer/name"],
    ),
]
_Part = Annotated[
    str,
    Meta(
        pattern=r"^(list|external_id|name|language|vip)\Z",
        description="one of list, external_id, name, language and vip",
    ),
]
_Field = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z", description="a field declared as [customers.fields.<id>]")
]
_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z", description="the name of an HTTP header")]
_HeaderValue = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e]{0,1000}\Z", description="one line of up to 1000 ASCII characters")
]


class Lookup(Struct, frozen=True, kw_only=True):
    """Another system that knows your customers, asked by HTTP for each caller's number, beside contactd's own records
    (docs/customers.rst). Its secret is in the secrets file."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[\x21-\x7e]{1,1000})?\Z",
            description='a URL such as "https://crm.example.org/api/callers?number={number}", or ""',
        ),
    ] = ""
    """Empty: nobody is asked. In its path or query ``{number}`` is the number as +49301234567, encoded; ``{digits}``
    without the +. The host is fixed."""
    method: Literal["GET", "POST"] = "GET"
    """How it is asked."""
    body: dict[str, str] = {}
    """With POST: sent as a JSON object; ``{number}`` and ``{digits}`` in its values as in the URL."""
    headers: dict[_HeaderName, _HeaderValue] = {}
    """Sent as they are. No secret belongs here."""
    secret_header: _HeaderName = "Authorization"  # noqa: S105 - the name of a header
    """The header in which the secret goes, such as "Bearer ..."."""
    ca_file: Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')] = ""
    """The CA that signed its certificate, where the system does not know it. Certificates are always looked at."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=30, description="seconds, 0.1 to 30")] = 5.0
    """How long an answer may take. The call waits for ``match_ms`` of [customers] at most, and goes on without; what
    comes later counts from then on."""
    max_kb: Annotated[int, Meta(ge=1, le=1024, description="KiB, 1 to 1024")] = 64
    """A longer answer is refused."""
    most_at_once: Annotated[int, Meta(ge=1, le=200, description="a number of requests, 1 to 200")] = 20
    """Who calls beyond that is not looked up there."""
    cache_s: Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")] = 300
    """An answer counts so long for the same number; also that nobody was found."""
    break_after: Annotated[int, Meta(ge=1, le=100, description="a number of failures, 1 to 100")] = 5
    """After so many failures in a row it is not asked for ``break_s``; then one request tries whether it is back."""
    break_s: Annotated[int, Meta(ge=1, le=3600, description="seconds, 1 to 3600")] = 30
    """See ``break_after``."""
    keep: bool = True
    """What it says is written into the customer's record, over what is there of the same fields."""
    system: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z", description="a word such as crm")] = "crm"
    """Its name in ``external:<system>:<id>``, in the audit and in the log."""
    answer: dict[_Part, _Pointer] = {}
    """Where in the answer what stands: JSON pointers (RFC 6901). What is left out is not read. ``external_id`` is the
    customer's id there, kept as ``external:<system>:<id>``; where it has none, nobody was found. ``language`` is as
    Asterisk names it (de, en_GB; de-DE is understood), ``vip`` true or false, 1 or 0, "yes" or "no". ``list`` is a
    list of customers, in whose only element the others stand: of none nobody is known, of several nobody is guessed."""
    fields: dict[_Field, _Pointer] = {}
    """Declared field = where it stands, as in ``answer``."""


class LookupSecrets(Struct, frozen=True, kw_only=True):
    """With what contactd asks the other system."""

    secret: (
        Annotated[
            str,
            Meta(
                pattern=r"^[\x20-\x7e]{1,4000}\Z",
                description='a header\'s value such as "Bearer abc"',
                examples=["Bearer abc"],
            ),
        ]
        | None
    ) = None
    """Left out: it is asked without one."""

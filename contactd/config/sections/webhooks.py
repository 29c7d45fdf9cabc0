"""Who else is told what happens: web hooks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

EVENTS = (
    *("contact.arrived", "contact.recognised", "contact.queued", "contact.connected", "contact.ended"),
    "agent.status",
    *("customer.added", "customer.changed", "customer.consent", "customer.merged", "customer.unmerged"),
    *("customer.erased", "customers.imported"),
    *("case.opened", "case.changed", "case.target_soon", "case.target_broken"),
)
"""What can be told; docs/webhooks.rst says what each has."""
_Event = Annotated[
    str,
    Meta(
        pattern=r"^(\*|[a-z]+\.(\*|[a-z_]+))\Z",
        description='an event such as "contact.ended", "case.*" or "*"',
        examples=["contact.ended"],
    ),
]
_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z", description="the name of an HTTP header")]
_HeaderValue = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e]{0,4000}\Z", description="one line of up to 4000 ASCII characters")
]
_Secret = Annotated[
    str,
    Meta(
        pattern=r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}\Z",
        description='"whsec_" and 24 to 64 random bytes in base64, as: echo whsec_$(openssl rand -base64 32)',
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ),
]


class Webhook(Struct, frozen=True, kw_only=True):
    """One section for each system that is to be told what happens, by an HTTP POST that is signed (docs/webhooks.rst).
    ``contactd worker`` sends; ``systemctl reload 'contactd-worker@*'`` takes a change. Its secret is in the secrets
    file."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[\x21-\x7e]{1,1000}\Z", description='a URL such as "https://crm.example.org/contactd"'
        ),
    ]
    """Where it is told; https, but on this host. Nothing else is ever asked: a redirect is not followed."""
    events: tuple[_Event, ...]
    """What it is told. It gets ids, and never a name, a number or a word of anybody."""
    headers: dict[_HeaderName, _HeaderValue] = {}
    """Sent as they are. No secret belongs here; the secrets file has headers too."""
    ca_file: Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')] = ""
    """The CA that signed its certificate, where the system does not know it. Certificates are always looked at."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=60, description="seconds, 0.1 to 60")] = 10.0
    """How long it may take to answer, all in all."""
    max_age_s: Annotated[int, Meta(ge=60, le=2592000, description="seconds, 60 to 2592000")] = 259200
    """A message that could not be sent for so long is not tried any more: ``contactctl webhooks`` shows it, and tries
    it again or drops it."""
    most_at_once: Annotated[int, Meta(ge=1, le=50, description="a number of requests, 1 to 50")] = 4
    """So many messages are on their way at once; those about one contact, case or customer always one after the
    other."""
    break_after: Annotated[int, Meta(ge=1, le=100, description="a number of failures, 1 to 100")] = 5
    """After so many failures in a row it is let be for ``break_s``; then one message tries whether it is back."""
    break_s: Annotated[int, Meta(ge=1, le=3600, description="seconds, 1 to 3600")] = 60
    """See ``break_after``."""

    @property
    def told(self) -> tuple[str, ...]:
        """The events themselves.

        >>> Webhook(url="https://x", events=("case.opened", "customers.*", "case.opened")).told
        ('customers.imported', 'case.opened')
        """
        return tuple(event for event in EVENTS if any(_names(pattern, event) for pattern in self.events))


class WebhookSecrets(Struct, frozen=True, kw_only=True):
    """One for each [webhooks.<id>] of the configuration."""

    secret: _Secret
    """With what its messages are signed; the receiver has the same one, and no other receiver has."""
    old_secret: _Secret | None = None
    """While the receiver still knows only the one before: messages are signed with both."""
    headers: dict[_HeaderName, _HeaderValue] = {}
    """Headers whose values are secrets, such as Authorization."""


def _names(pattern: str, event: str) -> bool:
    """
    >>> _names("*", "case.opened"), _names("case.*", "case.opened"), _names("case.*", "customer.added")
    (True, True, False)
    """
    return pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern[:-1]))

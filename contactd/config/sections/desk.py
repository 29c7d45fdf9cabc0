"""The agent desk: where it is reached, and how long somebody stays signed in."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words

_File = Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')]


class Desk(Struct, frozen=True, kw_only=True):
    """The page that agents and supervisors work in, and its API (docs/desk.rst, docs/api.rst). Who may use it,
    ``contactctl desk user`` says."""

    listen: words.Host = "127.0.0.1"
    """The address that we listen on."""
    port: Annotated[int, Meta(ge=0, le=65535, description="a port, or 0")] = 0
    """The port that we listen on. 0: there is no desk."""
    origin: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[0-9A-Za-z:.\[\]-]{1,253})?\Z",
            description='what stands before the path in the browser, such as "https://desk.example.org", or ""',
        ),
    ] = ""
    """How browsers reach it. Requests and event streams of other pages are refused. Empty: as ``listen`` and ``port``
    say."""
    certificate: _File = ""
    """The certificate with those that signed it, as PEM. A new one is taken by a reload, and by itself within a
    minute. Empty: without TLS, for the loopback or behind a reverse proxy."""
    key: _File = ""
    """Its key, as PEM."""
    proxies: tuple[Annotated[str, Meta(description='a network such as "10.0.0.5/32"')], ...] = ()
    """The networks of reverse proxies of yours, whose ``X-Forwarded-For`` tells who asks. Nobody else is believed."""
    idle_min: Annotated[int, Meta(ge=5, le=1440, description="minutes, 5 to 1440")] = 60
    """Who neither does anything there nor has a contact for so long has to sign in again."""
    longest_h: Annotated[int, Meta(ge=1, le=168, description="hours, 1 to 168")] = 12
    """After so many hours everybody has to sign in again."""
    codes_for: tuple[Literal["agent", "supervisor", "planner", "admin", "auditor"], ...] = ()
    """The roles that need a one-time code beside the password. Who has a secret for codes needs one whatever the
    role."""
    numbers: Literal["whole", "end", "none"] = "whole"
    """How much of a caller's number an agent sees: all, the last three digits, or nothing."""
    most_desks: Annotated[int, Meta(ge=1, le=10000, description="a number, 1 to 10000")] = 1000
    """So many desks may be open at once."""

    @property
    def reached_at(self) -> str:
        """What stands before the path in the browser."""
        if self.origin:
            return self.origin
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{self.listen}:{self.port}"

"""What a job is given, and how it says that it can never be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contactd.core.errors import ContactdError


class JobRefused(ContactdError):
    """It can never be done: no attempt more. The sentence is kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a function of a kind is given. report: say how far it came; it is kept with the next heartbeat, shown by
    ``contactctl jobs show``, and given to the next attempt. No personal value."""

    arguments: Mapping[str, Any]
    progress: Mapping[str, Any] | None
    """How far an earlier attempt came, as it reported."""
    dsn: str
    password: str | None = field(repr=False)
    report: Callable[[Mapping[str, Any]], None] = field(repr=False)
    sections: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of the configuration in force, those that the kind names, as a file has them."""

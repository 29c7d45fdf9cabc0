"""How long each kind of data is kept, from [retention] and the keys of before."""

from __future__ import annotations

from contactd.config.problems import Problems
from contactd.config.sections import Jobs, Privacy, Retention

DEFAULT_DAYS = {
    "callers": 90,
    "light_records": 90,
    "inputs": 35,
    "notes": 0,
    "consents": 0,
    "case_words": 0,
    "mails": 0,
    "audit": 1095,
    "jobs": 30,
    "outbox": 30,
}
"""0: until somebody erases it."""
_BEFORE = {
    "callers": ("privacy", "contact_private_days"),
    "light_records": ("privacy", "light_party_days"),
    "audit": ("privacy", "audit_days"),
    "jobs": ("jobs", "keep_days"),
}
"""Where a key stood before [retention] was there."""


def retention_days(retention: Retention, privacy: Privacy, jobs: Jobs) -> dict[str, int]:
    """Kind -> days; 0: for ever."""
    old = {"privacy": privacy, "jobs": jobs}
    found = {}
    for kind, default in DEFAULT_DAYS.items():
        said: list[int | None] = [getattr(retention, kind)]
        if kind in _BEFORE:
            section, key = _BEFORE[kind]
            said.append(getattr(old[section], key))
        found[kind] = next((days for days in said if days is not None), default)
    return found


def check_retention(retention: Retention, privacy: Privacy, jobs: Jobs, into: Problems) -> None:
    """A kind is said once."""
    old = {"privacy": privacy, "jobs": jobs}
    for kind, (section, key) in _BEFORE.items():
        if getattr(retention, kind) is not None and getattr(old[section], key) is not None:
            into.add(("retention", kind), f"said again by {key} of [{section}]", f"Take {key} out of [{section}]")

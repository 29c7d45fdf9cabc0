"""Which keys a reload takes."""

from __future__ import annotations

# Keys, and whole sections, that a reload takes; * is any id. The others are bound, opened or taken once, at the start.
LIVE: tuple[tuple[str, ...], ...] = (
    ("log_level",),
    ("secrets_file",),
    ("default_queue",),
    ("emergency_numbers",),
    ("external_numbers",),
    ("shared_numbers",),
    # The daemon itself never uses it.
    ("database", "migrate_dsn"),
    ("agi", "allow"),
    ("audiosocket", "allow"),
    ("calendars",),
    ("queues",),
    ("announcements",),
    ("menus",),
    ("flows",),
    ("speech",),
    ("lines",),
    ("tty",),
    ("glossary",),
    ("sign_in",),
    ("handsets",),
    ("reasons",),
    ("dispositions",),
    ("profiles",),
    ("supervisors",),
    ("agents",),
    # As migrate_dsn.
    ("database", "worker_dsn"),
    ("privacy",),
    ("retention",),
    ("jobs",),
    ("customers",),
    ("lookup",),
    ("recording",),
    ("dialling",),
    ("mailboxes",),
    # Read by contactctl and the workers; the daemon itself never uses them.
    ("case_types",),
    ("webhooks",),
    ("smtp",),
)
LIVE_SECRETS: tuple[tuple[str, ...], ...] = (
    ("database", "migrate_password"),
    ("database", "worker_password"),
    # contactctl's, not the daemon's.
    ("pbx", "*", "test_secret"),
    ("agents",),
    ("customers",),
    ("lookup",),
    ("recording",),
    ("webhooks",),
    ("smtp",),
    ("mailboxes",),
)


def is_live(key: tuple[str, ...], live: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a reload takes the key. live: LIVE, or LIVE_SECRETS."""
    return any(len(prefix) <= len(key) and same_place(prefix, key) for prefix in live)


def same_place(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """As far as both go; * in the first stands for any id."""
    return all(part in (name, "*") for part, name in zip(one, other, strict=False))

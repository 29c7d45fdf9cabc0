"""PostgreSQL: its version, what the daemon's role may do, whether a commit is kept, and how long it takes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.ctl.doctor.findings import Subject, names
from contactd.ctl.durations import duration
from contactd.metrics import HookFigures, JobFigures
from contactd.store import outbox
from contactd.store.checkup import Checkup, checkup
from contactd.store.jobs import read_figures
from contactd.store.reading import reader

OLDEST = 140000
_SLOW_S, _STALLED_S = 0.05, 0.5
_CLOCK_S = 2.0
_FREE_BYTES = 2 << 30
_GIB = 1 << 30
_LATE_S = 900.0


async def check_database(database: Subject, settings: Settings) -> None:
    secret = settings.secrets.database.password
    try:
        async with reader(settings.database.dsn, password=secret, writes=True) as connection:
            found = await checkup(connection)
            figures = None if found.pending else await read_figures(connection, settings.floor)
            hooks = {} if found.pending else await outbox.figures(connection, settings.floor)
    except ContactdError as error:
        database.error(
            "connection",
            str(error).removesuffix(".") + ".",
            "Try the dsn of [database] with psql; its role must be a member: GRANT contactd_daemon TO it.",
        )
        return
    judge(database, found, remote=not found.local or _remote(settings.database.dsn))
    if figures is not None:
        judge_jobs(database, figures)
        for name in settings.webhooks:
            judge_hook(database, name, hooks.get(name))


def judge_jobs(database: Subject, found: JobFigures) -> None:
    """Of the workers, wherever they run: what they leave behind."""
    dead = sum(count for (_, state), (count, _) in found.open.items() if state == "dead")
    late_s = max((oldest_s for (_, state), (_, oldest_s) in found.open.items() if state == "waiting"), default=0.0)
    if found.broken:
        database.error(
            "journal",
            "the last verification found a fact that was changed after it was written",
            "contactctl verify names the facts in between; change nothing, and compare with a backup.",
        )
    if dead:
        database.warning(
            "jobs",
            f"{dead} jobs were tried as often as they may be, and failed",
            "contactctl jobs list --state dead, then contactctl jobs show NUMBER; retry or drop them.",
        )
    elif late_s > _LATE_S:
        database.warning(
            "jobs",
            f"a job has waited for a worker for {duration(late_s)}",
            "systemctl status 'contactd-worker@*'; systemctl enable --now contactd-worker@1 where one shall run.",
        )
    else:
        database.ok("jobs", "no job waits for long, and none is dead")


def judge_hook(database: Subject, name: str, found: HookFigures | None) -> None:
    """Of a web hook that is configured: whether somebody sends, and somebody takes it. None: no worker read it."""
    subject = f"webhook {name}"
    if found is None or (not found.served and found.oldest_s > _LATE_S) or found.lag_s > _LATE_S:
        database.error(
            subject,
            "no worker serves it: what happens waits to be told",
            "systemctl reload 'contactd-worker@*' after a change of the files; systemctl status 'contactd-worker@*'.",
        )
    elif found.gone:
        database.error(
            subject,
            "it said that it is no more (HTTP 410): nothing is sent to it",
            f"Correct its url, or have its owner mend it; then contactctl webhooks retry {name}.",
        )
    elif found.dead or found.oldest_s > _LATE_S:
        late = f"a message has waited for {duration(found.oldest_s)}"
        what = f"{found.dead} messages are dead" if found.dead else late
        database.warning(
            subject,
            f"{what}; last error: {found.error or 'none'}",
            f"contactctl webhooks show {name} tells which; then retry them, or drop them.",
        )
    else:
        database.ok(subject, f"{found.sent} messages sent, {found.queued} wait")


def _remote(dsn: str) -> bool:
    """Whether the name in the dsn is another host's."""
    url = urlsplit(dsn)
    host = (parse_qs(url.query).get("host") or [url.hostname or ""])[0]
    return not (host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1"))


def judge(database: Subject, found: Checkup, *, remote: bool) -> None:
    major = found.version // 10000
    if found.version < OLDEST:
        database.error("version", f"PostgreSQL {major} is too old", f"Install {OLDEST // 10000} or newer.")
    else:
        database.ok("version", f"PostgreSQL {major}, {found.size_bytes / _GIB:.2f} GiB in this database")
    _migrations(database, found)
    _rights(database, found)
    _durability(database, found)
    p50, worst = found.commit_s[len(found.commit_s) // 2], found.commit_s[-1]
    words = f"a commit takes {p50 * 1000:.1f} ms, the slowest of {len(found.commit_s)} took {worst * 1000:.1f} ms"
    if p50 > _SLOW_S or worst > _STALLED_S:
        database.warning(
            "latency",
            words,
            "Callers do not wait for it, the journal and the reports do. Look at the disk (iostat -x), at what else"
            " writes, and at the network to the server.",
        )
    else:
        database.ok("latency", words)
    if abs(found.clock_ahead_s) > _CLOCK_S:
        database.warning(
            "clock",
            f"the server's clock is {found.clock_ahead_s:+.1f} s off ours",
            "Let both hosts follow the same NTP servers.",
        )
    if remote and not found.tls:
        database.warning(
            "tls",
            "the connection to PostgreSQL goes over a network without TLS: callers' numbers can be read there",
            "Set ssl=on in postgresql.conf and sslmode=verify-full with sslrootcert in dsn.",
        )
    _space(database, found)


def _migrations(database: Subject, found: Checkup) -> None:
    if found.newer:
        database.error(
            "migrations",
            f"a newer contactd migrated this database ({found.newer} steps ahead)",
            "Install that version, or restore the backup from before the upgrade.",
        )
    elif found.pending:
        database.error("migrations", f"not run yet: {names(found.pending)}", "Run: contactd migrate")
    else:
        database.ok("migrations", "the database is migrated as this version wants it")


def _rights(database: Subject, found: Checkup) -> None:
    if not found.rights:
        return  # not migrated, and said so
    words = {
        "append": "append to the journal",
        "read": "read the journal",
        "follow": "write the history",
    }
    lacking = [text for right, text in words.items() if not found.rights[right]]
    if lacking:
        database.error("rights", f"the daemon's role may not {names(lacking)}", "Run: contactd migrate")
    if found.rights["rewrite"] or found.superuser:
        database.warning(
            "rights",
            "the daemon logs in as a superuser" if found.superuser else "the daemon's role may change what happened",
            "Let dsn name a role that is only a member of contactd_daemon; the owner belongs in migrate_dsn.",
        )
    elif not lacking:
        database.ok("rights", "the daemon's role may append and read, and cannot change what happened")


def _durability(database: Subject, found: Checkup) -> None:
    off = [name for name in ("fsync", "full_page_writes") if found.settings.get(name) == "off"]
    if off:
        database.error(
            "durability",
            f"{names(off)} {'is' if len(off) == 1 else 'are'} off: a power cut can destroy the whole database",
            f"Set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf, and reload it.",
        )
    elif found.settings.get("synchronous_commit") == "off":
        database.warning(
            "durability",
            "synchronous_commit is off: a crash of the server loses facts that contactd took for kept",
            "Set synchronous_commit = on in postgresql.conf, or for the role: ALTER ROLE ... RESET synchronous_commit.",
        )
    else:
        database.ok("durability", "fsync, full_page_writes and synchronous_commit are on")


def _space(database: Subject, found: Checkup) -> None:
    """Only where the server tells its folder and the folder is on this host."""
    folder = Path(found.data_directory) if found.data_directory and found.local else None
    try:
        space = os.statvfs(folder) if folder is not None else None
    except OSError:
        space = None
    if space is None:
        database.ok("space", "the server's free space cannot be seen from here: watch it where it runs")
        return
    free = space.f_bavail * space.f_frsize
    if free < _FREE_BYTES:
        database.warning(
            "space",
            f"{free / _GIB:.1f} GiB are free where PostgreSQL keeps its data",
            "Make room: when it is full, facts wait in contactd's spool until that is full too.",
        )
    else:
        database.ok("space", f"{free / _GIB:.1f} GiB are free where PostgreSQL keeps its data")

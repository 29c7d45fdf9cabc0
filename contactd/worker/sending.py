"""The child of a worker that tells others what happens: follows the journal, and carries every destination's outbox.

It lives as long as its worker wants it, and an hour at most; the next one goes on. See services/webhooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import structlog

from contactd.config import CustomerSecrets, Settings, Smtp, SmtpSecrets, Webhook, WebhookSecrets
from contactd.services.crm.recogniser import vault_with
from contactd.services.mail.post import Post
from contactd.services.webhooks import telling
from contactd.services.webhooks.courier import Courier, Words
from contactd.services.webhooks.hook import Hook
from contactd.store import outbox
from contactd.store.journal import open_pool
from contactd.store.mail_out import MAIL, REPLY
from contactd.store.outbox import WEBHOOK, Desk, Pool
from contactd.store.trouble import StoreAway
from contactd.worker.job import Job

log = structlog.get_logger()

WALL_S = 3600.0
"""So long one process does it, whatever it may have lost of its memory by then."""
LEASE_S = 30.0
"""A destination whose worker was killed waits so long for another one."""
_MAIL_WORDS = Words(
    taken="mail_outbox_taken",
    lost="mail_outbox_lost",
    not_marked="mail_not_marked",
    failed="mail_not_sent",
    dead="mail_dead",
    let_be="mail_server_let_be",
    back="mail_server_back",
    aged="mails_dead",
    named="mailbox",
    commands="contactctl mail outbox",
)
_MOST_THREADS = 100
_FOLLOW_S = 0.5
_AWAY_S = 5.0
_TIDY_S = 60.0
_ORPHAN_AGE_S = 72 * 3600.0
"""Messages to a destination that is configured no more: somebody may have taken it out by mistake."""


def wanted(settings: Settings) -> bool:
    return bool(settings.webhooks or settings.smtp)


def more(settings: Settings) -> dict[str, Any]:
    """What the child needs of the configuration. It goes by a pipe, and is kept nowhere."""
    return {
        "floor": settings.floor,
        "webhooks": {name: msgspec.to_builtins(hook) for name, hook in settings.webhooks.items()},
        "secrets": {name: msgspec.to_builtins(kept) for name, kept in settings.secrets.webhooks.items()},
        "smtp": {name: msgspec.to_builtins(one) for name, one in settings.smtp.items()},
        "smtp_secrets": {name: msgspec.to_builtins(kept) for name, kept in settings.secrets.smtp.items()},
        "customers": msgspec.to_builtins(settings.secrets.customers),
    }


async def run(job: Job) -> dict[str, Any]:
    """Until SIGTERM, or for most of WALL_S. arguments: the worker's name, and how long a lease lasts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    hooks = {name: msgspec.convert(told, Webhook) for name, told in job.sections["webhooks"].items()}
    secrets = {name: msgspec.convert(told, WebhookSecrets) for name, told in job.sections["secrets"].items()}
    posts = {name: msgspec.convert(told, Smtp) for name, told in job.sections["smtp"].items()}
    passwords = {name: msgspec.convert(told, SmtpSecrets) for name, told in job.sections["smtp_secrets"].items()}
    # A name server that does not answer holds a thread for each destination that asks it, and a while longer.
    threading.stack_size(1 << 20)
    loop.set_default_executor(ThreadPoolExecutor(min(_MOST_THREADS, 4 + 4 * (len(hooks) + len(posts)))))
    pool = await open_pool(
        job.dsn, password=job.password, size=4, role="contactd_worker", program="contactd worker", lasting=True
    )
    floor, worker = job.sections["floor"], job.arguments["worker"]
    lease_s = job.arguments.get("lease_s", LEASE_S)
    try:
        await _route(pool, WEBHOOK, {name: hook.told for name, hook in hooks.items()}, floor, stop)
        await _route(pool, MAIL, dict.fromkeys(posts, (REPLY,)), floor, stop)
        couriers = [
            Courier(Desk(pool, WEBHOOK, name, worker, lease_s), Hook(hook, secrets[name]), stop)
            for name, hook in hooks.items()
        ]
        vault = vault_with(msgspec.convert(job.sections["customers"], CustomerSecrets))
        for name, section in posts.items():
            password = passwords[name].password if name in passwords else None
            post = Post(section, password, pool, vault)
            couriers.append(Courier(Desk(pool, MAIL, name, worker, lease_s), post, stop, _MAIL_WORDS))
        async with asyncio.TaskGroup() as group:
            group.create_task(_stop_in_time(stop))
            group.create_task(_follow(pool, floor, stop))
            group.create_task(_tidy(pool, stop))
            for courier in couriers:
                group.create_task(courier.run())
    finally:
        pool.terminate()
    return {}


async def _route(pool: Pool, kind: str, told: Mapping[str, Collection[str]], floor: int, stop: asyncio.Event) -> None:
    """Until it is done."""
    while not stop.is_set():
        try:
            await outbox.route(pool, kind, told, floor)
            return
        except StoreAway as away:
            log.warning("outbox_away", error=str(away), again_in_s=_AWAY_S)
            await _wait(stop, _AWAY_S)


async def _follow(pool: Pool, floor: int, stop: asyncio.Event) -> None:
    while not stop.is_set():
        pause_s = _FOLLOW_S
        try:
            if await outbox.follow(pool, floor, telling) == outbox.BATCH:
                continue
        except StoreAway as away:
            log.warning("outbox_away", error=str(away), again_in_s=_AWAY_S)
            pause_s = _AWAY_S
        await _wait(stop, pause_s)


async def _tidy(pool: Pool, stop: asyncio.Event) -> None:
    """What is left of destinations that were taken out of the files."""
    while not stop.is_set():
        try:
            for kind, words in ((WEBHOOK, Words()), (MAIL, _MAIL_WORDS)):
                dead = await outbox.aged(pool, kind, None, _ORPHAN_AGE_S)
                if dead:
                    remedy = f"{words.commands} list tells for whom; drop them, or configure it again."
                    log.error(words.aged, messages=dead, remedy=remedy)
                await outbox.tidy(pool, kind)
        except StoreAway as away:
            log.debug("outbox_away", error=str(away))
        await _wait(stop, _TIDY_S)


async def _stop_in_time(stop: asyncio.Event) -> None:
    await _wait(stop, WALL_S - 120)
    stop.set()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

"""The desk's door over a floor in memory and a real PostgreSQL, and people who are at it by real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
import asyncpg

from contactd.config import Settings, load
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.inputs import Input
from contactd.core.step import Step
from contactd.engine.inbox import Words
from contactd.services.desk.passwords import hash_of
from contactd.store import desk as rows
from contactd.store.desk import DeskStore
from contactd.store.journal import open_pool
from contactd.web.desk import DeskDoor
from tests.config.files import sample_secrets, waiting_sample, write
from tests.lab import ports
from tests.store.walk import PBX
from tests.web.bench import Bench

PASSWORD = "a few long words"
_HASHES: dict[str, str] = {}


def known_hash(name: str, password: str) -> str:
    """Each takes a tenth of a second."""
    return _HASHES.setdefault(f"{name} {password}", hash_of(name, password))


class Person:
    """A browser: cookies, the CSRF token, and what it hears."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.csrf = ""
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        said = {"X-CSRF-Token": self.csrf, "Origin": self.base, **headers}
        options: dict[str, Any] = {"json": body} if body is not None else {}
        url = f"{self.base}/api/v1{path}"
        async with self.session.request(method, url, headers=said, **options) as answer:
            return answer.status, await answer.json()

    async def sign_in(self, user: str, password: str = PASSWORD, **more: str) -> tuple[int, Any]:
        status, body = await self.ask("POST", "/session", {"user": user, "password": password, **more})
        if status == 200:
            self.csrf = body["csrf"]
        return status, body

    @contextlib.asynccontextmanager
    async def stream(self, query: str = "", **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        said = {"Origin": self.base, **headers}
        async with self.session.ws_connect(f"{self.base}/api/v1/events{query}", headers=said) as socket:
            yield socket


class Publishing(Bench):
    """As the circle does it: a step is kept, then told."""

    door: DeskDoor | None = None

    async def ask(self, input_: Input, *, words: Words | None = None) -> Step:
        made = await super().ask(input_, words=words)
        if self.door is not None:
            self.door.publish([made])
        return made

    def put(self, input_: Input, *, after_s: float = 0.0) -> None:
        before = len(self.walk.steps)
        self.walk.put(input_, after_s=after_s)
        if self.door is not None:
            self.door.publish(self.walk.steps[before:])


class Place:
    """The sample's floor: alice and bob, signed out, with free handsets."""

    def __init__(
        self, bench: Publishing, door: DeskDoor, pool: asyncpg.Pool, base: str, close: Callable[[], Awaitable[None]]
    ) -> None:
        self.bench, self.door, self.pool, self.base = bench, door, pool, base
        self.door_closed = close

    async def user(self, name: str, role: str = "agent", agent: str | None = None, **more: Any) -> None:
        queues, password = more.get("queues", ()), more.get("password", PASSWORD)
        async with self.pool.acquire() as connection:
            hash_ = None if role == "integrator" else known_hash(name, password)
            token = rows.hashed(more["token"]) if "token" in more else None
            mine = agent if agent is not None or role != "agent" else name
            assert await rows.add(connection, name, name.title(), role, mine, queues, "", hash_, token)

    def person(self) -> Person:
        return Person(self.base)

    @contextlib.asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[Person]:
        async with self.person() as person:
            status, body = await person.sign_in(name)
            assert status == 200, body
            yield person


@contextlib.asynccontextmanager
async def open_place(
    folder: Path, dsn: str, desk: Mapping[str, Any] | None = None, *, agents: int = 0
) -> AsyncIterator[Place]:
    port = ports.reserve()
    sections = waiting_sample()
    sections["state_dir"] = str(folder)
    sections["desk"] = {"port": port.first, **(desk or {})}
    secrets = sample_secrets()
    numbers = {f"a{number}": str(20_000 + number) for number in range(agents)}
    for name, endpoint in numbers.items():
        skills = sections["agents"]["alice"]["skills"]
        sections["agents"][name] = {"endpoint": endpoint, "queues": ["sales"], "skills": skills}
        secrets["agents"][name] = {"pin": "1234"}
    settings = load(write(folder, sections, secrets))
    bench = Publishing(settings)
    bench.walk.put(inp.ConfigurationLoaded(plan=settings.plan()))
    free = dict.fromkeys(("1001", "1002", *numbers.values()), Handset.FREE)
    now = bench.now
    bench.walk.put(inp.PbxCompared(pbx=PBX, asked_at=now, booted_at=now - 900, calls=(), handsets=free))
    pool = await open_pool(dsn)
    try:
        async with contextlib.AsyncExitStack() as stack:
            door = await stack.enter_async_context(running(bench, pool, settings))
            yield Place(bench, door, pool, settings.desk.reached_at, stack.aclose)
    finally:
        pool.terminate()
        port.release()


@contextlib.asynccontextmanager
async def running(bench: Publishing, pool: asyncpg.Pool, settings: Settings) -> AsyncIterator[DeskDoor]:
    """May be ended and begun again with the same floor, as a restart does."""
    bench.door = DeskDoor(bench.surface, DeskStore(pool), settings)
    async with bench.door.serve():
        task = asyncio.create_task(bench.door.run())
        try:
            yield bench.door
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

"""The reload by itself: one at a time, whole, and kept even when PostgreSQL is away for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from contactd import reload as module
from contactd.config import Settings, load
from contactd.metrics import CONFIG_RELOADS
from contactd.reload import Reload, read_again
from contactd.store.audit import Who
from contactd.store.journal import StoreAway
from tests.config.files import dump, sample, write
from tests.engine.journal import until


class Part:
    """What a reload moves: it remembers the settings that it took and kept. away: PostgreSQL does not answer."""

    def __init__(self, settings: Settings) -> None:
        self.took: list[str] = []
        self.kept: list[str] = []
        self.order: list[str] = []
        self.away = False
        self.broken = False
        self.asked = asyncio.Event()
        self.ends = 0
        self.told: list[tuple[str, list[Who]]] = []
        self.reload = Reload(settings, self.asked, take=self._take, keep=self._keep, ended=self._ended)

    def _take(self, settings: Settings) -> None:
        if self.broken:
            raise RuntimeError("a bug")
        self.took.append(settings.sha256)
        self.order.append("took")

    async def _keep(self, settings: Settings) -> None:
        self.order.append("kept")
        if self.away:
            raise StoreAway("PostgreSQL does not answer.")
        self.kept.append(settings.sha256)

    def _ended(self, result: str, askers: Sequence[Who]) -> None:
        self.ends += 1
        self.told.append((result, list(askers)))

    async def again(self) -> None:
        """A whole reload."""
        before = self.ends
        self.asked.set()
        await until(lambda: self.ends > before)


@pytest.fixture
async def part(tmp_path: Path) -> AsyncIterator[Part]:
    made = Part(load(write(tmp_path, sample())))
    task = asyncio.create_task(made.reload.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def change(part: Part, **queue: int) -> None:
    table = sample()
    table["queues"]["sales"] |= queue
    Path(part.reload.settings.path).write_text(dump(table))


def count(result: str) -> float:
    return CONFIG_RELOADS.labels(result)._value.get()


async def test_it_is_kept_before_anything_works_by_it(part: Part) -> None:
    change(part, ring_s=11)
    before = part.reload.loaded_at
    await part.again()
    assert part.order == ["kept", "took"]
    assert part.took == part.kept == [part.reload.settings.sha256]
    assert part.reload.settings.queues[next(iter(part.reload.settings.queues))].ring_s == 11
    assert part.reload.loaded_at > before


async def test_a_database_that_is_away_delays_nothing_and_gets_it_later(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_AGAIN_S", 0.02)
    part.away = True
    change(part, ring_s=11)
    await part.again()
    assert part.took == [part.reload.settings.sha256]
    assert part.kept == []
    part.away = False
    await until(lambda: part.kept == part.took)


async def test_wrong_files_change_nothing_until_they_are_right(part: Part) -> None:
    settings = part.reload.settings
    refused = count("refused")
    change(part, ring_s=1)
    await part.again()
    assert (part.took, part.reload.settings, count("refused")) == ([], settings, refused + 1)
    assert "ring_s" in part.reload.refused
    change(part, ring_s=12)
    await part.again()
    assert part.took == [part.reload.settings.sha256]
    assert part.reload.refused == ""


async def test_an_error_of_ours_leaves_the_old_settings_in_force_and_the_next_reload_possible(part: Part) -> None:
    settings = part.reload.settings
    failed = count("failed")
    change(part, ring_s=11)
    part.broken = True
    await part.again()
    assert (part.reload.settings, count("failed")) == (settings, failed + 1)
    part.broken = False
    await part.again()
    assert part.took == [part.reload.settings.sha256]


async def test_files_that_change_while_they_are_read_are_read_again(part: Part) -> None:
    change(part, ring_s=11)
    part.asked.set()
    await asyncio.sleep(0)
    change(part, ring_s=12)
    part.asked.set()
    await until(lambda: part.reload.settings.queues[next(iter(part.reload.settings.queues))].ring_s == 12)


async def test_a_plan_changes_nothing(part: Part) -> None:
    change(part, ring_s=11)
    plan = await part.reload.plan()
    assert [one.key for one in plan.changes] == ["queues.sales.ring_s"]
    assert (part.took, part.kept) == ([], [])
    change(part, ring_s=1)
    assert [one.key for one in (await part.reload.plan()).errors] == ["queues.sales.ring_s"]


async def test_a_standby_reads_all_of_it_or_nothing(part: Part) -> None:
    change(part, ring_s=11)
    new = await read_again(part.reload.settings)
    assert new is not None and new.sha256 != part.reload.settings.sha256
    change(part, ring_s=1)
    assert await read_again(new) is None


async def test_a_new_file_in_the_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, sample())
    part = Part(load(tmp_path))
    task = asyncio.create_task(part.reload.run())
    try:
        (tmp_path / "40-vip.toml").write_text("[queues.vip]\n")
        assert [one.key for one in (await part.reload.plan()).changes] == ["queues.vip"]
        await part.again()
        assert part.reload.settings.files().keys() == {"contactd.toml", "40-vip.toml"}
        assert "vip" in set(part.reload.settings.queues)
    finally:
        task.cancel()


async def test_who_asks_is_told_what_came_of_it_and_named(part: Part) -> None:
    change(part, ring_s=11)
    assert await part.reload.ask(Who(1000)) == "taken"
    await part.again()
    assert part.told == [("taken", [Who(1000)]), ("taken", [])], "a signal has no name"
    change(part, ring_s=-1)
    assert await asyncio.gather(part.reload.ask(Who(0)), part.reload.ask(Who(1))) == ["refused", "refused"]
    assert part.told[2] == ("refused", [Who(0), Who(1)]), "two at once share one"


async def test_who_asks_and_goes_stops_no_reload(part: Part) -> None:
    change(part, ring_s=12)
    asking = asyncio.create_task(part.reload.ask(Who(1000)))
    await asyncio.sleep(0)
    asking.cancel()
    await until(lambda: part.took)
    assert part.reload.settings.queues[next(iter(part.reload.settings.queues))].ring_s == 12
    part.broken = True
    change(part, ring_s=13)
    assert await part.reload.ask(Who(0)) == "failed"

"""The flows of docs/cookbook: right as they stand, whatever a caller presses, and wherever one hangs up."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contactd.config import ConfigErrors, Settings, load
from contactd.config.flows import flows_of
from contactd.core import inputs as inp
from contactd.core.ids import contact_id
from contactd.core.ivr.run import Listen, Over, Run, ToQueue
from contactd.pbx.agi_session import CallerGone
from contactd.pbx.flow_place import PlaceKeeper
from contactd.pbx.flows import Entry, go_through
from tests.config.files import DOCS, sample, write
from tests.pbx.test_ivr import NOW, PBX, Session, request

COOKBOOK = DOCS / "cookbook"
NAMES = sorted(path.stem for path in COOKBOOK.glob("*.toml"))
FACTS = {
    "calendar.office.open": (True, False, None),
    "queue.service.estimated_wait_s": (None, 30, 700, 5000),
    "queue.service.agents_signed_in": (0, 3),
    "party.known": (True, False),
    "party.vip": (True, False),
    "party.language": (None, "es", "en"),
    "language": (None, "es"),
    "dialled": ("5000",),
}
KEY = b"Zmxvd3MgYXJlIGZpbGVzIHdpdGggYSBrZXkgaGVyZSE="
CALLERS = 10_000 if os.environ.get("CONTACTD_LONG") else 1_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("cookbook")
    table = sample()
    table["speech"] = {"engine": "espeak-ng"}
    write(folder, table)
    shutil.copytree(COOKBOOK, folder / "flows")
    return load(folder)


def test_there_are_ten_flows_each_with_a_line_of_what_it_is_for_and_tests(settings: Settings) -> None:
    assert len([name for name in NAMES if name != "confirm"]) == 10
    paper = (DOCS / "flows.rst").read_text()
    for name in NAMES:
        assert (COOKBOOK / f"{name}.toml").read_text().startswith("# "), name
        assert f"``{name}.toml``" in paper, name
        assert settings.flows[name].tests or name == "confirm", name


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_pressed_the_flow_comes_to_an_end(settings: Settings, name: str) -> None:
    flows = flows_of(settings)
    dice = random.Random(name)
    for _ in range(CALLERS):
        facts = {fact: dice.choice(values) for fact, values in FACTS.items()}
        run = Run(flows, flows[name], facts)
        steps, left = run.steps(), dice.randrange(40)
        try:
            step = next(steps)
            while True:
                pressed = ""
                if (isinstance(step, Listen) or getattr(step, "keys", False)) and left > 0 and dice.random() < 0.7:
                    pressed, left = dice.choice("0123456789*#12"), left - 1
                step = steps.send(pressed)
        except StopIteration as stopped:
            assert isinstance(stopped.value, Over | ToQueue)


class _Leaving(Session):
    """Whoever has had so many commands has hung up."""

    left: Iterator[bool]

    async def _count(self) -> None:
        if not next(self.left):
            raise CallerGone("the caller hung up")

    async def answer(self) -> None:
        await self._count()

    async def stream_file(self, sound: str, keys: str = "") -> str:
        await self._count()
        return ""

    async def say(self, kind: str, value: str, *after: str, escape_digits: str = "") -> str:
        await self._count()
        return ""

    async def wait_for_digit(self, timeout_ms: int) -> str:
        await self._count()
        return self._key()

    async def set_variable(self, name: str, value: str) -> None:
        await self._count()


@pytest.mark.parametrize("name", NAMES)
async def test_a_caller_may_hang_up_at_every_single_point(settings: Settings, name: str) -> None:
    """At each command of AGI, one after the other: what is told names where, and nothing else comes of it."""
    flows = flows_of(settings)
    entry = Entry(flows[name], flows, lambda language, words: f"{language}-{words}")
    facts = {"calendar.office.open": False, "queue.service.estimated_wait_s": 5000, "dialled": "5000"}
    keys = [key for test in settings.flows[name].tests for does in test.caller for key in does if does.isascii()]
    keys = [key for key in keys if key in "0123456789*#"][:30]
    call = request("menu", "token", "nonce", "5000")
    contact = contact_id(PBX, call.uniqueid, NOW)
    for point in itertools.count():
        told: list[inp.Input] = []
        session = _Leaving(call, list(keys))
        session.left = iter([True] * point + [False])
        try:
            await go_through(session, entry, contact, facts, told.append, PlaceKeeper(KEY))  # type: ignore[arg-type]
        except CallerGone:
            went = [one for one in told if isinstance(one, inp.FlowWent)]
            assert len(went) == len(told)
            # Before the call was answered nobody had come to any node.
            assert bool(went) == (point > 0)
            assert not went or (not went[-1].asks and not went[-1].served), "who is gone is asked nothing any more"
        except StopIteration:
            pytest.fail("the flow took more commands than its caller had")
        else:
            break
        assert point < 500
    assert point >= 1


def test_without_a_voice_they_are_refused_with_the_remedy(tmp_path: Path) -> None:
    write(tmp_path, sample())
    shutil.copytree(COOKBOOK, tmp_path / "flows")
    with pytest.raises(ConfigErrors, match=r"nobody speaks them. Give engine"):
        load(tmp_path)

"""The flows of docs/cookbook, unchanged, called by a real telephone: they go as they do in a rehearsal."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator

import pytest

from contactd.config import flow_access
from contactd.core.ivr.rehearsal import rehearse
from tests.config.test_cookbook import COOKBOOK, NAMES
from tests.lab.debs import tool
from tests.system.centre import Centre
from tests.system.reloading import Files

# What each caller does; nobody works, the calendar is open, and nobody is known.
CALLERS = {
    "appointment": ["24122026", "0830", "1"],
    "departments": ["2", "*", "1"],
    "donation": ["20*50#", "1"],
    "information": ["1", "1", "2", "nothing"],
    "languages": ["1"],
    "long_wait": [],
    "on_call": [],
    "opening_hours": [],
    "priority": ["994711"],
    "returning": ["2"],
}
FACTS = {
    "calendar.office.open": True,
    "queue.service.agents_signed_in": 0,
    "party.known": False,
    "party.vip": False,
    "caller.withheld": False,
}
OFFICE = '[calendars.office]\ntime_zone = "UTC"\nhours = { monday-sunday = "0:00-24:00" }\n'


@pytest.fixture(scope="module")
async def kitchen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("cookbook")
    async with Centre(folder, agents=1, queues={"sales": (5, 0), "service": (5, 0)}) as centre:
        flows = centre.stack.daemon.folder / "flows"
        shutil.copytree(COOKBOOK, flows)
        # The lab's agent has another name.
        returning = flows / "returning.toml"
        returning.write_text(returning.read_text().replace('"alice"', '"anna"'))
        lines = "".join(f'"{5100 + n}" = "flow:{name}"\n' for n, name in enumerate(CALLERS))
        program = json.dumps(tool("espeak-ng"))
        speech = f'[speech]\nengine = "espeak-ng"\nprogram = {program}\nfolder = "{folder / "spoken"}"\n'
        files = Files.of(centre)
        files.write(("\n[lines]\n", f"\n{speech}\n{OFFICE}\n[lines]\n{lines}"))
        await files.reload("taken", timeout_s=240)
        yield centre


@pytest.mark.timeout(300)
async def test_every_flow_goes_on_the_telephone_as_it_does_in_a_rehearsal(kitchen: Centre) -> None:
    assert set(CALLERS) == set(NAMES) - {"confirm"}, "a caller for each"
    _, flows, _ = flow_access(kitchen.stack.daemon.folder)
    for n, (name, does) in enumerate(CALLERS.items()):
        await kitchen.clear()
        expected = rehearse(flows[name], flows, does, FACTS)
        call = await kitchen.dial(str(5100 + n))
        for asked, now in enumerate(does, 1):
            await kitchen.until(lambda asked=asked: len(_asks(kitchen)) >= asked, f"{name} to ask {asked} times", 30)
            if now != "nothing":
                await call.dtmf(now)
        if expected.ends == "hang up":
            await call.wait("disconnected", 60)
        else:
            await kitchen.until(lambda: kitchen.last_of("ContactQueued"), f"{name} to end in a queue", 60)
            await call.hangup()
        story = await kitchen.story()
        passed = [step.partition("=")[0] for fact in story if fact.kind == "FlowWent" for step in fact.body["passed"]]
        assert tuple(passed) == expected.path, name
        queued = [f"queue {fact.body['queue']}" for fact in story if fact.kind == "ContactQueued"]
        assert queued == ([] if expected.ends == "hang up" else [expected.ends]), name
    assert "does not exist in any format" not in kitchen.stack.asterisk.log.read_text()


def _asks(centre: Centre) -> list[str]:
    return [fact.body["asks"] for fact in centre.facts("kind = 'FlowWent'") if fact.body["asks"]]

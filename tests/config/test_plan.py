"""What a reload takes, what waits for a restart, and that it is never half of what belongs together."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contactd.config import Settings, load
from contactd.config.plan import plan
from contactd.config.settings import KEPT
from tests.config.files import sample, sample_secrets, write

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def running(tmp_path: Path) -> Settings:
    return load(write(tmp_path, sample()))


def changed(tmp_path: Path, change: Change, secrets: Change = lambda _: None) -> Settings:
    table, hidden = copy.deepcopy(sample()), copy.deepcopy(sample_secrets())
    change(table)
    secrets(hidden)
    return load(write(tmp_path, table, hidden))


def test_the_same_files_change_nothing(running: Settings, tmp_path: Path) -> None:
    made = plan(running, load(write(tmp_path, sample())))
    assert made.changes == made.waiting == made.held == ()
    assert made.settings == running


def test_live_keys_are_told_with_old_and_new_and_taken(running: Settings, tmp_path: Path) -> None:
    def change(table: dict[str, Any]) -> None:
        table["log_level"] = "debug"
        table["queues"]["sales"]["ring_s"] = 10
        table["queues"]["vip"] = {"wrap_up_s": 0}
        table["menus"]["main"]["choices"]["3"] = "vip"
        table["agi"]["allow"] = ["10.0.0.0/24"]
        del table["lines"]["5900"]

    new = changed(tmp_path, change)
    made = plan(running, new)
    vip = next(one.new for one in made.changes if one.key == "queues.vip")
    # The whole section, with every key that has a default.
    assert vip is not None and vip.startswith("{ ring_s = 20, wrap_up_s = 0, ")
    assert [(one.key, one.kind, one.old, one.new) for one in made.changes] == [
        ("log_level", "changed", '"info"', '"debug"'),
        ("agi.allow", "changed", '["127.0.0.1/32"]', '["10.0.0.0/24"]'),
        ("queues.sales.ring_s", "changed", "20", "10"),
        ("queues.vip", "added", None, vip),
        ('menus.main.choices."3"', "added", None, '"vip"'),
        ('lines."5900"', "removed", '"echo"', None),
    ]
    assert made.waiting == ()
    assert made.settings == new
    assert made.settings.sha256 == new.sha256


def test_what_needs_a_restart_runs_on_and_the_rest_is_taken(running: Settings, tmp_path: Path) -> None:
    def change(table: dict[str, Any]) -> None:
        table["queues"]["sales"]["ring_s"] = 10
        table["agi"] |= {"port": 4999, "allow": ["10.0.0.0/24"]}
        table["spool"]["max_mb"] = 64
        table["pbx"]["pbx1"]["compare_s"] = 60

    new = changed(tmp_path, change)
    made = plan(running, new)
    assert [one.key for one in made.waiting] == ["spool.max_mb", "pbx.pbx1.compare_s", "agi.port"]
    taken = made.settings
    assert (taken.queues, taken.agi.allow) == (new.queues, new.agi.allow)
    assert (taken.agi.port, taken.spool, taken.pbx) == (running.agi.port, running.spool, running.pbx)
    # The hash names what is in force, not what the files say.
    assert len({running.sha256, new.sha256, taken.sha256}) == 3
    kept = tomllib.loads(taken.files()[KEPT])
    assert kept["spool"] == {"segment_mb": 16, "max_mb": 512}
    assert (kept["agi"]["port"], kept["agi"]["allow"]) == (4573, ["10.0.0.0/24"])
    assert kept.keys() == {"spool", "pbx", "agi"}
    # Asked again, the same waits; taken back, nothing does, and the hash is that of the files again.
    again = plan(taken, new)
    assert ([one.key for one in again.changes], again.settings) == ([one.key for one in made.waiting], taken)
    back = plan(taken, changed(tmp_path, lambda table: table["queues"]["sales"].update(ring_s=10)))
    assert [one.key for one in back.changes] == ["agi.allow"]
    assert back.settings.files().keys() == {"contactd.toml"}


def add_pbx(table: dict[str, Any]) -> None:
    table["pbx"]["pbx2"] = {"host": "10.0.0.2", "username": "contactd"}
    table["agents"]["bob"]["pbx"] = "pbx2"
    table["queues"]["sales"]["ring_s"] = 10


def test_live_keys_that_do_not_fit_without_a_restart_hold_all_of_it(running: Settings, tmp_path: Path) -> None:
    """Bob's handset is on a PBX that nobody steers before the restart."""
    new = changed(tmp_path, add_pbx, lambda secrets: secrets["pbx"].update(pbx2={"secret": "x"}))
    made = plan(running, new)
    assert made.settings is running
    assert made.waiting == made.changes
    (held,) = made.held
    assert held.key == "agents.bob.pbx"
    assert "pbx2" in held.what
    # And it says where.
    text = Path(new.path).read_text().splitlines()
    assert text[(held.line or 0) - 1] == '"pbx" = "pbx2"'


def test_a_pbx_that_left_keeps_running_until_a_restart(running: Settings, tmp_path: Path) -> None:
    def rename(table: dict[str, Any]) -> None:
        table["pbx"] = {"hq": table["pbx"]["pbx1"]}
        table["agents"]["alice"]["pbx"] = "hq"

    new = changed(tmp_path, rename, lambda secrets: secrets.update(pbx={"hq": {"secret": "x"}}))
    assert {held.key for held in plan(running, new).held} == {"agents.alice.pbx", "agents.bob.pbx"}


def test_secrets_are_told_by_name_only(running: Settings, tmp_path: Path) -> None:
    def change(secrets: dict[str, Any]) -> None:
        secrets["agents"]["alice"]["pin"] = "90210"
        secrets["pbx"]["pbx1"] = {"secret": "geheim", "test_secret": "provhemlig"}
        secrets["database"] = {"password": "hemlig"}

    made = plan(running, changed(tmp_path, lambda _: None, change))
    assert {(one.key, one.kind, one.live) for one in made.changes} == {
        ("agents.alice.pin", "changed", True),
        ("pbx.pbx1.secret", "changed", False),
        ("pbx.pbx1.test_secret", "changed", True),
        ("database.password", "changed", False),
        ("database.migrate_password", "removed", True),
        ("database.worker_password", "removed", True),
    }
    told = f"{made.json()} {[str(one) for one in made.changes]} {made.settings.files()} {made!r}"
    # A hash may hold any four digits.
    told = re.sub(r"[0-9a-f]{64}", "", told)
    for value in ("90210", "geheim", "provhemlig", "hemlig", "4711", "change-me"):
        assert value not in told
    # The agents' PINs count at once, the accounts run on.
    alice = next(iter(running.agents))
    assert made.settings.pin_right(alice, "90210")
    pbx = next(iter(running.pbx))
    assert made.settings.pbx_secret(pbx) == "change-me"
    assert made.settings.secrets.pbx[pbx].test_secret == "provhemlig"
    assert made.settings.secrets.database.password == "change-me"


def test_a_new_agent_is_one_change_and_not_two(running: Settings, tmp_path: Path) -> None:
    made = plan(
        running,
        changed(
            tmp_path,
            lambda table: table["agents"].update(carla={"endpoint": "1003", "queues": ["sales"]}),
            lambda secrets: secrets["agents"].update(carla={"pin": "7777"}),
        ),
    )
    assert [(one.key, one.kind, one.live) for one in made.changes] == [("agents.carla", "added", True)]


def test_a_comment_is_no_change_but_another_hash(running: Settings, tmp_path: Path) -> None:
    path = Path(running.path)
    path.write_text(path.read_text() + "# why\n")
    made = plan(running, load(path))
    assert made.changes == ()
    assert made.settings.sha256 != running.sha256

"""What can be wrong with what callers on text telephones read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, load
from tests.config.files import sample, write


def told(tmp_path: Path, table: dict[str, Any]) -> str:
    with pytest.raises(ConfigErrors) as refused:
        load(write(tmp_path, table))
    return "\n".join(map(str, refused.value.errors))


def test_a_sound_that_such_a_caller_would_not_hear_needs_a_text(tmp_path: Path) -> None:
    table = sample()
    number, target = next((one, text) for one, text in table["lines"].items() if text.startswith("menu:"))
    table["tty"] = {"numbers": [number]}
    menu = table["menus"][target.partition(":")[2]]
    wrong = told(tmp_path, table)
    for sound in (*menu.get("greeting", ()), *menu["prompt"], "custom/welcome", "custom/website"):
        assert f'nothing is to be written in place of the sound "{sound}"' in wrong
    sounds = set(re.findall(r'in place of the sound "([^"]+)"', wrong))
    table["tty"]["texts"] = dict.fromkeys(sounds, "TEXT")
    settings = load(write(tmp_path, table))
    assert settings.tty.numbers == (number,)


def test_whose_record_it_says_reads_on_every_number_and_who_presses_a_key_in_its_queue(tmp_path: Path) -> None:
    table = sample()
    table["tty"] = {"by_record": True}
    every = told(tmp_path, table)
    del table["tty"]
    menu = next(iter(table["menus"].values()))
    key, queue = next(iter(menu["choices"].items()))
    menu["needs"] = {key: {"text": True}}
    table["queues"][queue]["welcome"] = ["custom/only-there"]
    chosen = told(tmp_path, table)
    assert all(f'in place of the sound "{sound}"' in every for sound in menu["prompt"])
    assert 'in place of the sound "custom/only-there"' in chosen
    assert not any(f'in place of the sound "{sound}"' in chosen for sound in menu["prompt"])


def test_what_does_not_fit_is_told_with_its_remedy(tmp_path: Path) -> None:
    table = sample()
    echo = next(one for one, text in table["lines"].items() if text == "echo")
    table["tty"] = {"numbers": ["4711", echo], "skill": "baudot", "position": "SOON", "wait": "{} MINUTES"}
    wrong = told(tmp_path, table)
    assert '"4711" is no line' in wrong and f'"{echo}" is the echo line' in wrong
    assert 'no agent has the skill "baudot"' in wrong
    assert "tty.position: {} stands here 0 times" in wrong and "tty.wait: {} stands here 1 times" in wrong


def test_the_glossary_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    table = sample()
    table["glossary"] = {"TMW": "tomorrow", "CUZ": "because"}
    assert load(write(tmp_path, table)).glossary["TMW"] == "tomorrow"

"""When tones are asked for in a menu, and what is made of the answer."""

from __future__ import annotations

from typing import cast

import pytest

from contactd.pbx.agi_session import AgiSession
from contactd.pbx.text.tones import TonesHeard, listening


class Session:
    """What listening() needs of one; the PBX's count rises with each question."""

    def __init__(self, module: str = "1", counts: tuple[str | None, ...] = ()) -> None:
        self._module = module
        self._counts = list(counts)
        self.between = None
        self.told: list[str] = []

    async def get_variable(self, name: str) -> str | None:
        return self._module if name.startswith("IFMODULE") else self._counts.pop(0)

    async def set_variable(self, name: str, value: str) -> None:
        self.told.append(name)

    async def sound(self) -> None:
        if self.between is not None:
            await self.between()


async def test_one_tone_is_a_whistle_and_the_second_a_suspicion() -> None:
    session = Session(counts=("0", "1", "2"))
    with pytest.raises(TonesHeard):
        async with listening(cast(AgiSession, session)):
            await session.sound()
            await session.sound()
            await session.sound()
            raise AssertionError("two tones were not enough")
    assert session.between is None
    assert session.told == ["TONE_DETECT(1400,100,r)", "TONE_DETECT(0,,x)"]


async def test_who_leaves_the_menu_is_listened_to_no_more() -> None:
    session = Session(counts=("1", None, ""))
    async with listening(cast(AgiSession, session)):
        for _ in range(3):
            await session.sound()
    assert session.between is None and session.told[-1] == "TONE_DETECT(0,,x)"


async def test_a_pbx_without_the_module_is_asked_nothing() -> None:
    session = Session(module="0")
    async with listening(cast(AgiSession, session)):
        await session.sound()
    assert session.told == []

"""The cheap trigger: whether the PBX has heard a text telephone's tone from a caller who is in a menu.

Asterisk's TONE_DETECT counts how often it heard mark (1400 Hz) for a tenth of a second. contactd asks for the count
after each sound and each second of a wait: nothing is heard, moved or interrupted for who speaks. It is only suspected:
music may pass for it. The text leg's detector then proves it, or the menu begins again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from contactd.core.errors import ContactdError
from contactd.pbx.agi_session import AgiSession

MODULE = "res_tonedetect.so"
_START = "TONE_DETECT(1400,100,r)"
_COUNT = "TONE_DETECT(rx)"
_STOP = "TONE_DETECT(0,,x)"
_NEEDED = 2
"""A single tone may be a whistle. A text telephone has one with each key."""


class TonesHeard(ContactdError):
    """The caller may have a text telephone."""


@contextlib.asynccontextmanager
async def listening(session: AgiSession) -> AsyncIterator[None]:
    """Within, the session's sounds and waits raise TonesHeard. A PBX without the module hears nothing."""
    if await session.get_variable(f"IFMODULE({MODULE})") != "1":
        yield
        return

    async def between() -> None:
        count = await session.get_variable(_COUNT) or ""
        if count.isdecimal() and int(count) >= _NEEDED:
            raise TonesHeard("tones of a text telephone were heard")

    await session.set_variable(_START, "")
    session.between = between
    try:
        yield
    except TonesHeard:
        session.between = None
        await session.set_variable(_STOP, "")
        raise
    finally:
        session.between = None
    await session.set_variable(_STOP, "")

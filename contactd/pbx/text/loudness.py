"""Who is heard in a call of text: the handset is turned down both ways, and each way is turned up when it is wanted."""

from __future__ import annotations

from contactd.core.errors import ContactdError
from contactd.pbx.ami import AmiLink

_DOWN, _UP = "-32000", "0"


async def turn_up(link: AmiLink, channel: str, *, hears: bool, speaks: bool) -> None:
    """channel: the caller's. Raises ContactdError."""
    answer = await link.send({"Action": "Getvar", "Channel": channel, "Variable": "BRIDGEPEER"})
    peer = answer.get("Value", "")
    if not peer:
        raise ContactdError("The PBX has nobody on the line with this caller; try again when the agent has answered.")
    for direction, wanted in (("TX", hears), ("RX", speaks)):
        value = _UP if wanted else _DOWN
        await link.send({"Action": "Setvar", "Channel": peer, "Variable": f"VOLUME({direction})", "Value": value})

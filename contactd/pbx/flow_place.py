"""Where a caller stands in a flow, kept on the channel, which outlives us: sealed, since what was keyed is in it.

The PBX tells every change of a channel's variable to whoever listens, and may write it into its log. The seal's key
stays with us: a place that another machine left is not read, and the caller begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.run import Place

log = structlog.get_logger()

VARIABLE = "CONTACTD_FLOW"
LONGEST = 1500
"""Characters that fit into a command of AGI beside the rest. A place that is longer is not kept."""
_OLDEST_S = 3600
_FILE = "flow.key"


class _Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """numbers: as text, for 1.10 to stay 1.10."""

    call: str
    flow: str
    node: str
    callers: tuple[tuple[str, str], ...] = ()
    texts: dict[str, str] = {}
    numbers: dict[str, str] = {}
    truths: dict[str, bool] = {}


class PlaceKeeper:
    """One for the daemon. key: kept, or what was left before a kill is nothing after it."""

    def __init__(self, key: bytes) -> None:
        self._seal = Fernet(key)
        self._decode = msgspec.json.Decoder(_Kept).decode

    def sealed(self, call: str, place: Place, variables: Mapping[str, Value]) -> str:
        """For the channel of this call; empty: too long to be kept."""
        known = {name: value for name, value in variables.items() if value is not None}
        kept = _Kept(
            call=call,
            flow=place.flow,
            node=place.node,
            callers=place.callers,
            texts={name: value for name, value in known.items() if isinstance(value, str)},
            truths={name: value for name, value in known.items() if isinstance(value, bool)},
            numbers={
                name: str(value)
                for name, value in known.items()
                if isinstance(value, int | Decimal) and not isinstance(value, bool)
            },
        )
        text = self._seal.encrypt(msgspec.json.encode(kept)).decode()
        return text if len(text) <= LONGEST else ""

    def opened(self, call: str, text: str) -> tuple[Place, dict[str, Value]] | None:
        """None: nothing that we left there for this call."""
        if not text:
            return None
        try:
            kept = self._decode(self._seal.decrypt(text.encode(), ttl=_OLDEST_S))
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError):
            log.info("flow_place_unknown", call=call)
            return None
        if kept.call != call:
            return None
        numbers: dict[str, Value] = {
            name: int(text) if text.lstrip("-").isdecimal() else Decimal(text) for name, text in kept.numbers.items()
        }
        return Place(kept.flow, kept.node, kept.callers), {**kept.texts, **numbers, **kept.truths}


def key_in(state_dir: Path) -> bytes:
    """Made at the first start, and ours alone. One that cannot be read is made anew: it is worth the calls of now."""
    path = state_dir / _FILE
    try:
        kept = path.read_bytes()
        Fernet(kept)
    except (OSError, ValueError):
        kept = Fernet.generate_key()
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(kept)
    return kept

"""TOML, written: values and keys as an admin would write them."""

from __future__ import annotations

import json
import re

_BARE = re.compile(r"^[a-z_][a-z0-9_-]*\Z")


def toml_key(*parts: str) -> str:
    """A dotted key; what is no plain word stands in quotes."""
    return ".".join(part if _BARE.match(part) else json.dumps(part, ensure_ascii=False) for part in parts)


def toml_value(value: object) -> str:
    """A text, number, truth, list, or a table on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{toml_key(str(key))} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    # JSON's texts, numbers and truths are TOML's, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

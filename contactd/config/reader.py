"""From a parsed TOML table to a struct, field by field, so that every problem is told, not only the first."""

from __future__ import annotations

import functools
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from contactd.config.problems import Key, Problems

T = TypeVar("T", bound=msgspec.Struct)

# Asked for each section, and slow: five thousand agents took half of their time with it.
_fields = functools.cache(msgspec.structs.fields)
_BLANK: dict[type, Any] = {str: "", int: 0, tuple: (), dict: {}}


def read_struct(kind: type[T], table: object, at: Key, into: Problems, *, whole: bool = True, words: str = "") -> T:
    """table as kind. What is wrong goes into ``into`` and is left blank ("", 0, empty), which checks skip.

    whole: False when more of it is in a file that could not be read; what is missing may be there.
    words: what is wanted, where a table is written as a value.
    """
    missing_told = not whole
    if not isinstance(table, dict):
        remedy = f"Give {words}" if words else f"Write [{'.'.join(at)}] and its keys below it"
        into.add(at, f"this is {_kind_of(table)}, not a table", remedy)
        table, missing_told = {}, True
    fields = _fields(kind)
    names = {field.name for field in fields}
    for name in table:
        if name not in names:
            into.unknown((*at, name), names)
    values: dict[str, Any] = {}
    for field in fields:
        key = (*at, field.name)
        if field.name in table:
            values[field.name] = _read(field.type, table[field.name], key, into)
        elif field.required:
            if not missing_told:
                into.add(key, "this key is missing", f"Give {wanted(field.type)}")
            values[field.name] = _blank(field.type)
    return kind(**values)


def _read(kind: Any, value: object, key: Key, into: Problems) -> Any:
    plain = plain_type(kind)
    if not _tagged(kind) and isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return read_struct(plain, value, key, into, words="" if plain is kind else wanted(kind))
    if get_origin(kind) is dict:
        return _read_dict(kind, value, key, into)
    if members := _tagged(kind):
        return _read_tagged(members, value, key, into)
    if get_origin(kind) is tuple and isinstance(value, list) and _is_struct(get_args(kind)[0]):
        return tuple(_read(get_args(kind)[0], one, (*key, str(n)), into) for n, one in enumerate(value))
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        # msgspec's sentence speaks of patterns; the description says what is wanted. No value is repeated:
        # it may be a secret.
        into.add(key, f"{_kind_of(value)} that cannot be used here", f"Give {wanted(kind)}")
        return _blank(kind)


def _read_dict(kind: Any, value: object, key: Key, into: Problems) -> dict[str, Any]:
    key_kind, value_kind = get_args(kind)
    if not isinstance(value, dict):
        into.add(key, f"this is {_kind_of(value)}, not a table", f"Write [{'.'.join(key)}] and its keys below it")
        return {}
    for name in value:
        try:
            msgspec.convert(name, key_kind)
        except msgspec.ValidationError:
            into.add((*key, name), "this name cannot be used here", f"Use {wanted(key_kind)}")
    return {name: _read(value_kind, item, (*key, name), into) for name, item in value.items()}


def _is_struct(kind: Any) -> bool:
    plain = plain_type(kind)
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _tagged(kind: Any) -> dict[str, type[msgspec.Struct]]:
    """The members of a union of tagged structs, by tag; empty for anything else."""
    if get_origin(kind) not in (Union, types.UnionType):
        return {}
    members = [one for one in get_args(kind) if _is_struct(one)]
    return {str(one.__struct_config__.tag): one for one in members} if len(members) == len(get_args(kind)) else {}


def _read_tagged(members: dict[str, type[msgspec.Struct]], value: object, key: Key, into: Problems) -> Any:
    field = str(next(iter(members.values())).__struct_config__.tag_field)
    table = value if isinstance(value, dict) else {}
    tag = table.get(field)
    kind = members.get(tag) if isinstance(tag, str) else None
    if kind is not None:
        return read_struct(kind, {name: one for name, one in table.items() if name != field}, key, into)
    known = ", ".join(f'"{one}"' for one in members)
    if not isinstance(value, dict):
        into.add(key, f"this is {_kind_of(value)}, not a table", f"Write [{'.'.join(key)}] and its keys below it")
    elif field not in table:
        into.add((*key, field), "this key is missing", f"Give one of {known}")
    else:
        into.add((*key, field), "no such kind", f"Give one of {known}")
    return read_struct(next(iter(members.values())), {}, (), Problems(Path()))


def plain_type(kind: Any) -> Any:
    """The plain type inside Annotated, a NewType or an optional."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType):
            kind = next(arg for arg in get_args(kind) if arg is not type(None))
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        else:
            return kind


def _blank(kind: Any) -> Any:
    plain = plain_type(kind)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return read_struct(plain, {}, (), Problems(Path()))
    return _BLANK.get(get_origin(plain) or plain, "")


def wanted(kind: Any) -> str:
    """What a key takes, in words: its description, or those of its elements."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    if get_origin(kind) is Annotated and get_args(kind)[1].description:
        return str(get_args(kind)[1].description)
    plain = plain_type(kind)
    arguments = get_args(plain)
    origin = get_origin(plain)
    if origin is tuple:
        return f"a list in [ ], each element {wanted(arguments[0])}"
    if origin is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in arguments)
    if plain is bool:
        return "true or false"
    if origin is dict:
        return f"a table of keys ({wanted(arguments[0])}) and values ({wanted(arguments[1])})"
    return "true or false" if plain is bool else "the section and its keys"


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "a true or false"
    for kind, words in (
        (str, "a text"),
        (int, "a number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "a table"),
    ):
        if isinstance(value, kind):
            return words
    return "a date or time"

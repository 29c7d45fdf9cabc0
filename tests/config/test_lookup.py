"""[lookup]: what cannot work, or would give something away, is told with its line and remedy before it takes effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, load
from tests.config.files import sample, sample_secrets, write

URL = "https://crm.example.org/callers?number={number}"


def told(folder: Path, section: dict[str, Any], secret: str | None = None) -> list[str]:
    table = sample()
    table["lookup"] = section
    more = {"lookup": {"secret": secret}} if secret is not None else {}
    path = write(folder, table, {**sample_secrets(), **more})
    try:
        load(path)
    except ConfigErrors as refused:
        return [str(one) for one in refused.errors]
    return []


def test_a_lookup_that_can_work_is_taken(tmp_path: Path) -> None:
    assert told(tmp_path, {"url": URL, "answer": {"name": "/a~1b/0"}, "fields": {"customer_number": "/no"}}, "s") == []
    assert told(tmp_path, {"url": "http://127.0.0.1:8080/{digits}"}, "s") == []
    assert told(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("section", "secret", "sentence"),
    [
        ({"url": "crm.example.org"}, None, "lookup.url"),
        ({"url": "https://{number}.example.org/"}, None, "host is not fixed"),
        ({"url": "https://[::1/{number}"}, None, "no URL"),
        ({"url": "https://a.example:99999/{number}"}, None, "no URL"),
        ({"url": "https://me:pw@crm.example.org/{number}"}, None, "login in a file"),
        ({"url": "https://crm.example.org/{number}#x"}, None, "fragment"),
        ({"url": "https://crm.example.org/callers"}, None, "number is nowhere in it"),
        ({"url": URL + "&x={name}"}, None, "{name} is not known"),
        ({"url": URL, "body": {"a": "b"}}, None, "a GET has no body"),
        ({"url": URL, "method": "POST", "body": {"a": "{x"}}, None, "{x is not known"),
        ({"url": URL, "headers": {"Host": "evil"}}, None, "contactd writes this header"),
        ({"url": URL, "headers": {"X-Key": "abc"}, "secret_header": "x-key"}, None, "a secret in a file"),
        ({"url": URL, "headers": {"Cookie": "abc"}}, None, "a secret in a file"),
        ({"url": URL, "headers": {"X": "a\nb"}}, None, "lookup.headers.X"),
        ({"url": URL, "ca_file": "/none/ca.crt"}, None, "cannot be read"),
        ({"url": URL, "fields": {"shoe": "/size"}}, None, "customers.fields.shoe"),
        ({"url": URL, "answer": {"shoe": "/size"}}, None, "list, external_id"),
        ({"url": URL, "answer": {"name": "size"}}, None, "JSON pointer"),
        ({"url": "http://crm.example.org/{number}"}, "s", "in the clear"),
        ({"answer": {"name": "/name"}}, None, "this key is missing"),
    ],
)
def test_a_lookup_that_cannot_work_is_told_with_its_line(
    tmp_path: Path, section: dict[str, Any], secret: str | None, sentence: str
) -> None:
    problems = told(tmp_path, section, secret)
    assert len(problems) == 1, problems
    assert sentence in problems[0]
    file = "secrets.toml" if secret else "contactd.toml"
    assert f"{file}:" in problems[0]
    assert secret is None or "abc" not in problems[0]

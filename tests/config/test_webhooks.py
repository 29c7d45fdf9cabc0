"""[webhooks.<id>]: what cannot work, or would give something away, is told with line and remedy beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, load
from contactd.config.reference import sample as sample_text
from contactd.config.reference import secrets_sample
from tests.config.files import sample, sample_secrets, write

URL = "https://crm.example.org/contactd"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GOOD: dict[str, Any] = {"url": URL, "events": ["case.*", "contact.ended"]}


def told(folder: Path, section: dict[str, Any], secrets: dict[str, Any] | None = None) -> list[str]:
    kept = {"crm": {"secret": SECRET}} if secrets is None else secrets
    path = write(folder, {**sample(), "webhooks": {"crm": section}}, {**sample_secrets(), "webhooks": kept})
    try:
        load(path)
    except ConfigErrors as refused:
        return [str(one) for one in refused.errors]
    return []


def test_a_web_hook_that_can_work_is_taken(tmp_path: Path) -> None:
    secrets = {"crm": {"secret": SECRET, "old_secret": SECRET, "headers": {"Authorization": "Bearer x"}}}
    assert told(tmp_path, GOOD, secrets) == []
    assert told(tmp_path, {"url": "http://127.0.0.1:8080/in", "events": ["*"], "headers": {"X-Site": "A"}}) == []


@pytest.mark.parametrize(
    ("section", "secrets", "sentence"),
    [
        ({"url": "crm.example.org"}, None, "webhooks.crm.url"),
        ({"url": "https://a.example:99999/"}, None, "no URL"),
        ({"url": "https://me:pw@crm.example.org/"}, None, "login in a file"),
        ({"url": URL + "#x"}, None, "fragment"),
        ({"url": "http://crm.example.org/"}, None, "in the clear"),
        ({"url": "https:///in"}, None, "no host"),
        ({"events": []}, None, "it is told nothing"),
        ({"events": ["contact.started"]}, None, 'there is no event "contact.started"'),
        ({"events": ["contacts"]}, None, "contact.ended"),
        ({"headers": {"Webhook-Id": "x"}}, None, "contactd writes this header"),
        ({"headers": {"Authorization": "x"}}, None, "a secret in a file"),
        ({"ca_file": "/none/ca.crt"}, None, "cannot be read"),
        ({"most_at_once": 0}, None, "1 to 50"),
        ({}, {}, "this key is missing"),
        ({}, {"crm": {"secret": "tooshort"}}, "whsec_"),
        ({}, {"crm": {"secret": SECRET + "A"}}, "not 24 to 64 bytes in base64"),
        ({}, {"crm": {"secret": SECRET}, "wall": {"secret": SECRET}}, "wall"),
        ({}, {"crm": {"secret": SECRET, "headers": {"Host": "x"}}}, "contactd writes this header"),
    ],
)
def test_a_web_hook_that_cannot_work_is_told_with_its_line(
    tmp_path: Path, section: dict[str, Any], secrets: dict[str, Any] | None, sentence: str
) -> None:
    found = told(tmp_path, {**GOOD, **section}, secrets)
    assert any(sentence in one for one in found), found
    assert not any(SECRET in one or "tooshort" in one for one in found)


def test_the_samples_show_one_as_a_comment_that_can_be_taken(tmp_path: Path) -> None:
    for name, text in (("contactd", sample_text()), ("secrets", secrets_sample())):
        at = text.index("# [webhooks.crm]")
        end = text.index("\n\n\n", at)
        lines = [
            line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [")) else line
            for line in text[at:end].splitlines()
        ]
        path = tmp_path / f"{name}.toml"
        path.touch(0o600)
        path.write_text(text[:at] + "\n".join(line for line in lines if not line.startswith("#")) + text[end:])
    assert load(tmp_path / "contactd.toml").webhooks["crm"].told[0] == "contact.ended"

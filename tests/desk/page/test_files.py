"""The page's files as they are committed: where they are from, and that every word stands in both catalogues."""

from __future__ import annotations

import gzip
import hashlib
import json
import re

import pytest

from tests.lab.page import PAGE, TOOLS, VENDOR

SOURCES = sorted(path for path in (PAGE / "js").rglob("*.js") if path.parent.name != "words")


def _catalogue(language: str) -> dict[str, str]:
    text = (PAGE / f"js/words/{language}.js").read_text()
    body = text[text.index("{", text.index("export default")) : text.rindex("}")].rstrip().removesuffix(",") + "}"
    found: dict[str, str] = json.loads(body)
    return found


def test_vendored_files_are_those_of_their_manifest() -> None:
    listed = json.loads((VENDOR / "vendor.json").read_text())
    assert {one["file"] for one in listed} == {path.name for path in VENDOR.glob("*.mjs")}
    for one in listed:
        assert hashlib.sha256((VENDOR / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
        assert (VENDOR / one["license_file"]).stat().st_size > 500


def test_vendored_versions_are_the_locked_ones() -> None:
    locked = json.loads((TOOLS / "package-lock.json").read_text())["packages"]
    for one in json.loads((VENDOR / "vendor.json").read_text()):
        entry = locked[f"node_modules/{one['package']}"]
        assert entry["version"] == one["version"]
        assert entry["integrity"].startswith("sha512-")


def test_modules_import_by_relative_paths_to_files_that_are_there() -> None:
    for path in [*SOURCES, *VENDOR.glob("*.mjs")]:
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for name in re.findall(r'(?:\bfrom ?|\bimport ?\(?)"([^"]+)"', code):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"


def test_catalogues_have_the_same_keys_and_the_same_values_in_them() -> None:
    english, spanish = _catalogue("en"), _catalogue("es")
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", spanish[key])), key
        assert bool(text) == bool(spanish[key]), key


def test_every_word_that_is_asked_for_stands_in_the_catalogue_and_none_is_left_over() -> None:
    code = "\n".join(path.read_text() for path in SOURCES)
    english = _catalogue("en")
    whole = set(re.findall(r'\bt\(\s*"([\w.]+)"', code))
    assert whole <= english.keys(), whole - english.keys()
    beginnings = {f"{found}." for found in re.findall(r'\btold\(\s*"([\w.]+)"', code)}
    beginnings |= set(re.findall(r"\bt\(\s*`([\w.]+\.)\$", code))
    for beginning in beginnings:
        assert any(key.startswith(beginning) for key in english), beginning
    left = {key for key in english if key not in whole and not key.startswith(tuple(beginnings))}
    assert not left, left


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_text_that_people_read_stands_in_code(path: object) -> None:
    code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)  # type: ignore[attr-defined]
    for template in re.findall(r"html`(.*?)`", code, flags=re.DOTALL):
        for text in re.findall(r">([^<>$`{}=]*[A-Za-z]{2,}[^<>$`{}=]*)<", template):
            assert text in ("Alt",), text
        for name, value in re.findall(r'\b(aria-label|placeholder|title|alt)="([^"]+)"', template):
            assert value == "contactd", f"{name}={value}"


def test_nothing_stands_inline() -> None:
    index = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)| style=| on\w+=", index)
    for path in SOURCES:
        assert not re.search(r"\bstyle=|innerHTML|\beval\(", path.read_text()), path.name


def test_every_module_is_asked_for_at_once() -> None:
    """Else each waits for the one that imports it."""
    index = (PAGE / "index.html").read_text()
    wanted = {path for path in SOURCES if path.name not in ("main.js", "types.js")} | {PAGE / "js/words/en.js"}
    wanted |= set(VENDOR.glob("*.mjs"))
    found = set(re.findall(r'modulepreload" href="/static/([^"]+)"', index))
    assert found == {path.relative_to(PAGE).as_posix() for path in wanted}


def test_the_whole_page_is_light() -> None:
    """300 KB is the promise (first_load_kb); this is the page alone, as it is compressed."""
    files = [path for path in PAGE.rglob("*") if path.suffix in (".html", ".css", ".js", ".mjs", ".svg")]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) < 300_000

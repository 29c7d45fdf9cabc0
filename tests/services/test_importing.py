"""Files of customers as the world writes them: what can be read is read, what cannot costs its own row."""

from __future__ import annotations

import codecs
import csv
import doctest
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.config import CustomerField
from contactd.services import spreadsheet
from contactd.services.crm.identity import Numbering
from contactd.services.crm.importing.cards import cards
from contactd.services.crm.importing.lines import LONGEST, FileRefused, Line, lines, look
from contactd.services.crm.importing.mapping import OF_A_CARD, Columns, Entry, Refusal, named_columns
from contactd.services.crm.importing.rows import Row
from contactd.services.crm.importing.sheet import Sheet

DE = Numbering("DE")
FIELDS = {"number": CustomerField(), "born": CustomerField(type="date")}


def sheet(text: str, delimiter: str | None = None) -> Sheet:
    return Sheet(lines(io.StringIO(text, newline="")), delimiter)


def rows(text: str) -> list[tuple[int, list[str] | str]]:
    """Line, and the cells or the error's first words."""
    return [(row.line, row.error or [cell for _, cell in row.cells]) for row in sheet(text)]


def entry(named: dict[str, str], *cells: tuple[str, str]) -> Entry | Refusal:
    return Columns(named, FIELDS, DE).entry(Row(7, cells))


def read_cards(text: str) -> list[Row]:
    return list(cards(lines(io.StringIO(text, newline=""))))


# --- CSV ---


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_heading(sign: str) -> None:
    text = f"name{sign}phone\r\nAnna{sign}+4930\r\n"
    assert sheet(text).columns == ["name", "phone"]
    assert rows(text) == [(2, ["Anna", "+4930"])]


def test_a_quoted_cell_has_what_it_likes_and_lines_are_counted_through_it() -> None:
    found = rows('name,phone\n"Anna, ""die"" Große\nGasse","1"\n\nBert,2\n')
    assert found == [(2, ['Anna, "die" Große\nGasse', "1"]), (5, ["Bert", "2"])]


def test_a_quote_that_is_never_closed_costs_its_own_row() -> None:
    text = 'name,phone\nAnna,1\n"Bert,2\n' + "".join(f"Nobody,{n}\n" for n in range(500))
    found = rows(text)
    assert found[0] == (2, ["Anna", "1"])
    assert found[1][0] == 3 and "not closed" in found[1][1]
    assert found[2:] == [(n + 4, ["Nobody", str(n)]) for n in range(500)]
    at_the_end = rows('name,phone\nAnna,1\n"Bert,2')
    assert at_the_end[0] == (2, ["Anna", "1"]) and "not closed" in at_the_end[1][1]
    odd = rows('name,phone\n"Anna" B,1\nBert,2\n')
    assert odd[0][0] == 2 and isinstance(odd[0][1], str) and odd[1] == (3, ["Bert", "2"])


def test_a_line_of_ten_megabytes_costs_its_own_row() -> None:
    text = "name,phone\n" + "x" * (10 * LONGEST) + "\nBert,2\n"
    found = rows(text)
    assert found[0][0] == 2 and "longer than" in found[0][1]
    assert found[1] == (3, ["Bert", "2"])


def test_too_many_and_too_few_cells_are_told() -> None:
    found = rows("name,phone\nAnna,Maria,1\nBert\nCarla,3\n")
    assert [line for line, _ in found] == [2, 3, 4]
    assert "3 cells, the heading 2" in found[0][1] and "1 cells, the heading 2" in found[1][1]


@pytest.mark.parametrize(
    ("text", "sign", "sentence"),
    [
        ("name;phone\nAnna;1\n", ",", "try --delimiter semicolon"),
        ("", None, "no heading"),
        ("name,Name\n", None, "twice"),
        ("name,\n", None, "Column 2"),
        ('"name,phone\n', None, "heading cannot be read"),
        ("name,\x1b[2Jphone\n", None, "cannot be printed"),
        ("name," + "x" * 101 + "\n", None, "longer than 100"),
        ("x" * (2 * LONGEST), None, "no heading"),
    ],
)
def test_a_heading_that_is_none_is_refused_with_the_remedy(text: str, sign: str | None, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        sheet(text, sign)


@given(st.lists(st.tuples(st.text(max_size=30), st.text(min_size=1, max_size=30)), max_size=20))
def test_whatever_a_csv_writer_wrote_is_read_back(cells: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([("name", "phone"), *cells])
    assert [cells for _, cells in rows(out.getvalue())] == [list(one) for one in cells]


@given(st.text(alphabet='",\n\r;ab\0\ufffd', max_size=200))
def test_whatever_else_stands_there_every_row_is_told_once(text: str) -> None:
    found = rows("name,phone\n" + text)
    told = [line for line, _ in found]
    assert told == sorted(set(told))


# --- encodings ---


@pytest.mark.parametrize(
    ("raw", "asked", "encoding"),
    [
        ("name\nÄnne\n".encode(), None, "utf-8"),
        (codecs.BOM_UTF8 + "name\nÄnne\n".encode(), None, "utf-8-sig"),
        ("\ufeffname\nÄnne\n".encode("utf-16-le"), None, "utf-16"),
        ("\ufeffname\nÄnne\n".encode("utf-16-be"), None, "utf-16"),
        ("name\nÄnne\n".encode("utf-16-le"), "utf-16", "utf-16-le"),
        ("name\nÄnne\n".encode("cp1252"), "cp1252", "cp1252"),
        ("name\nÄnne\n".encode("latin-1"), "latin-1", "latin-1"),
    ],
)
def test_an_encoding_is_seen_or_said(tmp_path: Path, raw: bytes, asked: str | None, encoding: str) -> None:
    (tmp_path / "file").write_bytes(raw)
    source = look(tmp_path / "file", asked)
    assert source.encoding == encoding
    with source.open() as file:
        assert [line.text for line in lines(file)] == ["name\n", "Änne\n"]


@pytest.mark.parametrize(
    ("raw", "asked", "sentence"),
    [
        ("name\nÄnne\n".encode("cp1252"), None, "line 2, is not UTF-8.*--encoding cp1252"),
        ("name\nAnna\n".encode("utf-16-le"), None, "--encoding utf-16"),
        (b"name\nA\xed\xa0\x80nna\n", None, "line 2, is not UTF-8"),
        (codecs.BOM_UTF8 + b"name\n", "cp1252", "leave --encoding out"),
        (b"", None, "is empty"),
        (b"name\n\xc3", None, "line 2"),
    ],
)
def test_one_that_is_not_sure_is_asked_for(tmp_path: Path, raw: bytes, asked: str | None, sentence: str) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(FileRefused, match=sentence):
        look(tmp_path / "file", asked)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="cannot be read"):
        look(tmp_path / "none", None)


# --- what a row says ---

NAMED = {
    "Vorname": "name",
    "Nachname": "name",
    "Telefon": "phone",
    "Id": "external:crm",
    "Nr": "number",
    "Geburt": "field:born",
    "VIP": "vip",
    "Sprache": "language",
    "Werbung": "consent:marketing",
    "Seit": "consent:marketing:at",
    "Notiz": "note",
}


def test_a_row_becomes_an_entry() -> None:
    cells = {
        "Vorname": " Anna ",
        "Nachname": "Müller",
        "Telefon": "030 88776-6551",
        "Id": "K-4711",
        "Nr": "12",
        "Geburt": "1980-02-29",
        "VIP": "Yes",
        "Sprache": "de-DE",
        "Werbung": "refused",
        "Seit": "2024-05-01",
        "Notiz": "two\nlines",
    }
    found = entry(NAMED, *cells.items())
    assert isinstance(found, Entry)
    edit = found.edit
    assert edit.fields == {"name": ("Anna Müller", "anna müller"), "number": ("12", None), "born": ("1980-02-29", None)}
    assert list(edit.identities) == [("phone", "+4930887766551"), ("external", "crm:K-4711")]
    assert (edit.vip, edit.language) == (True, "de_DE")
    (answer,) = found.answers
    assert (answer.purpose, answer.given, answer.at) == ("marketing", False, 1714521600.0)
    assert found.notes == ["two\nlines"]
    assert "Anna" not in repr(found) and "4711" not in repr(found)


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        ("Telefon", "1001", "country"),
        ("Id", "a b", "without spaces"),
        ("Geburt", "29.02.1980", "such as 2026-12-31"),
        ("VIP", "maybe", "yes or no"),
        ("Werbung", "1.5.2024", "yes or no"),
        ("Seit", "1.5.2024", "2026-12-31"),
        ("Sprache", "German", "de or en_GB"),
        ("Nachname", "x" * 201, "200"),
        ("Nachname", "Mül\0ler", "printable"),
        ("Nachname", "M\ufffdller", "encoding"),
        ("Nr", "\ud800", "printable"),
        ("Nr", "x" * 1001, "1000"),
        ("Nr", "two\nlines", "one line"),
        ("Notiz", "x" * 10_001, "10000"),
    ],
)
def test_a_cell_that_is_refused_says_which_why_and_no_value(column: str, cell: str, sentence: str) -> None:
    found = entry(NAMED, ("Telefon", "+4930887766551"), (column, cell))
    assert isinstance(found, Refusal) and found.line == 7
    ((_, told),) = found.faults
    assert sentence in told
    assert cell not in told


def test_every_fault_of_a_row_is_told_at_once_and_a_nameless_row_is_one() -> None:
    found = entry(NAMED, ("Telefon", "x"), ("VIP", "maybe"), ("Nr", "\0"))
    assert isinstance(found, Refusal) and [column for column, _ in found.faults] == ["Telefon", "VIP", "Nr"]
    found = entry(NAMED, ("Vorname", "Anna"), ("Telefon", "  "))
    assert isinstance(found, Refusal) and "no number, address or id" in found.faults[0][1]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)"])
def test_a_formula_is_text_on_its_way_in_and_out(text: str) -> None:
    for cell in (text, spreadsheet.neutral(text)):
        found = entry(NAMED, ("Id", "1"), ("Nr", cell))
        assert isinstance(found, Entry) and found.edit.fields["number"] == (text, None)
    assert spreadsheet.neutral(text)[0] == "'" and spreadsheet.original(spreadsheet.neutral(text)) == text
    assert spreadsheet.neutral("\t=1")[0] == spreadsheet.neutral("\r=1")[0] == "'"
    assert doctest.testmod(spreadsheet).failed == 0


def test_a_column_that_leads_nowhere_is_refused_before_any_row() -> None:
    columns = Columns({"Telefon": "phone"}, FIELDS, DE)
    columns.fit(["telefon", "Name", "born"])
    with pytest.raises(FileRefused, match=r"--map 'Straße=TARGET'.*field:born"):
        columns.fit(["Telefon", "Straße"])
    with pytest.raises(FileRefused, match="no column Telefon; it has name"):
        columns.fit(["name"])
    with pytest.raises(FileRefused, match="No column names a customer"):
        Columns({}, FIELDS, DE).fit(["name", "born"])
    for target in ("shoe", "field:shoe", "consent:fun", "consent:calls:on", "external:", "chat"):
        with pytest.raises(FileRefused, match="nothing that column x could be"):
            Columns({"x": target}, FIELDS, DE)


def test_a_map_is_written_in_a_file_or_word_by_word(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('[columns]\n"Telefon=privat" = "phone"\nNr = "number"\n')
    assert named_columns([str(tmp_path / "map.toml"), "A=B=mail"]) == {
        "Telefon=privat": "phone",
        "Nr": "number",
        "A=B": "mail",
    }
    for text, sentence in (("[other]\n", "one table"), ("x", "no TOML"), ("[columns]\na = 1\n", "one table")):
        (tmp_path / "map.toml").write_text(text)
        with pytest.raises(FileRefused, match=sentence):
            named_columns([str(tmp_path / "map.toml")])
    with pytest.raises(FileRefused, match="takes COLUMN=TARGET or a file"):
        named_columns(["nothing"])


# --- vCard ---

V2 = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Anna\r\n"
    "FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Anna M=FC=\r\nller\r\nTEL;CELL;PREF:030 887766551\r\n"
    "PHOTO;ENCODING=BASE64;TYPE=JPEG:/9j/4AAQSkZJRgABAQ\r\n /////////\r\n\r\nEND:VCARD\r\n"
)
V3 = (
    "begin:vcard\nVERSION:3.0\nN:Weber;Bert;;;\nFN:Bert \n Weber\nitem1.TEL;TYPE=HOME:+4930887766552\n"
    "TEL:+498911\n 223344\nEMAIL;TYPE=INTERNET:bert@b.example\nNOTE:one\\ntwo\\, three\nX-NR:17\nend:vcard\n"
)
V4 = (
    'BEGIN:VCARD\nVERSION:4.0\nKIND:org\nFN:Beispiel GmbH\nTEL;VALUE=uri;TYPE="voice,work":tel:+49-30-887766553\n'
    "EMAIL:mailto:info@b.example\nLANG:de\nADR:;;Gasse 1;Berlin;;10115;\nEND:VCARD\n"
)
CARD = {"X-NR": "number"}


def test_cards_of_three_versions_are_read_from_one_file() -> None:
    columns = Columns(CARD, FIELDS, DE, known=OF_A_CARD)
    found = [columns.entry(row) for row in read_cards(V2 + V3 + V4)]
    anna, bert, firm = found
    assert isinstance(anna, Entry) and isinstance(bert, Entry) and isinstance(firm, Entry)
    assert anna.edit.fields["name"] == ("Anna Müller", "anna müller")
    assert list(anna.edit.identities) == [("phone", "+4930887766551")]
    assert bert.edit.fields["name"] == ("Bert Weber", "bert weber")
    assert bert.edit.fields["number"] == ("17", None)
    wanted = [("phone", "+4930887766552"), ("phone", "+498911223344"), ("mail", "bert@b.example")]
    assert list(bert.edit.identities) == wanted
    assert bert.notes == ["one\ntwo, three"]
    assert (firm.edit.kind, firm.edit.language) == ("organisation", "de")
    assert list(firm.edit.identities) == [("phone", "+4930887766553"), ("mail", "info@b.example")]


def test_a_name_in_parts_is_put_together() -> None:
    (row,) = read_cards("BEGIN:VCARD\nVERSION:3.0\nN:Müller;Anna;Maria;Dr.;\nTEL:1\nEND:VCARD\n")
    assert dict(row.cells)["FN"] == "Dr. Anna Maria Müller"


@pytest.mark.parametrize(
    "broken",
    [
        "BEGIN:VCARD\nno name and value\nEND:VCARD\n",
        "BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=klingon:A=41\nEND:VCARD\n",
        "BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:=FF=FE\nEND:VCARD\n",
        "BEGIN:VCARD\nFN:Anna\n",
        "BEGIN:VCARD\nBDAY:" + "x" * 70_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\nX:" + "x" * (2 * LONGEST) + "\nEND:VCARD\n",
        "BEGIN:VCARD\nBEGIN:VTODO\nEND:VCARD\n",
        "Dear customer,\nhere they are:\n",
    ],
)
def test_a_broken_card_costs_itself(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_cards(V3 + broken + V4)
    assert [bool(row.error) for row in found] == [False, True, False]
    assert found[1].line == V3.count("\n") + 1
    assert found[2].line == (V3 + broken).count("\n") + 1
    said = capsys.readouterr()
    assert said.out + said.err == ""


def test_a_card_of_many_folded_lines_is_refused_quickly() -> None:
    text = "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:=\n" + "x=\n" * 100_000 + "END:VCARD\n"
    assert [bool(row.error) for row in read_cards(text * 3)] == [True] * 3


@given(st.text(alphabet="BEGINVCARD:END;=\n \x00\ud800TL41\u00fc", max_size=300))
def test_whatever_a_card_says_nothing_breaks(text: str) -> None:
    columns = Columns(CARD, FIELDS, DE, known=OF_A_CARD)
    for row in cards(iter([Line(1, "BEGIN:VCARD\n"), *(Line(2, part + "\n") for part in text.split("\n"))])):
        assert row.error or columns.entry(row)

"""Flows from their files: what is wrong is told with file, line and remedy, and nothing of it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from contactd.config import ConfigErrors, load
from contactd.config.files import open_files
from contactd.config.flows import flows_of
from contactd.config.plan import plan
from contactd.config.reference import flow_reference, sample, secrets_sample

FLOW = """\
start = "choose"
languages = ["en", "es"]

[nodes.choose]
kind = "menu"
prompt = ["custom/choose"]
keys = { "1" = "ask" }
otherwise = "service"

[nodes.ask]
kind = "collect"
prompt = ["custom/account"]
into = "account"
next = "look"
otherwise = "service"

[nodes.look]
kind = "branch"
cases = [{ when = 'account == "4711" and calendar.office.open', go = "sales" }]
otherwise = "service"

[nodes.sales]
kind = "queue"
queue = "sales"
agent = "alice"

[nodes.service]
kind = "queue"
queue = "service"

[[tests]]
name = "a customer"
caller = ["1", "4711#"]
facts = { "calendar.office.open" = true }
ends = "queue sales"
passes = ["ask", "look"]
variables = { account = "4711" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contactd.toml").write_text(sample().replace('"5001" = "queue:sales"', '"5001" = "flow:main"'))
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(secrets_sample())
    secrets.chmod(0o600)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/main.toml").write_text(FLOW)
    return tmp_path


@pytest.mark.parametrize("name", ["", "contactd.toml"])
def test_a_flow_is_a_file_in_the_folder_beside_and_is_kept_with_the_rest(folder: Path, name: str) -> None:
    settings = load(folder / name)
    assert settings.entries["5001"].kind == "flow"
    assert set(flows_of(settings)["main"].nodes) == {"choose", "ask", "look", "sales", "service"}
    assert settings.files()["flows/main.toml"] == FLOW
    before = settings.sha256
    (folder / "flows/main.toml").write_text(FLOW.replace("a customer", "a dear customer"))
    assert load(folder / name).sha256 != before


def test_what_is_no_flow_in_the_folder_is_left_alone_and_told(folder: Path) -> None:
    (folder / "flows/main.toml~").write_text("")
    (folder / "flows/.main.toml.swp").write_text("")
    opened = open_files(folder)
    assert opened.ignored == ["flows/.main.toml.swp", "flows/main.toml~"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "menu"', 'kind = "meenu"', ":5: flows.main.nodes.choose.kind: no such kind. Give one of"),
        ('kind = "menu"\n', "", ":4: flows.main.nodes.choose.kind: this key is missing. Give one of"),
        ("otherwise", "otherwhise", ":8: flows.main.nodes.choose.otherwhise: unknown key. Write otherwise"),
        ('"1" = "ask"', '"1" = "aks"', ':7: flows.main.nodes.choose.keys.1: there is no node "aks". Give one of'),
        ('start = "choose"', 'start = "begin"', ':1: flows.main.start: there is no node "begin"'),
        ('== "4711" and', "== 4711 and", ":19: flows.main.nodes.look.cases.0.when: a text compared with a number."),
        ("custom/account", "custom account", ":12: flows.main.nodes.ask.prompt: neither a sound"),
        ('["custom/account"]', '["{digits: acount}"]', ':12: flows.main.nodes.ask.prompt: nothing is called "acount"'),
        ('queue = "sales"', 'queue = "sails"', ':24: flows.main.nodes.sales.queue: there is no queue "sails".'),
        ('agent = "alice"', 'agent = "alic"', ':25: flows.main.nodes.sales.agent: there is no agent "alic".'),
        ('"calendar.office.open" = true', '"calendar.home.open" = true', 'there is no fact "calendar.home.open"'),
        ('ends = "queue sales"', 'ends = "queue service"', 'the test "a customer" fails: it ended with queue sales'),
        ('"ask", "look"', '"look", "ask"', "the caller never came to ask, but: choose, ask, look, sales."),
        ('account = "4711" }', 'account = "4712" }', "account became '4711', and was to become '4712'."),
        ('["1", "4711#"]', '["1", "4711#", "5"]', "the caller was not asked often enough: 1 of what they do was left."),
        ('ends = "queue sales"', 'ends = "somewhere"', 'Give "queue <id>", "callback <id>", "hang up" or'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(folder: Path, old: str, new: str, told: str) -> None:
    assert old in FLOW
    (folder / "flows/main.toml").write_text(FLOW.replace(old, new, 1))
    with pytest.raises(ConfigErrors) as refused:
        load(folder)
    assert told in str(refused.value)
    assert str(folder / "flows/main.toml") in str(refused.value)


def test_nobody_is_called_back_where_no_countrys_numbers_may_be(folder: Path) -> None:
    flow = FLOW.replace('agent = "alice"', "callback = true").replace('"queue sales"', '"callback sales"')
    (folder / "flows/main.toml").write_text(flow)
    assert load(folder).calls_back
    config = folder / "contactd.toml"
    before, customers = config.read_text().split("\n[customers]\n")
    nowhere = customers.replace('country = "DE"', 'country = ""', 1)
    config.write_text(f"{before}\n[customers]\n{nowhere}")
    with pytest.raises(ConfigErrors) as refused:
        load(folder)
    assert "flows.main.nodes.sales.callback: no country's numbers may be called back" in str(refused.value)


def test_a_line_to_a_flow_that_is_not_there_names_the_file_to_write(folder: Path) -> None:
    (folder / "flows/main.toml").rename(folder / "flows/mian.toml")
    with pytest.raises(ConfigErrors) as refused:
        load(folder)
    assert 'there is no flow "main". Add flows/main.toml, or name another flow.' in str(refused.value)


def test_a_flow_is_given_once(folder: Path) -> None:
    again = FLOW.replace("[nodes", "[flows.main.nodes").replace("[[tests", "[[flows.main.tests")
    (folder / "more.toml").write_text(f"[flows.main]\n{again}")
    with pytest.raises(ConfigErrors, match="gives this already"):
        load(folder)


def test_a_reload_takes_a_changed_flow(folder: Path) -> None:
    running = load(folder)
    (folder / "flows/main.toml").write_text(FLOW.replace("custom/choose", "custom/choose-now"))
    made = plan(running, load(folder))
    assert [(change.key, change.live) for change in made.changes] == [("flows.main.nodes.choose.prompt", True)]
    assert made.settings.flows["main"].nodes["choose"].prompt == ("custom/choose-now",)


def test_the_paper_tells_of_every_kind_and_key() -> None:
    paper = Path(__file__).parents[2] / "docs/flows.rst"
    text = paper.read_text(encoding="utf-8")
    assert flow_reference(text) == text, "run make docs"

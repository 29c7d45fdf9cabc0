"""Several files in one folder are one configuration; what two of them give is nobody's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contactd.config import control_socket, database_access, load, pbx_names
from tests.config.files import dump, sample, sample_secrets, write
from tests.config.test_config import refusal

SITE = (
    "floor",
    "state_dir",
    "log_level",
    "secrets_file",
    "database",
    "spool",
    "pbx",
    "agi",
    "audiosocket",
    "web",
    "ctl",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample in four files, and its secrets."""
    write(tmp_path, sample()).unlink()
    table = sample()
    site = {key: table.pop(key) for key in SITE}
    agents = {"agents": {"bob": table["agents"].pop("bob")}}
    service = {"queues": {"service": table["queues"].pop("service")}}
    for name, part in (("10-site", site), ("20-floor", table), ("21-service", service), ("30-agents", agents)):
        (tmp_path / f"{name}.toml").write_text(dump(part))
    return tmp_path


def line_of(path: Path, text: str) -> int:
    return path.read_text().splitlines().index(text) + 1


def test_files_in_a_folder_say_what_one_file_would(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    spread = load(folder)
    one = load(write(tmp_path_factory.mktemp("one"), sample()))
    assert set(spread.queues) == set(one.queues) == {"sales", "service"}
    assert set(spread.agents) == {"alice", "bob"}
    for name in one.__struct_fields__:
        if name not in ("path", "texts", "queues", "agents"):
            assert getattr(spread, name) == getattr(one, name), name
    assert dict(spread.queues) == dict(one.queues)
    assert spread.texts.keys() == {"10-site.toml", "20-floor.toml", "21-service.toml", "30-agents.toml"}
    assert control_socket(folder) == one.ctl.socket
    assert database_access(folder)[1].password == "change-me"
    assert pbx_names(folder) == ["pbx1"]


def test_every_file_is_kept_and_named_by_the_hash(folder: Path) -> None:
    before = load(folder)
    assert before.files() == before.texts
    (folder / "30-agents.toml").write_text((folder / "30-agents.toml").read_text() + "# a word\n")
    after = load(folder)
    assert after.sha256 != before.sha256
    # The same text under another name is another configuration: nobody can tell them apart else.
    (folder / "30-agents.toml").rename(folder / "31-agents.toml")
    assert load(folder).sha256 != after.sha256


@pytest.mark.parametrize(
    "name", ["10-site.toml~", "10-site.toml.dpkg-dist", "#10-site.toml#", ".10-site.toml", ".#10-site.toml", "README"]
)
def test_a_copy_that_an_editor_or_a_package_left_is_not_read(folder: Path, name: str) -> None:
    (folder / name).write_text("floor = 2\n")
    loaded = load(folder)
    assert loaded.floor == 1
    assert name not in loaded.files()


@pytest.mark.parametrize(
    ("text", "key", "first", "first_line"),
    [
        ('\n[queues."sales"]\nring_s = 9\n', "queues.sales", "20-floor.toml", '["queues"."sales"]'),
        ('\n[lines]\n"5001" = "echo"\n', "lines.5001", "20-floor.toml", '"5001" = "queue:sales"'),
        ("\n[web]\n", "web", "10-site.toml", '["web"]'),
        ("\nfloor = 1\n", "floor", "10-site.toml", '"floor" = 1'),
        ('\n[agents.bob]\nendpoint = "1009"\n', "agents.bob", "30-agents.toml", '["agents"."bob"]'),
    ],
)
def test_what_two_files_give_is_refused_with_both_places(
    folder: Path, text: str, key: str, first: str, first_line: str
) -> None:
    (folder / "90-again.toml").write_text(text)
    (told,) = [error for error in refusal(folder).errors if error.key == key]
    assert told.file == str(folder / "90-again.toml")
    assert told.line == (3 if key == "lines.5001" else 2)
    assert told.what == f"{folder / first}:{line_of(folder / first, first_line)} gives this already"
    assert told.remedy == "Remove one of the two"


def test_a_section_in_one_file_and_a_value_in_another_is_refused(folder: Path) -> None:
    (folder / "90-again.toml").write_text("queues = 5\n")
    assert [error.key for error in refusal(folder).errors] == ["queues"]


def test_every_problem_of_every_file_is_told_at_once_at_its_place(folder: Path) -> None:
    service, agents = folder / "21-service.toml", folder / "30-agents.toml"
    service.write_text(service.read_text().replace('"ring_s" = 25', '"ring_s" = 2'))
    agents.write_text(agents.read_text().replace('["service"]', '["servise"]'))
    secrets = sample_secrets()
    secrets["agents"]["alice"]["pin"] = "12"
    (folder / "secrets.toml").write_text(dump(secrets))
    assert [(error.file, error.key, error.line) for error in refusal(folder).errors] == [
        (str(service), "queues.service.ring_s", line_of(service, '"ring_s" = 2')),
        (str(agents), "agents.bob.queues", line_of(agents, '"queues" = ["servise"]')),
        (str(folder / "secrets.toml"), "agents.alice.pin", line_of(folder / "secrets.toml", '"pin" = "12"')),
    ]


def test_a_file_that_cannot_be_parsed_does_not_make_what_it_holds_missing(folder: Path) -> None:
    """Its own error is told, and what is wrong in the others; not all that it would have said."""
    (folder / "10-site.toml").write_text("floor = = 1\n[database\n")
    service = folder / "21-service.toml"
    service.write_text(service.read_text().replace('"ring_s" = 25', '"ring" = 25'))
    told = refusal(folder).errors
    assert [(Path(error.file).name, error.key) for error in told] == [
        ("10-site.toml", ""),
        ("21-service.toml", "queues.service.ring"),
    ]
    assert "line 1" in told[0].what
    # The socket may be in the broken one; the queues' file says nothing of it.
    with pytest.raises(Exception, match=r"10-site\.toml"):
        control_socket(folder)


def test_a_missing_key_is_told_of_the_folder(folder: Path) -> None:
    floor = folder / "20-floor.toml"
    floor.write_text(floor.read_text().replace('"default_queue" = "sales"', ""))
    (told,) = refusal(folder).errors
    assert (told.file, told.line, told.key) == (str(folder), None, "default_queue")


def test_an_empty_folder_and_one_that_is_not_there_are_told(tmp_path: Path) -> None:
    assert "no file in this folder" in str(refusal(tmp_path))
    assert "contactd.sample.toml" in str(refusal(tmp_path))
    assert "No such file" in str(refusal(tmp_path / "none"))


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_secrets_file_is_never_read_as_a_part_of_the_configuration(folder: Path) -> None:
    (folder / "secrets.toml").rename(folder / "hush.toml")
    site = folder / "10-site.toml"
    site.write_text(site.read_text().replace('"secrets.toml"', '"hush.toml"'))
    loaded = load(folder)
    assert loaded.secrets.database.password == "change-me"
    assert "change-me" not in str(loaded.files())
    # An old one that nobody names any more neither.
    (folder / "secrets.toml").write_text('[pbx.pbx1]\nsecret = "old"\n')
    assert "old" not in load(folder).texts.get("secrets.toml", "")


def test_the_systemd_credential_goes_before_the_file(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path_factory.mktemp("credentials")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert load(folder).pbx_secret(pbx_names(folder)[0]) == "change-me"
    secrets = sample_secrets()
    secrets["pbx"]["pbx1"]["secret"] = "from-the-credential"
    credential = credentials / "secrets.toml"
    credential.touch(0o400)
    credential.chmod(0o600)
    credential.write_text(dump(secrets))
    (folder / "secrets.toml").chmod(0o644)  # nobody looks at it
    assert load(folder).pbx_secret(pbx_names(folder)[0]) == "from-the-credential"
    credential.chmod(0o644)
    told = refusal(folder).errors
    assert [(error.file, error.key) for error in told] == [(str(credential), "")]


# --- check-config -----------------------------------------------------------------------------------------------------


def check_config(path: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "contactd", "--config", str(path), "check-config"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_check_config_shows_what_was_read_and_what_is_worth_a_look(folder: Path) -> None:
    (folder / "10-site.toml~").touch()
    more = "[queues.idle]\n[queues.rare]\nskills = { finnish = 1 }\nsteps = { 60 = { skills = {} } }\n"
    (folder / "40-more.toml").write_text(more)
    bob = sample()["agents"]["bob"] | {"queues": ["service", "rare"]}
    (folder / "30-agents.toml").write_text(dump({"agents": {"bob": bob}}))
    ran = check_config(folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"{folder} is right.\n")
    for said in (
        "10-site.toml: floor, state_dir",
        f"secrets     {folder / 'secrets.toml'}",
        "not read    10-site.toml~",
        "PBXes       pbx1: contactd at 127.0.0.1:5038",
        "lines       5000 = menu:main, 5001 = queue:sales, 5900 = echo",
        "queues      sales, service, idle, rare",
        "agents      2: alice, bob",
        load(folder).sha256,
        "queues.idle: no agent serves it",
        "queues.rare: no agent has what it asks for",
    ):
        assert said in ran.stdout
    assert "change-me" not in ran.stdout
    assert "0815" not in ran.stdout


def test_check_config_tells_everything_wrong_a_line_each_and_ends_with_1(folder: Path) -> None:
    service = folder / "21-service.toml"
    service.write_text(service.read_text().replace('"ring_s" = 25', '"ring_s" = 2'))
    (folder / "90-again.toml").write_text("[web]\n")
    ran = check_config(folder)
    assert (ran.returncode, ran.stdout) == (1, "")
    first, second, last = ran.stderr.splitlines()
    assert first.startswith(f"{service}:")
    assert second.startswith(f"{folder / '90-again.toml'}:1: web: ")
    assert last == "contactd: 2 errors in the configuration; nothing of it is used."

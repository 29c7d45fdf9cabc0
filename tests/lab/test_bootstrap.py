"""The first thing a newcomer runs: quick when nothing is to do, and its errors say the remedy."""

from pathlib import Path

import pytest

from tests.lab import bootstrap, debs
from tests.lab.progress import LabError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of our own, with a virtual environment that claims to be up to date."""
    for name in bootstrap.DESCRIPTIONS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[metadata]\n")
    lab = tmp_path / ".lab"
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "LAB", lab)
    monkeypatch.setattr(bootstrap, "STAMP", lab / "venv/.installed")
    (lab / "venv").mkdir(parents=True)
    bootstrap.STAMP.write_text(bootstrap.wanted())
    return tmp_path


def test_it_installs_only_when_the_packages_description_changed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = []
    monkeypatch.setattr(bootstrap, "install", lambda: installed.append("again"))
    assert bootstrap.main([]) == 0
    assert not installed
    (tree / "setup.cfg").write_text("[metadata]\nname = other\n")
    assert bootstrap.main([]) == 0
    assert installed == ["again"]


def test_an_error_is_one_sentence_and_no_traceback(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["teapot"]) == 1
    brings = ", ".join(["asterisk", "postgresql-tls", "dovecot", "postfix", "chromium", *debs.TOOLS])
    assert capsys.readouterr().err == f"lab: the lab knows no teapot; it brings {brings}\n"


def test_pip_trusts_debians_authorities_where_the_host_has_none(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "HOST_CERTIFICATES", tree / "none.crt")
    monkeypatch.delenv("PIP_CERT", raising=False)
    brought = tree / ".lab/pip-root/usr/share/ca-certificates/mozilla"
    brought.mkdir(parents=True)
    (brought / "a.crt").write_text("A\n")
    (brought / "b.crt").write_text("B\n")
    assert Path(bootstrap._pip_environment()["PIP_CERT"]).read_text() == "A\nB\n"
    monkeypatch.setenv("PIP_CERT", "/the/callers.crt")
    assert bootstrap._pip_environment()["PIP_CERT"] == "/the/callers.crt"


def test_clean_removes_everything_generated(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.postgres.ELSEWHERE", tree / "elsewhere")
    (tree / "elsewhere/data").mkdir(parents=True)
    assert bootstrap.main(["--clean"]) == 0
    assert sorted(path.name for path in tree.iterdir()) == ["pyproject.toml", "release", "setup.cfg"]
    assert bootstrap.main(["--clean"]) == 0


def test_what_cannot_be_removed_names_the_remedy(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, onerror: object) -> None:
        onerror(None, str(path), (PermissionError, None, None))  # type: ignore[operator]

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(LabError, match="sudo make clean"):
        bootstrap.clean()

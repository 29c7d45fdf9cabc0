"""Which mirror a host uses, and what makes a brought program run."""

from pathlib import Path

import pytest

from tests.lab import debs
from tests.lab.progress import LabError

DEB822 = """\
# the usual
Types: deb
URIs: {uri}
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.mark.parametrize(
    ("sources", "mirror"),
    [
        ("deb http://deb.debian.org/debian bookworm main\n", "http://deb.debian.org/debian"),
        (
            "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian/ sid main\n",
            "https://mirror.example/debian",
        ),
        ("# deb http://commented.example/debian sid main\n", None),
        ("deb http://security.debian.org/debian-security bookworm-security main\n", None),
        ("deb cdrom:[Debian 12]/ bookworm main\n", None),
        ("deb http://archive.ubuntu.com/ubuntu noble main universe\n", None),
        (DEB822.format(uri="http://ftp.fr.debian.org/debian"), "http://ftp.fr.debian.org/debian"),
        (
            DEB822.format(uri="http://x.example/debian-security http://y.example/debian"),
            "http://y.example/debian",
        ),
        ("", None),
    ],
)
def test_the_mirror_is_the_hosts_own_and_never_another_vendors(sources: str, mirror: str | None) -> None:
    assert debs.mirror_of(sources) == mirror


def test_a_root_that_holds_the_packages_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / debs.STAMP).write_text("apple pear\n")
    assert debs.ensure(["pear", "apple"], tmp_path) == tmp_path


def test_a_program_runs_through_the_loader_of_its_own_root_on_any_architecture(tmp_path: Path) -> None:
    libraries = tmp_path / "usr/lib/aarch64-linux-gnu"
    (libraries / "pulseaudio").mkdir(parents=True)
    (libraries / "pulseaudio/libpulsecommon-17.0.so").touch()
    (libraries / "ld-linux-aarch64.so.1").touch()
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/tool").touch()
    assert debs.runner(tmp_path, "usr/bin/tool") == [
        f"{libraries}/ld-linux-aarch64.so.1",
        "--library-path",
        f"{libraries}:{libraries}/pulseaudio",
        f"{tmp_path}/usr/bin/tool",
    ]


def test_a_program_of_a_suite_before_usrmerge_finds_its_libraries_in_all_places(tmp_path: Path) -> None:
    for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/odbc", "usr/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2").touch()
    (tmp_path / "usr/lib/x86_64-linux-gnu/odbc/libodbcpsqlS.so").touch()
    (tmp_path / "usr/lib/libasteriskpj.so.2").touch()
    (tmp_path / "usr/sbin/asterisk").touch()
    loader, _, path, binary = debs.runner(tmp_path, "usr/sbin/asterisk")
    assert loader == f"{tmp_path}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    assert [Path(folder).relative_to(tmp_path).as_posix() for folder in path.split(":")] == [
        *("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/odbc", "usr/lib"),
    ]
    assert binary == f"{tmp_path}/usr/sbin/asterisk"


def test_a_suite_that_left_the_mirror_is_looked_for_in_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debs, "STATE", tmp_path / "state")
    monkeypatch.setattr(debs, "ARCHIVE", "http://127.0.0.1:9/archive")
    monkeypatch.setenv("CONTACTD_LAB_MIRROR", "http://127.0.0.1:9/debian")
    with pytest.raises(LabError, match=r"mirror http://127\.0\.0\.1:9/debian does not answer"):
        debs.ensure(["hello"], tmp_path / "root", "bullseye")
    # The last place that was asked; sid's own state is not touched.
    assert "http://127.0.0.1:9/archive bullseye" in (tmp_path / "state-bullseye/etc/apt/sources.list").read_text()
    assert not (tmp_path / "state").exists()


def test_a_broken_root_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="make clean"):
        debs.runner(tmp_path, "usr/bin/tool")


def test_an_unreachable_mirror_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debs, "STATE", tmp_path / "state")
    monkeypatch.setenv("CONTACTD_LAB_MIRROR", "http://127.0.0.1:9/debian")
    with pytest.raises(LabError, match=r"mirror http://127\.0\.0\.1:9/debian does not answer; .*CONTACTD_LAB_MIRROR"):
        debs.ensure(["hello"], tmp_path / "root")

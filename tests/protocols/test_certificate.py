"""The end of a certificate, from its bytes: as openssl tells it, and of nothing else."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.metrics.certificates import instant_of
from contactd.protocols.certificate import NoCertificate, ends

FOLDER = Path(__file__).resolve().parents[1] / "store/certificates"


def der(name: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert((FOLDER / name).read_text())


def python_says(name: str) -> float:
    """Of a file, Python tells it though nobody has verified anything."""
    told = ssl._ssl._test_decode_cert(str(FOLDER / name))  # type: ignore[attr-defined]
    return float(ssl.cert_time_to_seconds(told["notAfter"]))


@pytest.mark.parametrize("name", ["valid.crt", "expired.crt", "ca.crt", "stranger.crt"])
def test_it_is_what_python_reads_of_the_file(name: str) -> None:
    assert instant_of(ends(der(name))) == python_says(name)


def test_years_of_four_and_of_two_digits() -> None:
    assert ends(der("valid.crt"))[:4] == "2120"
    assert ends(der("expired.crt"))[:4] == "2021"
    old = der("expired.crt").replace(b"\x17\x0d21", b"\x17\x0d99")
    assert ends(old)[:4] == "1999"


@given(cut=st.integers(0, 200))
def test_one_that_is_cut_off_is_none(cut: int) -> None:
    with pytest.raises(NoCertificate):
        ends(der("valid.crt")[:cut])


@given(where=st.integers(0, 300), value=st.integers(0, 255))
def test_one_that_is_garbled_is_one_or_none(where: int, value: int) -> None:
    garbled = bytearray(der("valid.crt"))
    garbled[where % len(garbled)] = value
    with contextlib.suppress(NoCertificate):
        assert ends(bytes(garbled))[-1] == "Z"


@given(st.binary(max_size=300))
def test_bytes_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(NoCertificate):
        ends(data)

"""Texts spoken by a real engine: once, at a telephone's level, without silence round them, in files for a PBX."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contactd.config import Speech
from contactd.config.speech import place_of
from contactd.core.ivr.flow import Flow, fact_kinds, make_flow
from contactd.core.ivr.nodes import HangUp, Node, Say
from contactd.services.speech import Speaker, SpeechFailed
from contactd.services.speech.engines import RATES, NoSpeech
from contactd.services.speech.sound import LEVEL_DB, alaw, files, read_wav, resampled, ulaw
from tests.lab.debs import tool

WELCOME = {"en": "Welcome to Example Bank. How may we help you?", "es": "Bienvenido a Banco Ejemplo."}


def section(folder: Path, **changes: object) -> Speech:
    made = Speech(engine="espeak-ng", program=tuple(tool("espeak-ng")), folder=str(folder))
    return msgspec.structs.replace(made, **changes)


def flow(
    *, values: bool = False, text: dict[str, str] | None = None, languages: tuple[str, ...] = ("en", "es")
) -> dict[str, Flow]:
    prompt = ("{text: welcome}", *(["{amount: sum}"] if values else []))
    nodes: dict[str, Node] = {"hello": Say(prompt=prompt, next="bye"), "bye": HangUp()}
    made, troubles = make_flow(
        "main",
        "hello",
        nodes,
        variables={},
        facts={**fact_kinds([], []), "sum": "number"},  # type: ignore[dict-item]
        languages=languages,
        currency="EUR",
        texts={"welcome": text or WELCOME},
    )
    assert not troubles
    return {"main": made}


def pcm(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), "<i2").astype(float) / 32768


def decoded_ulaw(data: bytes) -> np.ndarray:
    """G.711's table, value by value."""
    found = []
    for byte in data:
        code = ~byte & 0xFF
        value = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
        found.append(-value if code & 0x80 else value)
    return np.array(found)


def test_a_text_is_spoken_once_and_lies_where_its_name_says(tmp_path: Path) -> None:
    speech = section(tmp_path / "spoken")
    before = os.umask(0o077)
    try:
        assert Speaker(speech).prepare(flow()) == 2
    finally:
        os.umask(before)
    assert [one.stat().st_mode & 0o777 for one in (tmp_path / "spoken", *(tmp_path / "spoken").iterdir())][:2] == [
        0o755
    ] * 2
    for language, words in WELCOME.items():
        for ending in RATES:
            path = Path(place_of(speech, language, words) + ending)
            assert path.stat().st_mode & 0o777 == 0o644
            assert 1 < path.stat().st_size / (32_000 if ending == ".sln16" else 8_000) < 5
    assert Speaker(speech).prepare(flow()) == 0
    # In another voice, or at another pace, it is another file.
    faster = section(tmp_path / "spoken", words_per_minute=250)
    assert Speaker(faster).prepare(flow()) == 2
    quick, slow = (Path(place_of(one, "en", WELCOME["en"]) + ".ulaw").stat().st_size for one in (faster, speech))
    assert quick < 0.8 * slow


def test_speech_has_the_level_of_other_prompts_and_no_silence_round_it(tmp_path: Path) -> None:
    speech = section(tmp_path)
    Speaker(speech).prepare(flow())
    for language, words in WELCOME.items():
        wide = pcm(Path(place_of(speech, language, words) + ".sln16"))
        moments = (wide[: len(wide) // 320 * 320].reshape(-1, 320) ** 2).mean(axis=1)
        loud = moments[moments > moments.max() / 1000]
        assert 10 * np.log10(loud.mean()) == pytest.approx(LEVEL_DB, abs=1.5)
        assert np.abs(wide).max() < 0.9
        first, last = np.flatnonzero(moments > moments.max() / 1000)[[0, -1]]
        assert first * 20 <= 100 and (len(moments) - last) * 20 <= 200  # ms


def test_the_codecs_say_the_same_as_the_samples(tmp_path: Path) -> None:
    speech = section(tmp_path)
    Speaker(speech).prepare(flow())
    name = place_of(speech, "en", WELCOME["en"])
    wide = pcm(Path(name + ".sln16"))
    narrow = decoded_ulaw(Path(name + ".ulaw").read_bytes()).astype(float) / 32768
    assert len(narrow) == pytest.approx(len(wide) / 2, abs=2)
    again = resampled(wide, 16_000, 8_000)[: len(narrow)]
    assert np.corrcoef(again, narrow[: len(again)])[0, 1] > 0.99


def test_g711_is_as_its_standard_says() -> None:
    # Every code, decoded and coded again, is itself.
    every = bytes(range(256))
    coded = np.frombuffer(ulaw(decoded_ulaw(every).astype(np.int16)), np.uint8)
    assert [n for n in range(256) if coded[n] != n] in ([], [127])  # there are two zeros
    assert alaw(np.array([0, -1], dtype=np.int16)).hex() == "d555"
    assert alaw(np.array([32767, -32768], dtype=np.int16)).hex() == "aa2a"


def test_money_takes_its_words_with_it(tmp_path: Path) -> None:
    speech = section(tmp_path)
    made = flow(values=True, text={"es": "Debe"}, languages=("es",))["main"]
    assert {("es", "euros"), ("es", "veintiún"), ("es", "céntimos"), ("es", "mil")} <= made.to_speak()
    assert Speaker(speech).prepare({"main": made}) == len(made.to_speak())
    for language, words in made.to_speak():
        assert Path(place_of(speech, language, words) + ".sln16").stat().st_size > 32 * 100, words


def test_an_engine_that_cannot_speak_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SpeechFailed, match="apt install espeak-ng"):
        Speaker(section(tmp_path, program=("/nowhere/espeak-ng",))).prepare(flow())
    with pytest.raises(SpeechFailed, match="another voice"):
        Speaker(section(tmp_path, voices={"en": "zz-top"})).prepare(flow())
    with pytest.raises(SpeechFailed, match="is no WAV, of a text in en"):
        Speaker(section(tmp_path, program=("/bin/echo", "hello"))).prepare(flow())
    with pytest.raises(SpeechFailed, match=r"pip install 'contactd\[speech\]'"):
        Speaker(section(tmp_path, engine="piper", program=("/nowhere/piper",), voices={"en": "x"})).prepare(flow())
    with pytest.raises(SpeechFailed, match="piper has no voice for es"):
        Speaker(section(tmp_path, engine="piper")).prepare(flow(text={"es": "Hola", "en": ""} | {"en": "."}))
    (tmp_path / "file").write_text("")
    with pytest.raises(SpeechFailed, match=r"cannot be written .*another folder under \[speech\]"):
        Speaker(section(tmp_path / "file")).prepare(flow())
    assert not list(tmp_path.glob("*/*")), "half a text was left behind"


def test_what_is_no_speech_is_refused() -> None:
    head = (
        b"RIFF\xff\xff\xff\xffWAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
        + b"data\xff\xff\xff\x7f"
    )
    samples, rate = read_wav(head + b"\x00\x10" * 4410)
    assert rate == 22050 and len(samples) == 4410 and samples[0] == 4096 / 32768
    for wrong in (b"", b"hello", head[:20], head.replace(b"\x01\x00\x01\x00", b"\x01\x00\x02\x00")):
        with pytest.raises(NoSpeech):
            read_wav(wrong)
    with pytest.raises(NoSpeech, match="said nothing"):
        files(np.zeros(8000), 22050)
    with pytest.raises(NoSpeech):
        files(np.zeros(0), 22050)

"""What else is heard on a telephone: voices (espeak-ng), other codecs (sox), music and signalling tones, all seeded."""

from __future__ import annotations

import io
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from tests.lab.debs import tool
from tests.lab.progress import LabError
from tests.lab.tty.line import RATE_HZ, Samples, bytes_of, samples_of, silence, tone

VOICES = (
    *("en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "es", "it", "pt-br", "nl", "sv", "da", "pl", "cs", "ru", "tr"),
    *("fi", "hu", "el", "ro", "hi", "id", "sw", "vi", "cmn"),
)
VARIANTS = ("", "+f2", "+f4", "+m2", "+m5", "+m7", "+croak", "+whisper", "+klatt2")

SENTENCES = (
    "Good morning, thank you for calling. How can I help you?",
    "My account number is four seven one one, and I have been waiting for two weeks.",
    "She sells sea shells by the sea shore, sixteen of six hundred sixty six.",
    "Could you please repeat that? The line is very bad today.",
    "Eee, ooh, aah, well, hmm, I am not sure whether the invoice was paid in March or in May.",
    "Press one for sales, two for service, three for everything else, or hold the line.",
    "Whistle while you work, and sing: la la la, doo bee doo.",
    "Der Schornsteinfeger kommt am Dienstag zwischen zehn und zwoelf Uhr.",
)


def spoken(text: str, voice: str = "en-us", *, words_a_minute: int = 160, pitch: int = 50) -> Samples:
    """Seconds of a synthetic voice, as a telephone passes it: 300 to 3400 Hz, its peaks at the ceiling."""
    argv = [*tool("espeak-ng"), "--stdout", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), text]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode or len(done.stdout) < 100:
        raise LabError(f"espeak-ng says nothing in {voice}: {done.stderr.decode(errors='replace')}")
    with wave.open(io.BytesIO(done.stdout)) as file:
        rate = file.getframerate()
    # What it writes to a pipe has no length in its header.
    sound = samples_of(done.stdout[44 : len(done.stdout) - len(done.stdout) % 2])
    sound = np.pad(
        sound, (0, -len(sound) % rate)
    )  # whole seconds: a transform of a length with large factors takes long
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / rate)
    spectrum[(hz < 300) | (hz > 3_400)] = 0
    count = round(len(sound) * RATE_HZ / rate)
    heard = np.fft.irfft(spectrum[: count // 2 + 1], count)
    loudest = float(np.abs(heard).max())
    return heard * (20_000 / loudest) if loudest else heard


def coded(samples: Samples, codec: str, *, setting: str | None = None) -> Samples:
    """There and back by a codec of sox, such as gsm or amr-nb."""
    raw = ["-t", "raw", "-r", str(RATE_HZ), "-e", "signed", "-b", "16", "-c", "1"]
    compression = ["-C", setting] if setting else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sound.{codec}"
        for argv, data in (
            ([*raw, "-", *compression, "-t", codec, str(path)], bytes_of(samples)),
            (["-t", codec, str(path), *raw, "-"], b""),
        ):
            done = subprocess.run([*tool("sox"), "-D", *argv], input=data, capture_output=True, check=False)
            if done.returncode:
                raise LabError(f"sox did not code {codec}: {done.stderr.decode(errors='replace')}")
    return samples_of(done.stdout)


def cadence(hz: tuple[float, ...], on_off_s: tuple[float, ...], seconds: float) -> Samples:
    """One or more tones, on and off by turns."""
    pieces: list[Samples] = []
    lasted, at = 0.0, 0
    while lasted < seconds:
        length = on_off_s[at % len(on_off_s)]
        count = round(length * RATE_HZ)
        sounding = sum((tone(one, length)[:count] for one in hz), np.zeros(count))
        pieces.append(sounding if at % 2 == 0 else np.zeros(count))
        lasted += length
        at += 1
    return np.concatenate(pieces)


def signals() -> dict[str, Samples]:
    """What networks, keypads and other machines send: ten seconds of each."""
    found = {
        "busy, USA": cadence((480, 620), (0.5, 0.5), 10),
        "busy, Europe": cadence((425,), (0.5, 0.5), 10),
        "ringing, USA": cadence((440, 480), (2, 4), 12),
        "ringing, UK": cadence((400, 450), (0.4, 0.2, 0.4, 2), 12),
        "dial tone": cadence((350, 440), (10,), 10),
        "call waiting": cadence((440,), (0.3, 9.7), 10),
        "fax calling (CNG)": cadence((1_100,), (0.5, 3), 14),
        "fax or modem answering (CED)": cadence((2_100,), (3.3, 0.1), 10),
        "Bell answer tone": cadence((2_225,), (3.3, 0.1), 10),
        "voicemail beep": cadence((1_400,), (0.5, 4.5), 10),
        "recording beep": cadence((1_400,), (0.2, 14.8), 15),
        "howler": cadence((1_400, 2_060, 2_450, 2_600), (0.1, 0.1), 10),
        "a siren": 9_000 * np.sin(np.cumsum(2 * np.pi / RATE_HZ * (1_600 + 500 * np.sin(np.arange(80_000) / 1_500)))),
    }
    # Three tones that say that a number is not in service: two of them are close to those of a TTY.
    special = [tone(hz, length) for hz, length in ((913.8, 0.274), (1370.6, 0.274), (1776.7, 0.38))]
    other = [tone(hz, length) for hz, length in ((985.2, 0.38), (1428.5, 0.38), (1776.7, 0.38))]
    found["special information tone"] = np.concatenate([*special, silence(1), *other, silence(1)] * 3)
    # Keys: a TTY's space is 1800, a keypad's columns 1209 to 1633.
    rows, columns = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
    keys = [tone(row, 0.07) + tone(column, 0.07) for row in rows for column in columns]
    found["keys"] = np.concatenate([part for key in keys * 4 for part in (key, silence(0.07))])
    # Modems of 300 baud by frequency shift: V.21 (980/1180, 1650/1850) and Bell 103 (1070/1270, 2025/2225).
    dice = np.random.default_rng(7)
    for name, mark, space, baud in (
        ("V.21 calling, as fax machines talk", 980, 1_180, 300),
        ("V.21 answering", 1_650, 1_850, 300),
        ("Bell 103 answering", 2_225, 2_025, 300),
        ("V.23", 1_300, 2_100, 1_200),
        ("noise of modems on the tones of a TTY", 1_400, 1_800, 300),
    ):
        bits = np.repeat(dice.random(10 * baud) < 0.5, RATE_HZ // baud)
        found[name] = 9_000 * np.sin(np.cumsum(2 * np.pi / RATE_HZ * np.where(bits, mark, space)))
    return found


def music(seconds: float, seed: int) -> Samples:
    """Chords, a tune and a drum. The tune goes through the octave in which a TTY's tones lie."""
    dice = np.random.default_rng(seed)
    sound = silence(seconds)
    beat = int(RATE_HZ * 60 / dice.integers(70, 160))
    scale = 55 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11]) / 12) * 2 ** (dice.integers(0, 12) / 12)
    harmonics = 1 / np.arange(1, 7) ** dice.uniform(0.5, 2.0)
    for start in range(0, len(sound), beat):
        notes = [(float(dice.choice(scale)) * 2 ** int(dice.integers(2, 4)), beat * 2, 0.5) for _ in range(3)]
        per_beat = int(dice.choice([1, 2, 4, 8]))
        notes += [(float(dice.choice(scale)) * 2 ** int(dice.integers(3, 6)), beat // per_beat, 1.0)] * per_beat
        for number, (hz, length, loud) in enumerate(notes):
            at = start + max(0, number - 3) * (beat // per_beat)
            time = np.arange(max(0, min(length, len(sound) - at))) / RATE_HZ
            for harmonic, strength in enumerate(harmonics, 1):
                if hz * harmonic < 3_600:
                    sound[at : at + len(time)] += (
                        loud * strength * np.sin(2 * np.pi * hz * harmonic * time) * np.exp(-3 * time)
                    )
        drum = min(800, len(sound) - start)
        sound[start : start + drum] += dice.normal(0, 0.5, drum) * np.exp(-np.arange(drum) / 150)
    return sound * (9_000 / float(np.abs(sound).max()))

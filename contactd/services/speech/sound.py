"""What an engine said, as telephones want it: 8 and 16 kHz, without silence round it, at the level of other prompts."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from math import gcd

import numpy as np
from numpy.typing import NDArray

from contactd.services.speech.engines import RATES, NoSpeech

Samples = NDArray[np.float64]
"""Between -1 and 1."""
LEVEL_DB = -20.0
"""Of the speech itself against full scale: where recorded prompts lie."""
PEAK_DB = -1.5
_SILENT_DB = -45.0
"""Against the loudest moment: what is softer at the ends is no speech."""
_AROUND_S = 0.03
_FRAME_S = 0.01


def read_wav(data: bytes) -> tuple[Samples, int]:
    """Samples and their rate. Raises NoSpeech."""
    # An engine that writes to a pipe cannot know the length when it writes the header.
    start = data.find(b"data")
    if data[:4] != b"RIFF" or start < 0:
        raise NoSpeech("what the engine said is no WAV")
    try:
        with wave.open(io.BytesIO(_sized(data, start))) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise NoSpeech(f"what the engine said is no WAV ({error})") from None
    if width != 2 or channels != 1 or not 8_000 <= rate <= 96_000:
        raise NoSpeech(
            f"the engine gave {channels} channels of {8 * width} bits at {rate} Hz; one of 16 bits is wanted"
        )
    return np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float64) / 32_768, rate


def _sized(data: bytes, start: int) -> bytes:
    length = len(data) - start - 8
    head = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8 : start + 4]
    return head + length.to_bytes(4, "little") + data[start + 8 :]


def files(samples: Samples, rate: int) -> dict[str, bytes]:
    """A file's bytes by its ending. Raises NoSpeech."""
    spoken = _levelled(_trimmed(samples, rate), rate)
    found: dict[str, bytes] = {}
    for ending, wanted in RATES.items():
        pcm = np.clip(np.round(resampled(spoken, rate, wanted) * 32_767), -32_768, 32_767).astype("<i2")
        found[ending] = _CODECS[ending](pcm)
    return found


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """By its spectrum: what the new rate cannot carry is cut off, softly, so that nothing rings."""
    if rate == wanted:
        return samples
    # Room at both ends: a spectrum takes the end for the beginning's neighbour.
    room = rate // 10
    # Whole samples of both rates, or all of it would be stretched by a part of one.
    unit = rate // gcd(rate, wanted)
    length = -(-(len(samples) + 2 * room) // unit) * unit
    padded = np.concatenate([np.zeros(room), samples, np.zeros(length - room - len(samples))])
    count = length * wanted // rate
    bins = np.fft.rfft(padded)
    kept = np.zeros(count // 2 + 1, dtype=complex)
    upto = min(len(kept), len(bins))
    fade = np.ones(upto)
    soft = max(1, upto // 20)
    fade[-soft:] = np.cos(np.linspace(0, np.pi / 2, soft))
    kept[:upto] = bins[:upto] * fade
    made = np.fft.irfft(kept, count) * (wanted / rate)
    cut = round(room * wanted / rate)
    return np.asarray(made[cut : cut + round(len(samples) * wanted / rate)], dtype=np.float64)


def speech_level_db(samples: Samples, rate: int) -> float:
    """Of the moments with speech in them alone: pauses do not make a prompt softer."""
    power = _powers(samples, rate)
    loud = power[power > power.max(initial=0) / 10**3.5]
    return float(10 * np.log10(loud.mean())) if loud.size and loud.mean() > 0 else -120.0


def _powers(samples: Samples, rate: int) -> Samples:
    length = max(1, round(_FRAME_S * rate))
    whole = len(samples) // length * length
    return np.asarray((samples[:whole].reshape(-1, length) ** 2).mean(axis=1))


def _trimmed(samples: Samples, rate: int) -> Samples:
    power = _powers(samples, rate)
    loud = np.flatnonzero(power > power.max(initial=0) * 10 ** (_SILENT_DB / 10))
    if not loud.size or power.max() < 1e-8:
        raise NoSpeech("the engine said nothing")
    length, around = round(_FRAME_S * rate), round(_AROUND_S * rate)
    return samples[max(0, loud[0] * length - around) : (loud[-1] + 1) * length + around]


def _levelled(samples: Samples, rate: int) -> Samples:
    gain = 10 ** ((LEVEL_DB - speech_level_db(samples, rate)) / 20)
    loudest = float(np.abs(samples).max()) * gain
    return samples * gain * min(1.0, 10 ** (PEAK_DB / 20) / loudest)


def ulaw(pcm: NDArray[np.int16]) -> bytes:
    """G.711 mu-law."""
    value = np.minimum(np.abs(pcm.astype(np.int32)), 32_635) + 132
    exponent = np.floor(np.log2(value)).astype(np.int32) - 7
    code = np.where(pcm < 0, 0x80, 0) | exponent << 4 | (value >> (exponent + 3)) & 0x0F
    return bytes((~code & 0xFF).astype(np.uint8).tobytes())


def alaw(pcm: NDArray[np.int16]) -> bytes:
    """G.711 A-law."""
    signed = pcm.astype(np.int32) >> 3
    value = np.where(signed < 0, -signed - 1, signed)
    exponent = np.where(value < 32, 1, np.floor(np.log2(np.maximum(value, 32))).astype(np.int32) - 4)
    code = np.where(value < 32, value >> 1, exponent << 4 | (value >> exponent) & 0x0F)
    return bytes(((code ^ np.where(signed < 0, 0x55, 0xD5)) & 0xFF).astype(np.uint8).tobytes())


_CODECS: dict[str, Callable[[NDArray[np.int16]], bytes]] = {
    ".sln16": lambda pcm: pcm.tobytes(),
    ".ulaw": ulaw,
    ".alaw": alaw,
}

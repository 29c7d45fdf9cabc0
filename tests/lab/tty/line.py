"""What happens to sound on its way: functions of samples (floats, 16-bit scale, 8 kHz), seeded where they roll dice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

RATE_HZ = 8_000
PACKET = 160


def samples_of(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float64)


def bytes_of(samples: Samples) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ))


def padded(samples: Samples, seconds: float = 0.6) -> Samples:
    return np.concatenate((silence(seconds), samples, silence(seconds)))


def tone(hz: float, seconds: float, dbm0: float = -13.0) -> Samples:
    at = np.arange(round(seconds * RATE_HZ))
    sound: Samples = 32_767 * 10 ** ((dbm0 - 3.17) / 20) * np.sin(2 * np.pi * hz * at / RATE_HZ)
    return sound


def g711(samples: Samples) -> Samples:
    """There and back by mu-law (ITU-T G.711): 255 steps, finer where it is quiet."""
    clipped = np.clip(np.rint(samples), -32_635, 32_635)
    magnitude = np.abs(clipped) + 132
    segment = np.floor(np.log2(magnitude)) - 7
    step = 2 ** (segment + 3)
    restored: Samples = np.sign(clipped) * ((np.floor(magnitude / step) + 0.5) * step - 132)
    return restored


def rms(samples: Samples) -> float:
    """Of where there is sound."""
    heard = samples[np.abs(samples) > 0]
    return float(np.sqrt(np.mean(heard**2))) if len(heard) else 0.0


def noisy(samples: Samples, snr_db: float, seed: int) -> Samples:
    """White noise over the whole 4 kHz, so much below the signal; both kept below the ceiling of G.711."""
    strength = rms(samples)
    noise = np.random.default_rng(seed).normal(0, strength * 10 ** (-snr_db / 20), len(samples))
    mixed = samples + noise
    return mixed * (3_000 / rms(mixed))


def beside(samples: Samples, other: Samples, ratio_db: float) -> Samples:
    """Another sound at once, so much below the signal; repeated while the signal lasts."""
    repeated = np.resize(other, len(samples))
    mixed = samples + repeated * (rms(samples) * 10 ** (-ratio_db / 20) / rms(other))
    return mixed * (3_000 / rms(mixed))


def lossy(samples: Samples, share: float, seed: int) -> Samples:
    """Packets of 20 ms lost, and nothing put in their place."""
    kept = np.random.default_rng(seed).random(len(samples) // PACKET + 1) >= share
    return samples * np.repeat(kept, PACKET)[: len(samples)]


def shifted(samples: Samples, hz: float) -> Samples:
    """Every frequency moved, as by a carrier system with a wrong oscillator."""
    spectrum = np.fft.fft(samples)
    spectrum[len(samples) // 2 :] = 0
    turned = np.fft.ifft(2 * spectrum) * np.exp(2j * np.pi * hz * np.arange(len(samples)) / RATE_HZ)
    moved: Samples = np.real(turned)
    return moved


def twisted(samples: Samples, db: float) -> Samples:
    """1800 Hz so much above 1400 Hz, with a straight slope between."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    slope = np.clip((hz - 1_600) / 400, -1, 1) * db
    bent: Samples = np.fft.irfft(spectrum * 10 ** (slope / 20), len(samples))
    return bent


def hurried(samples: Samples, share: float) -> Samples:
    """Played faster by this share, tones and all: what a sender's wrong clock does."""
    at = np.arange(0, len(samples) - 1, 1 + share)
    played: Samples = np.interp(at, np.arange(len(samples)), samples)
    return played


def echoing(samples: Samples, db: float, ms: float) -> Samples:
    late = round(ms * RATE_HZ / 1_000)
    heard = samples.copy()
    heard[late:] += samples[:-late] * 10 ** (db / 20)
    return heard


def character_errors(sent: str, read: str) -> int:
    """How many characters must be changed, put in or taken out (Levenshtein)."""
    if not sent or not read:
        return max(len(sent), len(read))
    letters = np.frombuffer(read.encode("utf-32-le"), "<u4")
    places = np.arange(len(read) + 1)
    row = places.copy()
    for count, letter in enumerate(sent, 1):
        new = np.empty_like(row)
        new[0] = count
        new[1:] = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.minimum.accumulate(new - places) + places
    return int(row[-1])

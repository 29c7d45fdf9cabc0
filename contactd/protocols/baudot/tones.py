"""The front end: samples to the complex strength of five tones, a thousand times a second.

Mark and space, and three tones beside and between them that no TTY sends: what is heard there is the noise of the line.
Each is mixed to zero frequency and summed over a millisecond; everything behind works on these.
"""

from typing import NewType

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 8_000
MARK_HZ, SPACE_HZ = 1_400, 1_800
BESIDE_HZ = (1_200, 1_600, 2_000)
TONES_HZ = (MARK_HZ, SPACE_HZ, *BESIDE_HZ)

PER_MS = SAMPLE_RATE_HZ // 1_000
BATCH_MS = 40
"""The step of everything behind: fixed, so that what is read does not depend on how the samples were cut."""
BATCH = BATCH_MS * PER_MS

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

# All five tones repeat after 40 samples, so one small matrix mixes and sums five milliseconds at once.
_PERIOD = 40


def _mixer() -> Floats:
    matrix = np.zeros((_PERIOD, _PERIOD // PER_MS, len(TONES_HZ), 2))
    at = np.arange(_PERIOD)
    for tone, hz in enumerate(TONES_HZ):
        angle = 2 * np.pi * hz * at / SAMPLE_RATE_HZ
        matrix[at, at // PER_MS, tone, 0] = np.cos(angle)
        matrix[at, at // PER_MS, tone, 1] = -np.sin(angle)
    return matrix.reshape(_PERIOD, -1) / SAMPLE_RATE_HZ * 1_000


_MIXER = _mixer()


def mix(samples: Floats) -> Complexes:
    """(milliseconds, tones). A tone of amplitude A has a strength of A/2. samples: a multiple of 40."""
    mixed: Complexes = (samples.reshape(-1, _PERIOD) @ _MIXER).view(np.complex128)
    return mixed.reshape(-1, len(TONES_HZ))


Amplitude = NewType("Amplitude", float)


def amplitude(dbm0: float) -> Amplitude:
    """Of a tone of this level, in 16-bit samples. G.711 has its highest tone at 3.17 dBm0 (mu-law) or 3.14 (A-law)."""
    return Amplitude(32_767 * 10 ** ((dbm0 - 3.17) / 20))

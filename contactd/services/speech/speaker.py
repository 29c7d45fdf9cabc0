"""What is spoken already, and what must be before a configuration is used."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from contactd.config import Speech
from contactd.config.speech import voice_folder
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.prompts import spoken_name
from contactd.services.speech.engines import RATES, NoSpeech, SpeechFailed, speak

log = structlog.get_logger()

_KEPT_S = 30 * 86400
"""A file that no text is of any more: the old configuration may come back, and callers may be inside the old flow."""
_LAST = ".sln16"
"""Written last: where it is, the others are."""


class Speaker:
    """Blocking calls, for a thread."""

    def __init__(self, section: Speech) -> None:
        self._section = section

    def prepare(self, flows: Mapping[str, Flow]) -> int:
        """Speak what is not there; how many texts that were. Raises SpeechFailed, and then nothing half is left."""
        wanted = {one for flow in flows.values() for one in flow.to_speak()}
        missing = sorted(one for one in wanted if not self._path(*one, _LAST).exists())
        began = time.monotonic()
        for language in dict.fromkeys(language for language, _ in missing):
            self._speak(language, [words for of, words in missing if of == language])
        if missing:
            log.info("texts_spoken", count=len(missing), engine=self._section.engine, took_s=time.monotonic() - began)
        if wanted:
            self._forget(wanted)
        return len(missing)

    def _path(self, language: str, words: str, ending: str) -> Path:
        folder = Path(self._section.folder) / voice_folder(self._section, language)
        return folder / f"{spoken_name(language, words)}{ending}"

    def _speak(self, language: str, texts: list[str]) -> None:
        # Here, beside the loop: numpy takes a tenth of a second to load, and most starts have nothing to say.
        from contactd.services.speech.sound import files, read_wav  # noqa: PLC0415

        try:
            folder = self._path(language, "", "").parent
            folder.mkdir(parents=True, exist_ok=True)
            # Whatever our umask: Asterisk is another user.
            for one in (folder.parent, folder):
                one.chmod(0o755)
            for words, wav in zip(texts, speak(self._section, language, texts), strict=True):
                made = files(*read_wav(wav))
                for ending in sorted(RATES, key=lambda ending: ending == _LAST):
                    _write(self._path(language, words, ending), made[ending])
        except NoSpeech as error:
            raise SpeechFailed(
                f"{error}, of a text in {language}: is there such a voice? See [speech.voices]."
            ) from None
        except OSError as error:
            remedy = "Let contactd write there, or name another folder under [speech]."
            raise SpeechFailed(f"{self._section.folder} cannot be written ({error.strerror}). {remedy}") from None

    def _forget(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Files of the folder that nobody has wanted for a month."""
        kept = {self._path(language, words, ending) for language, words in wanted for ending in RATES}
        now = time.time()
        with contextlib.suppress(OSError):
            for path in Path(self._section.folder).glob("*/*"):
                if path in kept:
                    os.utime(path)
                elif path.suffix in RATES and now - path.stat().st_mtime > _KEPT_S:
                    path.unlink()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and Asterisk's user may read it."""
    beside = path.with_suffix(f".new{os.getpid()}")
    beside.write_bytes(data)
    beside.chmod(0o644)
    beside.replace(path)

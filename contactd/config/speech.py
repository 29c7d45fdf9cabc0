"""Where the spoken texts of flows lie."""

from __future__ import annotations

from hashlib import sha256

from contactd.config.flows import flows_of
from contactd.config.sections import Sections, Speech
from contactd.core.ivr.prompts import spoken_name


def voice_folder(section: Speech, language: str) -> str:
    """One for each way of speaking: with another voice or pace every text is another file."""
    said = f"{section.engine} {section.voices.get(language, '')} {section.words_per_minute}"
    return sha256(said.encode()).hexdigest()[:12]


def place_of(section: Speech, language: str, words: str) -> str:
    """As the PBX plays it, without an ending."""
    return f"{section.pbx_folder or section.folder}/{voice_folder(section, language)}/{spoken_name(language, words)}"


def spoken_sounds(sections: Sections) -> list[str]:
    """As the PBX must have them. Not the words of values: where one file is, all are."""
    if not any(flow.texts for flow in sections.flows.values()):
        return []
    texts = {text for flow in flows_of(sections).values() for text in flow.spoken_texts()}
    return [place_of(sections.speech, language, words) for language, words in sorted(texts)]

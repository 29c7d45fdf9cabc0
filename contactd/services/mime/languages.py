"""In which language a text is written, by its script and its small words: enough to choose who reads it."""

from __future__ import annotations

import re
from collections import Counter

_WORDS = {
    "en": "the and is are you your have has not with this that for please would we my was but can",
    "de": "der die das und ist nicht ich sie wir mit für auf ein eine bitte haben habe zu wird wurde mein ihre",
    "fr": "le la les et est je vous nous pas pour une dans avec sur que qui mon votre bonjour merci",
    "es": "el los las y es no por para una con que mi su pero hola gracias está como yo nos",
    "it": "il gli e è non per una con che mi sono ho grazie buongiorno della questo vostro ma come",
    "nl": "de het een en is niet ik u wij met voor op van dat mijn uw graag heb hebben bedankt",
    "pt": "o os e é não por para uma com que meu seu mas olá obrigado está como eu nos você",
    "sv": "och är inte jag ni vi med för på en ett att min er tack har det som hej kan",
    "da": "og er ikke jeg vi med for på en et at min tak har det som hej kan dig der",
    "pl": "i jest nie się na z do w że mój proszę dziękuję to jak mam dzień dobry czy ale",
    "cs": "a je ne se na s do v že můj prosím děkuji to jak mám dobrý den ale jsem jsme",
    "tr": "ve bir bu için ile çok var değil ben siz lütfen teşekkürler merhaba ama olarak daha ne mi",
}
_OF: dict[str, list[str]] = {}
for _language, _listed in _WORDS.items():
    for _word in _listed.split():
        _OF.setdefault(_word, []).append(_language)
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("uk", re.compile("[іїєґІЇЄҐ]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_LONGEST = 10_000


def language_of(text: str) -> str:
    """A code of two letters; "": too short, or none of those known here.

    >>> language_of("Guten Tag, ich habe eine Frage zu der Rechnung, die nicht stimmt."), language_of("ok")
    ('de', '')
    """
    text = text[:_LONGEST]
    letters = sum(letter.isalpha() for letter in text)
    for language, script in _SCRIPTS:
        if len(script.findall(text)) * 10 > max(letters, 20) * (1 if language in ("uk", "ja") else 3):
            return language
    hits: Counter[str] = Counter()
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        for language in _OF.get(word, ()):
            hits[language] += 1
    ranked = hits.most_common(2)
    if not ranked or ranked[0][1] < 3 or (len(ranked) > 1 and ranked[0][1] < 1.3 * ranked[1][1]):
        return ""
    return ranked[0][0]

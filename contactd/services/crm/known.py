"""From a party's record to what routing is told: ids, skills, a boost; by the configuration in force."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from contactd.config import Customers
from contactd.core.contact import Known, KnownBy
from contactd.core.ids import SkillId
from contactd.services.crm.lookup import Answer
from contactd.store.parties import Record


def nearest(language: str | None, there: Collection[str]) -> str | None:
    """The language itself where it is there, else without its country; None: neither is.

    >>> nearest("de_AT", ("en", "de")), nearest("en_GB", ("en_GB", "en")), nearest("de", ("de_AT",)), nearest(None, ())
    ('de', 'en_GB', None, None)
    """
    if language is None:
        return None
    return next((one for one in (language, language.partition("_")[0]) if one in there), None)


def known_of(
    found: Sequence[Record], customers: Customers, by: KnownBy = KnownBy.NUMBER, answer: Answer | None = None
) -> Known:
    """What follows from the records that an identity belongs to; of several, none: a guess would tell one household
    member what another one asked. answer: another system's, whose word goes before the record's."""
    if answer is not None and len(found) == 1:
        (kept,) = found
        found = [
            replace(
                kept,
                vip=kept.vip if answer.vip is None else answer.vip,
                language=answer.language or kept.language,
            )
        ]
    if len(found) != 1:
        return Known(matches=len(found), by=by)
    (record,) = found
    skills: dict[SkillId, int] = {}
    for more in (
        customers.vip_skills if record.vip else {},
        customers.languages.get(nearest(record.language, customers.languages) or "", {}),
    ):
        for skill, level in more.items():
            skills[skill] = max(level, skills.get(skill, 0))
    return Known(
        party=record.party,
        matches=1,
        by=by,
        vip=record.vip,
        language=record.language,
        skills=skills,
        boost_s=customers.vip_boost_s if record.vip else 0,
        agents=dict(record.agents),
        text=record.text,
    )

"""Answers by a real worker through a real Postfix into a real Dovecot: each once, whatever dies, and nothing lost."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contactd.config import Settings, load
from contactd.store import outbox
from contactd.store.journal import open_pool
from contactd.store.mail import MailKeeper, Parcel
from contactd.store.mail_out import MAIL
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.config.files import sample, sample_secrets, write
from tests.ctl.test_contactctl import contactctl
from tests.engine.journal import fetch
from tests.lab.mail.dovecot import Dovecot
from tests.lab.mail.postfix import Postfix
from tests.worker.test_sending import until_rows, working

KEY = "0123456789abcdef" * 4
STATES = "SELECT state FROM outbox WHERE kind = 'mail' ORDER BY id"
_uids = iter(range(1, 1_000_000))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dovecot, Postfix]]:
    with Dovecot(tmp_path_factory.mktemp("dovecot")) as dovecot, Postfix(dovecot) as postfix:
        yield dovecot, postfix


def settings_of(folder: Path, dsn: str, postfix: Postfix, **more: Any) -> Settings:
    table, secrets = sample(), sample_secrets()
    url, _, rest = dsn.partition("//")
    login, _, host = rest.rpartition("@")
    name, _, password = login.partition(":")
    table["database"] = {"dsn": f"{url}//{name}@{host}"}
    secrets["database"] = {"password": password}
    secrets["customers"] = {"key": KEY}
    table["mailboxes"] = {"support": {"host": "127.0.0.1", "username": "support", "tls": "starttls"}}
    secrets["mailboxes"] = {"support": {"password": "x"}}
    server = {"host": "127.0.0.1", "port": postfix.port, "ca_file": str(postfix.ca), "break_s": 1}
    table["smtp"] = {"support": {**server, "address": "support@lab.test", **more}}
    return load(write(folder, table, secrets))


async def came(dsn: str, data: bytes, folder: Path) -> str:
    """As if it was fetched. Its id."""
    pool = await open_pool(dsn)
    keeper = MailKeeper(pool, Vault.of_hex([KEY]), "support")
    await keeper.open(1, 0)
    with Parcel(next(_uids), 0.0, folder) as parcel:
        parcel.add(data)
        parcel.end()
        await keeper.keep([parcel], parcel.uid, settles=False)
        pool.terminate()
        return parcel.id


def customers_mail(user: str, **heads: str) -> bytes:
    heads = {
        "From": f"{user}@customers.test",
        "Subject": "A question",
        "Message-ID": f"<{user}@customers.test>",
        **heads,
    }
    return "".join(f"{name}: {value}\r\n" for name, value in heads.items()).encode() + b"\r\nWhy?\r\n"


async def answered(settings: Settings, mail: str, folder: Path, *more: str) -> str:
    """Its id in the outbox."""
    text = folder / "answer.txt"
    text.write_text("Darum, schön.\n")
    told = await contactctl("--config", settings.path, "--json", "mail", "reply", mail, "--file", str(text), *more)
    assert told.code == 0, told.err
    return str(json.loads(told.out)["message"])


def inbox(dovecot: Dovecot, user: str) -> list[Any]:
    with dovecot.session(user) as client:
        _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        raw = [one[1] for one in found if isinstance(one, tuple)]
    return [email.message_from_bytes(one, policy=email.policy.default) for one in raw]


async def figures_of_hooks(dsn: str) -> dict[str, Any]:
    async with reader(dsn) as connection:
        return dict(await outbox.figures(connection, 1))


async def until_delivered(dovecot: Dovecot, user: str, count: int) -> list[Any]:
    async with asyncio.timeout(30):
        while len(await asyncio.to_thread(dovecot.uids, user)) < count:  # noqa: ASYNC110 - another server
            await asyncio.sleep(0.05)
    return await asyncio.to_thread(inbox, dovecot, user)


async def test_customer_writes_is_answered_writes_again_and_it_is_one_thread(
    database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix]
) -> None:
    dovecot, postfix = servers
    settings = settings_of(tmp_path, database, postfix)
    mail = await came(database, customers_mail("anna"), tmp_path)
    async with working(settings):
        await answered(settings, mail, tmp_path, "--quote")
        (got,) = await until_delivered(dovecot, "anna", 1)
        assert (got["Subject"], got["In-Reply-To"]) == ("Re: A question", "<anna@customers.test>")
        assert got.get_content() == "Darum, schön.\r\n\r\n> Why?\r\n"
        await until_rows(database, STATES, ["sent"])
        # The customer's answer, as their program makes it.
        back = customers_mail(
            "anna", To=got["Reply-To"], In_Reply_To=got["Message-ID"], Message_ID="<2@customers.test>"
        )
        await asyncio.to_thread(postfix.deliver, "anna@customers.test", got["Reply-To"], back)
        (fetched,) = await until_delivered(dovecot, "support", 1)
        second = await came(database, fetched.as_bytes(), tmp_path)
        await answered(settings, second, tmp_path)
        await until_delivered(dovecot, "anna", 2)
    threads = await fetch(database, "SELECT DISTINCT thread::text FROM mail_out")
    assert threads == [mail]
    # A stranger who shows the token is in no conversation but their own.
    stranger = await came(database, customers_mail("mallory", To=got["Reply-To"]), tmp_path)
    await answered(settings, stranger, tmp_path)
    assert stranger in await fetch(database, "SELECT thread::text FROM mail_out")
    bodies = await fetch(database, "SELECT body FROM mail_out")
    assert not any("Darum" in one or "anna" in one for one in bodies)
    acts = await fetch(database, "SELECT act FROM audit WHERE 'mail' = ANY (fields) ORDER BY id")
    assert acts == ["read", "reply mail"] * 3
    # Whoever erases the message erases what was answered.
    await contactctl("--config", settings.path, "mail", "erase", mail, "--yes")
    assert mail not in await fetch(database, "SELECT mail::text FROM mail_out")


@pytest.mark.parametrize(("point", "copies"), [("sent", 2), ("recorded", 1)])
async def test_a_death_between_sending_and_marking_costs_one_copy_under_the_same_message_id(
    point: str, copies: int, database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix], monkeypatch: Any
) -> None:
    dovecot, postfix = servers
    user = f"{point}{next(_uids)}"
    settings = settings_of(tmp_path, database, postfix)
    mail = await came(database, customers_mail(user), tmp_path)
    await answered(settings, mail, tmp_path)
    monkeypatch.setenv("CONTACTD_FAULT", f"kill@{point}:1")
    async with working(settings, lease_s=1.0):
        await until_delivered(dovecot, user, 1)
        monkeypatch.delenv("CONTACTD_FAULT")
        await until_rows(database, STATES, ["sent"])
    got = await until_delivered(dovecot, user, copies)
    assert len(got) == copies and len({one["Message-ID"] for one in got}) == 1


async def test_who_is_refused_for_good_is_told_at_once_and_the_others_have_it_once(
    database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix]
) -> None:
    dovecot, postfix = servers
    settings = settings_of(tmp_path, database, postfix)
    mail = await came(database, customers_mail("berta"), tmp_path)
    to = ("--to", "berta@customers.test", "--to", "nobody@lab.test")
    number = await answered(settings, mail, tmp_path, *to)
    async with working(settings):
        await until_rows(database, STATES, ["dead"])
        shown = await contactctl("--config", settings.path, "mail", "outbox", "show", number)
        assert shown.code == 3 and "1 of 2 recipients refused (550 5.1.1)." in shown.out, shown
        await contactctl("--config", settings.path, "mail", "outbox", "retry", number)
        await until_rows(database, "SELECT state || attempts FROM outbox", ["dead1"])
        assert len(await until_delivered(dovecot, "berta", 1)) == 1
    async with reader(database) as connection:
        (told,) = (await outbox.figures(connection, 1, MAIL)).values()
    assert (told.dead, told.queued, told.sent) == (1, 0, 0) and await figures_of_hooks(database) == {}
    dropped = await contactctl("--config", settings.path, "mail", "outbox", "drop", "support")
    assert dropped.out == "support: 1 message dropped.\n", dropped
    assert "berta" not in shown.out


async def test_who_is_refused_for_now_is_tried_again_and_a_server_that_is_away_loses_nothing(
    database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix]
) -> None:
    dovecot, _ = servers
    own = Postfix(dovecot)
    own.start()
    settings = settings_of(tmp_path, database, own, timeout_s=2.0)
    later = await came(database, customers_mail("later"), tmp_path)
    await answered(settings, later, tmp_path, "--to", "later@lab.test")
    async with working(settings):
        await until_rows(
            database, "SELECT state || error FROM outbox", ["queued1 of 1 recipients refused (450 4.2.1)."]
        )
        own.pause()
        mail = await came(database, customers_mail("carla"), tmp_path)
        await answered(settings, mail, tmp_path)
        await until_rows(database, "SELECT attempts > 0 FROM outbox ORDER BY id DESC LIMIT 1", [True])
        own.cont()
        await fetch(database, "UPDATE outbox SET due = now()")
        await until_rows(database, "SELECT state FROM outbox ORDER BY id DESC LIMIT 1", ["sent"])
    assert len(await until_delivered(dovecot, "carla", 1)) == 1
    with own:
        pass


async def test_a_server_without_the_right_certificate_is_given_nothing(
    database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix]
) -> None:
    settings = settings_of(tmp_path, database, servers[1], ca_file="")
    await answered(settings, await came(database, customers_mail("dora"), tmp_path), tmp_path)
    async with working(settings):
        await until_rows(database, "SELECT error <> '' FROM outbox", [True])
    (error,) = await fetch(database, "SELECT error FROM outbox")
    assert re.search(r"certificate|TLS|SMTP", error), error
    assert servers[0].uids("dora") == []


async def test_nobody_answers_an_empty_word_or_a_mailbox_that_does_not_answer(
    database: str, tmp_path: Path, servers: tuple[Dovecot, Postfix]
) -> None:
    settings = settings_of(tmp_path, database, servers[1])
    own = await came(database, customers_mail("x", From="Support@lab.test"), tmp_path)
    empty, text = tmp_path / "empty.txt", tmp_path / "text.txt"
    empty.write_text(" \n")
    text.write_text("Yes.\n")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("schön".encode("latin-1"))
    for file, why in ((empty, "empty"), (text, "this mailbox itself"), (latin, "not in UTF-8")):
        told = await contactctl("--config", settings.path, "mail", "reply", own, "--file", str(file))
        assert told.code != 0 and why in told.err, told
    assert await fetch(database, "SELECT count(*) FROM outbox") == [0]

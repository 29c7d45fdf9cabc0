"""FastAGI tried from our own side: well, unreached, full, and where this host is no allowed PBX."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from contactd.pbx.agi_probe import VERB, AgiDead, answer_probe, probe
from contactd.pbx.fastagi import FastAgiServer
from contactd.pbx.ivr import TokenCheck


class House:
    def __init__(self, **options: Any) -> None:
        self.tokens = TokenCheck()
        options = {"allow": [ip_network("192.0.2.7/32")], **options}
        self.server = FastAgiServer("127.0.0.1", 0, {VERB: answer_probe}, check=self.tokens, **options)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.server.start()
    yield made
    await made.server.close(0.1)


async def test_a_server_that_answers_passes_though_this_host_is_no_pbx(house: House) -> None:
    for _ in range(3):
        await probe(house.server, house.tokens)
    assert house.server.stats.sessions == 3
    assert not house.server.stats.refused
    assert not house.server.gate.own


async def test_a_server_that_is_not_there_is_told(house: House) -> None:
    await house.server.close(0.1)
    with pytest.raises(AgiDead, match="not reached"):
        await probe(house.server, house.tokens)


async def test_a_server_that_turns_callers_away_is_told() -> None:
    full = House(max_sessions=0)
    await full.server.start()
    try:
        with pytest.raises(AgiDead, match="without a word"):
            await probe(full.server, full.tokens)
    finally:
        await full.server.close(0.1)
    assert full.server.stats.refused["full"] == 1


@pytest.mark.parametrize("listen", ["0.0.0.0", "localhost", "::"])
async def test_it_finds_the_way_whatever_is_listened_on(listen: str) -> None:
    tokens = TokenCheck()
    server = FastAgiServer(listen, 0, {VERB: answer_probe}, check=tokens)
    await server.start()
    try:
        await probe(server, tokens)
    finally:
        await server.close(0.1)

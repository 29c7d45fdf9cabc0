from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.desk.page.browser import Window, chromium_open, window


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium_open() as opened:
        yield opened


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    made.set_default_timeout(10_000)
    yield made
    await made.close()


@pytest.fixture
async def desk(context: BrowserContext) -> AsyncIterator[Window]:
    made = await window(context)
    yield made
    assert not made.errors, made.errors

"""A browser at the desk, and what every view is asked: no error in the console, nothing that axe finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.lab import chromium
from tests.lab.page import ensure


@asynccontextmanager
async def chromium_open() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.options())
        try:
            yield browser
        finally:
            await browser.close()


class Window:
    """One window. errors: what the console and the page's own code complained about, the policy's refusals among it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # A refused request and a lost socket are told by the page itself.
        if (
            message.type == "error"
            and "Failed to load resource" not in message.text
            and "WebSocket" not in message.text
        ):
            self.errors.append(message.text)

    async def sign_in(self, base: str, user: str, password: str) -> None:
        await self.page.goto(base)
        await self.page.get_by_label("User").fill(user)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.locator("header.bar").wait_for()

    async def accessible(self) -> None:
        """WCAG 2.2 A and AA, as far as a program can tell; a pulse is not measured half-way."""
        axe = (ensure() / "axe-core/axe.min.js").read_text()
        # The protocol's own evaluation stands outside the page's policy.
        await self.page.evaluate(axe + "; 0")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = await self.page.evaluate("tags => axe.run({runOnly: tags})", tags)
        assert len(found["passes"]) > 5
        told = [
            (one["id"], [(node["html"], node["failureSummary"]) for node in one["nodes"]])
            for one in found["violations"]
        ]
        assert not told, told


async def window(context: BrowserContext) -> Window:
    return Window(await context.new_page())

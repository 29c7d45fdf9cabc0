"""The desk's page in a real Chromium, beside a real handset on a real PBX: from the sign-in to the wrap-up.

CONTACTD_SCREENSHOTS names a folder for a picture of every view (`make screenshots`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.desk.page.browser import Window, chromium_open, window
from tests.desk.place import PASSWORD
from tests.lab import ports
from tests.system.centre import Centre
from tests.system.test_agent_desk import DISPOSITIONS, add_user

MORE = """
[dispositions.call_back]
label = "Will think about it"
[dispositions.wrong_number]
label = "Wrong number"
[reasons.break]
digits = "1"
label = "Break"
longest_s = 900
[reasons.training]
digits = "2"
label = "Training"
"""
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
async def desked(tmp_path: Path) -> AsyncIterator[tuple[Centre, str]]:
    port = ports.reserve()
    labels = {"sales": 'label = "Sales"', "support": 'label = "Support"'}
    async with Centre(tmp_path, agents=2, queues={"sales": (20, 30), "support": (20, 30)}, keys=labels) as centre:
        daemon = centre.stack.daemon
        daemon.write(daemon.config.read_text() + f"\n[desk]\nport = {port.first}\n{DISPOSITIONS}{MORE}")
        await asyncio.to_thread(daemon.stop)
        await asyncio.to_thread(daemon.start)
        add_user(centre, "anna")
        yield centre, f"http://127.0.0.1:{port.first}"
    port.release()


async def picture(desk: Window, view: str) -> None:
    """Every view is asked by axe, in both colours and at both sizes; and seen, when pictures are asked for."""
    folder = os.environ.get("CONTACTD_SCREENSHOTS")
    for colours in ("light", "dark"):
        await desk.page.emulate_media(color_scheme=colours, reduced_motion="reduce")
        for size, viewport in SIZES.items():
            await desk.page.set_viewport_size(viewport)
            overflows = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not await desk.page.evaluate(overflows), f"{view} is wider than a {size}"
            await desk.accessible()
            if folder:
                await desk.page.screenshot(path=f"{folder}/{view}-{colours}-{size}.png")
    await desk.page.set_viewport_size(SIZES["desktop"])


@pytest.mark.timeout(180)
async def test_a_caller_is_offered_seen_talked_with_and_wrapped_up_at_the_page(desked: tuple[Centre, str]) -> None:
    centre, base = desked
    handset = await centre.handset("anna")
    await handset.set_policy("manual")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "the handset to be free")
    async with chromium_open() as browser:
        context = await browser.new_context(locale="en-GB", viewport=SIZES["desktop"], reduced_motion="reduce")
        context.set_default_timeout(15_000)
        desk = await window(context)
        page = desk.page
        await page.goto(base)
        await expect(page.get_by_role("heading", name="Agent desk")).to_be_visible()
        await picture(desk, "sign-in")
        await desk.sign_in(base, "anna", PASSWORD)
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await picture(desk, "signed-out")
        await page.keyboard.press("Alt+r")
        await expect(page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
        assert (await centre.until_fact("AgentSignedIn", agent="anna")).body["by"] == "agent"
        await picture(desk, "ready")
        await page.keyboard.press("?")
        await page.get_by_role("dialog").wait_for()
        await picture(desk, "keys")
        await page.keyboard.press("Escape")

        call = await centre.dial("5001")
        await expect(page.locator("article.offered")).to_contain_text("Sales")
        await picture(desk, "offer")
        ringing = await handset.next_call()
        await ringing.answer()
        await expect(page.locator("article.busy")).to_be_visible()
        await picture(desk, "talk")
        await call.hangup()

        wrapping = page.locator("article.wrap_up")
        await expect(wrapping).to_be_visible()
        await wrapping.get_by_label("Sold").check()
        await wrapping.get_by_label("Notes").fill("<b>Wants</b> a red one.")
        await picture(desk, "wrap-up")
        await wrapping.get_by_role("button", name="Finish").click()
        await expect(page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
        assert (await centre.until_fact("ContactDisposed")).body["disposition"] == "sold"
        assert (await centre.until_fact("WrapUpEnded", agent="anna")).body["by"] == "agent"

        await page.get_by_label("Your status").select_option(label="Break")
        await expect(page.get_by_role("heading", name="You are not ready")).to_be_visible()
        await centre.until_agent("anna", status="not_ready", reason="break")
        await picture(desk, "not-ready")
        await asyncio.to_thread(centre.stack.daemon.stop)
        await expect(page.get_by_text("No connection to contactd")).to_be_visible()
        await picture(desk, "offline")
        await asyncio.to_thread(centre.stack.daemon.start)
        await expect(page.get_by_text("No connection to contactd")).to_have_count(0, timeout=20_000)
        assert not desk.errors, desk.errors

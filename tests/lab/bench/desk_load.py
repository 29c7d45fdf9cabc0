"""What the desk's page weighs over the wire when it is opened first, and when it can be used: `make bench-desk-load`.

From the real daemon into Debian's Chromium with an empty cache, no network between; of five times the middle one.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.desk.page.browser import chromium_open
from tests.lab import ports
from tests.lab.stack import Stack, staff

ROUNDS = 5


async def load(browser: Browser, base: str) -> tuple[int, float]:
    """Bytes with their headers, and milliseconds until the first field takes what is typed."""
    context = await browser.new_context()
    page = await context.new_page()
    wire = await context.new_cdp_session(page)
    sizes: list[int] = []
    wire.on("Network.loadingFinished", lambda told: sizes.append(int(told["encodedDataLength"])))
    await wire.send("Network.enable")
    await page.goto(base, wait_until="commit")
    await page.get_by_label("User").fill("anna")
    usable = float(await page.evaluate("performance.now()"))
    await page.wait_for_load_state("networkidle")
    await context.close()
    return sum(sizes), usable


async def measure(base: str) -> None:
    async with chromium_open() as browser:
        rounds = [await load(browser, base) for _ in range(ROUNDS)]
    weights, times = zip(*rounds, strict=True)
    print(f"first_load_kb    {statistics.median(weights) / 1000:.1f}   (300 or less)")
    print(f"interactive_ms   {statistics.median(times):.0f}   (1000 or less)")


def main() -> None:
    port = ports.reserve()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), people=staff(1))
        try:
            stack.start(run_contactd=False)
            stack.daemon.write(stack.daemon.config.read_text() + f"\n[desk]\nport = {port.first}\n")
            stack.daemon.start()
            asyncio.run(measure(f"http://127.0.0.1:{port.first}"))
        finally:
            stack.close()
            port.release()


if __name__ == "__main__":
    main()

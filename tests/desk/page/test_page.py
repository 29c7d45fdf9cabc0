"""The page in a real Chromium at the desk's own door, over a floor in memory."""

from __future__ import annotations

from playwright.async_api import BrowserContext, expect

from tests.desk.page.browser import Window, window
from tests.desk.place import PASSWORD, Place, running
from tests.desk.test_desk import caller


async def at_desk(place: Place, desk: Window) -> None:
    await place.user("alice")
    await desk.sign_in(place.base, "alice", PASSWORD)


async def test_who_is_not_known_is_told_so_and_who_is_sees_the_desk(place: Place, desk: Window) -> None:
    await place.user("alice")
    await desk.page.goto(place.base)
    await expect(desk.page.get_by_role("heading", name="Agent desk")).to_be_visible()
    await desk.accessible()
    await desk.page.get_by_label("User").fill("alice")
    await desk.page.get_by_label("Password").fill("a wrong one for sure")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("alert")).not_to_be_empty()
    await desk.page.get_by_label("Password").fill(PASSWORD)
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("heading", name="You are signed out")).to_be_visible()
    await desk.accessible()


async def test_status_is_chosen_and_shown_as_the_floor_has_it(place: Place, desk: Window) -> None:
    await at_desk(place, desk)
    await desk.page.get_by_role("button", name="Ready for contacts").click()
    await expect(desk.page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
    reason = next(id for id, one in place.bench.settings.why_not_ready.items() if one.digits is not None)
    await desk.page.get_by_label("Your status").select_option(f"not_ready {reason}")
    await expect(desk.page.get_by_role("heading", name="You are not ready")).to_be_visible()
    assert place.bench.floor.agents["alice"].status == "not_ready"  # type: ignore[index]
    await desk.accessible()


async def test_an_offer_is_seen_and_told_to_screen_readers(place: Place, desk: Window) -> None:
    await at_desk(place, desk)
    await desk.page.keyboard.press("Alt+r")
    await expect(desk.page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
    caller(place)
    await expect(desk.page.locator("article.offered")).to_be_visible()
    await expect(desk.page.get_by_text("Call offered, queue")).to_have_attribute("aria-live", "assertive")
    assert (await desk.page.title()).startswith("●")
    await desk.accessible()


async def test_every_button_of_a_contact_is_one_of_its_verbs(place: Place, desk: Window) -> None:
    await at_desk(place, desk)
    await desk.page.keyboard.press("Alt+r")
    caller(place)
    await desk.page.locator("article.offered").wait_for()
    can = await desk.page.evaluate("fetch('/api/v1/me').then(r => r.json()).then(me => me.contacts[0].can)")
    shown = await desk.page.locator("article .verbs button").all_inner_texts()
    assert "Decline" in shown
    assert "decline" in can
    assert len(shown) == len(can)


async def test_the_sheet_of_keys_opens_closes_and_switches_them_off(place: Place, desk: Window) -> None:
    await at_desk(place, desk)
    await desk.page.keyboard.press("?")
    await expect(desk.page.get_by_role("dialog")).to_be_visible()
    await desk.accessible()
    await desk.page.get_by_label("Use these keys").uncheck()
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)
    await desk.page.keyboard.press("Alt+r")
    await desk.page.keyboard.press("?")
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)
    assert place.bench.floor.agents["alice"].status == "signed_out"  # type: ignore[index]


async def test_the_page_speaks_spanish_and_says_so_to_screen_readers(place: Place, desk: Window) -> None:
    await place.user("alice")
    await desk.page.goto(place.base)
    await desk.page.get_by_role("button", name="Español").click()
    await expect(desk.page.get_by_role("heading", name="Puesto del agente")).to_be_visible()
    assert await desk.page.evaluate("document.documentElement.lang") == "es"
    await desk.accessible()


async def test_a_desk_comes_back_by_itself_when_contactd_was_away(place: Place, desk: Window) -> None:
    await at_desk(place, desk)
    await desk.page.keyboard.press("Alt+r")
    await expect(desk.page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
    await place.door_closed()
    await expect(desk.page.get_by_text("No connection to contactd")).to_be_visible()
    await desk.accessible()
    async with running(place.bench, place.pool, place.bench.settings):
        caller(place)
        await expect(desk.page.locator("article.offered")).to_be_visible(timeout=15_000)
        await expect(desk.page.get_by_text("No connection to contactd")).to_have_count(0)


async def test_a_second_window_is_in_step(place: Place, desk: Window, context: BrowserContext) -> None:
    await at_desk(place, desk)
    other = await window(context)
    await other.page.goto(place.base)
    await desk.page.keyboard.press("Alt+r")
    await expect(other.page.get_by_role("heading", name="Waiting for the next contact")).to_be_visible()
    await desk.page.get_by_role("button", name="Leave the desk").click()
    await expect(other.page.get_by_role("heading", name="Agent desk")).to_be_visible()


async def test_a_hostile_name_is_text(place: Place, desk: Window) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    await place.user("alice")

    async def named(route: object) -> None:
        answer = await route.fetch()  # type: ignore[attr-defined]
        await route.fulfill(status=answer.status, json={**(await answer.json()), "name": hostile})  # type: ignore[attr-defined]

    await desk.page.route(
        "**/api/v1/session", lambda route: named(route) if route.request.method == "GET" else route.continue_()
    )
    await desk.sign_in(place.base, "alice", PASSWORD)
    await expect(desk.page.get_by_role("button", name=hostile)).to_be_visible()
    assert await desk.page.locator("img[src=x], script:not([src])").count() == 0

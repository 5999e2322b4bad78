"""The page of the API works in a browser under the policy that it is sent with."""

import asyncio

import pytest

lab = pytest.importorskip("lab", reason="playwright, which drives the browser, is not installed")

pytestmark = pytest.mark.skipif(not lab.CHROMIUM, reason="there is no chromium: apt install chromium")


async def test_page_of_the_api_shows_and_sends_under_its_policy(start_service, database_url):
    service = await asyncio.to_thread(start_service, "--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    async with lab.browser_page() as (page, _):
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        await page.goto(f"{service.url}/docs")
        call = page.locator(".opblock", has_text="/health/live")
        await call.locator(".opblock-summary").click()
        await call.locator(".try-out__btn").click()
        await call.locator(".execute").click()
        await call.locator(".live-responses-table").wait_for()
        shown = await call.inner_text()
    assert '"status": "live"' in shown
    assert said == []

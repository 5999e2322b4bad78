"""The panel in real pages: what moves, what is saved, and what is shown where nothing can be taken back."""

import json

import pytest

from support import GUESS, SPACE

lab = pytest.importorskip("lab", reason="playwright, which drives the browser, is not installed")

pytestmark = pytest.mark.skipif(not lab.CHROMIUM, reason="there is no chromium: apt install chromium")

PANEL, BEST = 1, 2
CELLS = ("%load_ext autotune\n%autotune login\n%autotune use {name}", "%autotune panel", "%autotune best")


@pytest.fixture(scope="module")
async def page():
    async with lab.browser_page() as (page, outside):
        yield page
    assert outside == []


@pytest.fixture
async def told(service, notebooks, page):
    """A notebook with a panel, opened and run, and a function by which a colleague tells a response."""
    with service.client() as api:
        name = f"followed in {notebooks.folder.parent.name}"
        exp_uuid = api.post("/experiment/new", json={"name": name, "covars": SPACE}).json()["exp_uuid"]
        notebooks.add("panel.ipynb", *(cell.format(name=exp_uuid) for cell in CELLS))
        await page.goto(notebooks.address_of("panel.ipynb"), wait_until="domcontentloaded")
        opened = lab.Opened(page)
        await opened.ready()
        await opened.command("notebook:run-all-cells")

        def tell(response: float) -> None:
            api.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": response}).raise_for_status()

        yield opened, tell


async def test_promise_39_panel_is_true_in_every_page_that_shows_it(told, notebooks, page):
    """One story, as each of its steps needs the page that the one before left."""
    opened, tell = told
    tell(0.8125)
    await opened.shows(PANEL, "0.8125")
    assert "as of" in await opened.text(PANEL)

    # What is saved is what was drawn last, without a widget, which would show nothing but an error later.
    await opened.command("docmanager:save")
    [saved] = notebooks.outputs("panel.ipynb", PANEL)
    assert set(saved["data"]) == {"text/html", "text/plain"}
    assert "0.8125" in json.dumps(saved)

    # A page that is loaded again takes no updates for its outputs; the next command shows the panel again.
    await page.reload(wait_until="domcontentloaded")
    await opened.ready()
    assert await opened.image_width(PANEL) > 0
    tell(0.875)
    await opened.run(BEST)
    await opened.shows(BEST, "0.875")
    tell(0.9375)
    await opened.shows(BEST, "0.9375")
    assert "0.9375" not in await opened.text(PANEL)
    assert "as of" in await opened.text(PANEL)

    # After a restart nothing can change the picture: it must have said already by what one sees that.
    await opened.restart_kernel()
    shown = await opened.text(BEST)
    assert "is not followed any more" in shown
    assert "live" not in shown
    await opened.command("docmanager:save")

    # Sent to somebody else it is not trusted, and has no kernel.
    notebooks.copy_untrusted("panel.ipynb", "sent.ipynb")
    await page.goto(notebooks.address_of("sent.ipynb"), wait_until="domcontentloaded")
    await opened.ready()
    assert not await page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.cells.get(1).trusted")
    assert await opened.image_width(BEST) > 0
    assert "0.9375" in await opened.text(BEST)
    assert "Error displaying widget" not in await page.inner_text("body")

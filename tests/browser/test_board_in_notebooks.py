"""The board in real pages: its table while a colleague tells one run after the other, and what a saved one shows."""

import re

import pytest

from support import GUESS, SPACE

lab = pytest.importorskip("lab", reason="playwright, which drives the browser, is not installed")

pytestmark = pytest.mark.skipif(not lab.CHROMIUM, reason="there is no chromium: apt install chromium")

BOARD, BUSY = 1, 2
ERROR = "Error displaying widget"
CELLS = (
    """import autotune, time
from autotune.widgets import Board, form
form.TWICE_S = 0.0  # the test clicks faster than a double click
experiment = autotune.connect().experiment('{uuid}')""",
    "board = Board(experiment)\nboard",
    "while not list(experiment.history(limit=100))[{n}:]:\n    time.sleep(0.1)\ntime.sleep(2)",
)


class Shown:
    """A board in a page.

    Attributes:
        page: The page.
        opened: Its notebook.
    """

    def __init__(self, opened, api, exp_uuid):
        self.opened, self.page = opened, opened.page
        self._api, self._path = api, f"/experiment/{exp_uuid}"
        self._tell = f"/experiment/tell/{exp_uuid}"

    def tell(self, n_runs):
        for _run in range(n_runs):
            self._api.post(self._tell, json={"covars": GUESS, "response": 0.25}).raise_for_status()

    def history(self):
        return self._api.get(f"{self._path}/history?limit=1000").json()["observations"]

    def cell(self, number, name="response"):
        return self.page.get_by_title(f"{name} of run {number}", exact=True)

    async def numbers(self):
        """Return the numbers of the rows from the top."""
        return [int(text) for text in await self.page.locator(".atw-runs tbody th").all_inner_texts()]

    async def has_focus(self, cell):
        return await cell.evaluate("cell => cell === document.activeElement")


@pytest.fixture
async def shown(service, notebooks, request):
    with service.client() as api:
        name = request.node.name
        exp_uuid = api.post("/experiment/new", json={"name": name, "covars": SPACE}).json()["exp_uuid"]
        n_runs = 20
        notebooks.add("board.ipynb", *(cell.format(uuid=exp_uuid, n=n_runs - 1) for cell in CELLS))
        async with lab.browser_page() as (page, outside):
            await page.goto(notebooks.address_of("board.ipynb"), wait_until="domcontentloaded")
            opened = lab.Opened(page)
            await opened.ready()
            await opened.run(0)
            board = Shown(opened, api, exp_uuid)
            board.tell(10)
            await opened.run(BOARD)
            await board.cell(10).wait_for()
            yield board
        assert outside == []


async def test_what_is_being_typed_stays_and_keeps_the_keyboard_while_runs_arrive(shown):
    cell, page = shown.cell(4), shown.page
    await cell.fill("")
    await cell.press_sequentially("0,")
    for newest in (20, 30):
        shown.tell(10)
        await shown.cell(newest).wait_for()
    assert await shown.numbers() == [30, 29, 28, 27, 26, 25, 24, 23, 4]
    assert await shown.has_focus(cell)
    await cell.press_sequentially("75")
    await cell.press("Tab")
    assert await shown.has_focus(shown.cell(4, "note"))
    await page.get_by_label("Reason, needed for a correction").fill("misread")
    await page.get_by_role("button", name="Save what was typed").click()
    await shown.opened.shows(BOARD, "1 run corrected")
    assert shown.history()[3]["response"] == 0.75
    await shown.cell(4).wait_for(state="detached")


async def test_row_in_which_somebody_is_stays_though_the_kernel_does_not_list_it(shown):
    """As where the kernel was at work, and draws the runs that came meanwhile before it hears of the page."""
    cell = shown.cell(4)
    await cell.press_sequentially("1")
    await shown.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'board.table.widget.rows = []'}).done"
    )
    await shown.cell(5).wait_for(state="detached")
    assert await shown.numbers() == [4]
    assert await shown.has_focus(cell)


async def test_run_that_was_entered_stays_until_it_is_left(shown):
    await shown.cell(4).click()
    shown.tell(10)
    await shown.cell(20).wait_for()
    assert await shown.has_focus(shown.cell(4))
    await shown.page.get_by_label("Number of an older run").click()
    await shown.cell(4).wait_for(state="detached")
    assert await shown.numbers() == [20, 19, 18, 17, 16, 15, 14, 13]


async def test_what_was_typed_while_a_cell_ran_is_saved_after_it(shown):
    await shown.opened.run(BUSY)
    await shown.cell(3).fill("0,5")
    await shown.cell(4).fill("hot")
    await shown.cell(5).fill("0.25 ")  # as it is stored, but for the blank
    await shown.cell(5).press("Tab")
    shown.tell(10)
    await shown.cell(20).wait_for()
    page = shown.page
    assert await shown.cell(3).input_value() == "0,5"
    await page.get_by_label("Reason, needed for a correction").fill("misread")
    await page.get_by_role("button", name="Save what was typed").click()
    await shown.opened.shows(BOARD, "hot is not a number")
    assert await shown.cell(4).get_attribute("aria-invalid") == "true"
    await shown.cell(4).fill("0.125")
    await page.get_by_role("button", name="Save what was typed").click()
    await shown.opened.shows(BOARD, "2 runs corrected")
    assert [run["response"] for run in shown.history()[2:5]] == [0.5, 0.125, 0.25]


async def test_page_that_is_loaded_again_shows_what_was_typed(shown):
    await shown.cell(9, "note").fill("cloudy")
    await shown.cell(9, "note").press("Tab")
    await shown.opened.command("docmanager:save")
    await shown.page.reload(wait_until="domcontentloaded")
    await shown.opened.ready()
    await shown.cell(9, "note").wait_for()
    assert await shown.cell(9, "note").input_value() == "cloudy"
    await shown.page.get_by_role("button", name="Save what was typed").click()
    await shown.opened.shows(BOARD, "1 run noted.")
    assert shown.history()[8]["note"] == "cloudy"


async def test_table_is_one_for_screen_readers(shown):
    await shown.page.get_by_role("columnheader", name="note", exact=True).wait_for()
    row = shown.page.get_by_role("row").filter(has=shown.page.get_by_role("rowheader", name="10", exact=True))
    assert await row.get_by_role("textbox").count() == len(SPACE) + 3  # the response, the note and the tags
    await row.get_by_role("button", name="Exclude").focus()
    await shown.page.keyboard.press("Space")
    await shown.opened.shows(BOARD, "the reason is missing")


async def test_saved_board_is_a_true_picture_where_its_kernel_is_gone(shown, notebooks):
    opened, page = shown.opened, shown.page
    reason = page.get_by_label("Reason, needed for a correction")
    await shown.cell(9).fill("0,75")
    await shown.cell(8, "note").fill("cloudy")
    await reason.fill("misread")
    await page.get_by_role("button", name="Save what was typed").click()
    await opened.shows(BOARD, "1 run corrected; the next suggestion is computed anew. 1 run noted.")
    for number, switches in ((7, ("exclude",)), (6, ("exclude", "restore"))):
        for word in switches:
            await reason.fill("the flask")
            await page.get_by_title(f"{word} run {number}", exact=True).click()
            said = f"Run {number} is excluded." if word == "exclude" else f"Run {number} counts again."
            await opened.shows(BOARD, said)
    runs = shown.history()
    assert [run["is_excluded"] for run in runs] == [False] * 6 + [True] + [False] * 3
    assert (runs[8]["response"], runs[7]["note"]) == (0.75, "cloudy")

    await opened.command("docmanager:save")
    await page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    notebooks.copy_untrusted("board.ipynb", "sent.ipynb")
    for notebook in ("board.ipynb", "sent.ipynb"):
        await page.goto(notebooks.address_of(notebook), wait_until="domcontentloaded")
        await opened.ready()
        cells = "window.jupyterapp.shell.currentWidget.content.model.cells"
        assert await page.evaluate(f"() => {cells}.get({BOARD}).trusted") == (notebook == "board.ipynb")
        if notebook == "board.ipynb":  # the widget is looked for, and not found
            await page.get_by_text(ERROR).first.wait_for(state="attached")
        await opened.shows(BOARD, "best response 0.75")
        text = await opened.text(BOARD)
        assert re.search(r"As of \d", text)
        assert "excluded" in text
        assert "cloudy" in text
        assert ERROR not in text
        assert await opened.image_width(BOARD) > 0

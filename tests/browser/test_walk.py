"""A walk through JupyterLab with the mouse and the keyboard, as somebody takes it who writes no code of their own."""

import pytest

from autotune.widgets.style import CUT_OFF
from processes import DEV_USER, ServiceProcess

lab = pytest.importorskip("lab", reason="playwright, which drives the browser, is not installed")

pytestmark = pytest.mark.skipif(not lab.CHROMIUM, reason="there is no chromium: apt install chromium")

SIGN_IN, EDITOR, CARD, BOARD, PICTURE, LIST = range(6)
FORMS = (
    """from autotune.widgets import Board, ConnectForm, Experiments, SpaceEditor, SuggestionCard, form
form.TWICE_S = 0.0  # the test clicks faster than a double click
mine = ConnectForm()
mine""",
    "editor = SpaceEditor(mine.client)\neditor",
    "card = SuggestionCard(editor.experiment)\ncard",
    "board = Board(editor.experiment)\nboard",
    "editor.experiment.plot.history()",
    "Experiments(mine.client)",
)
PANEL = 1
WATCHING = ("%load_ext autotune\n%autotune login\n%autotune use Coupling", "%autotune panel")
ERROR = "Error displaying widget"


@pytest.fixture
async def service(cluster, template, tmp_path):
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path / "data", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture
def notebooks(service, tmp_path):
    user = {"AUTOTUNE_USERNAME": DEV_USER["username"], "AUTOTUNE_PASSWORD": DEV_USER["password"]}
    with lab.running_lab("jupyterlab", tmp_path / "lab", AUTOTUNE_URL=service.url, **user) as own:
        own.add("forms.ipynb", *FORMS)
        own.add("watching.ipynb", *WATCHING)
        yield own


@pytest.fixture
async def page():
    async with lab.browser_page() as (page, outside):
        yield page
    assert outside == []


async def opened_in(page, address):
    await page.goto(address, wait_until="domcontentloaded")
    opened = lab.Opened(page)
    await opened.ready()
    return opened


async def sign_in(opened):
    await opened.run(SIGN_IN)
    await opened.page.get_by_label("Your mail address").fill(DEV_USER["username"])
    password = opened.page.get_by_label("Password")
    await password.fill("a guess")
    await password.press("Enter")
    await opened.shows(SIGN_IN, "the address or the password is wrong")
    await password.fill(DEV_USER["password"])
    await opened.page.get_by_role("button", name="Sign in").click()
    await opened.shows(SIGN_IN, f"Signed in as {DEV_USER['username']}.")


async def build_space(opened):
    page = opened.page
    await opened.run(EDITOR)
    await page.get_by_label("Name of the experiment").fill("Coupling")
    await page.get_by_role("button", name="Add a covariate").click()
    names = page.get_by_label("Name", exact=True)
    await names.nth(2).fill("yield")  # the third row with a name is that of the response
    await names.nth(0).fill("temperature")
    await page.get_by_label("From", exact=True).nth(0).fill("140")
    await page.get_by_label("To", exact=True).nth(0).fill("120")
    await names.nth(1).fill("ligand")
    await page.get_by_label("From", exact=True).nth(1).fill("0,5")
    await page.get_by_label("To", exact=True).nth(1).fill("4")
    await opened.shows(EDITOR, "min must be at most max (120.0)")
    await page.get_by_label("From", exact=True).nth(0).fill("40")
    await page.get_by_label("Step", exact=True).nth(0).fill("5")
    await page.get_by_label("Unit", exact=True).nth(0).fill("°C")
    await opened.shows(EDITOR, "The samples in numbers")
    await page.get_by_role("button", name="Create", exact=True).click()
    await opened.shows(EDITOR, "Created Coupling.")
    await opened.shows(EDITOR, '%autotune new "Coupling" --x "temperature: 40..120 step 5 °C" --x "ligand: 0.5..4"')


async def suggested(opened, before=()):
    """Wait until the card shows other values than before, and read them."""
    shown = await opened.page.wait_for_function(
        """before => {
            const big = [...document.querySelectorAll('.widget-box .atw-big')];
            const values = big.map(one => parseFloat(one.textContent));
            return values.length && String(values) !== String(before) && values; }""",
        arg=list(before),
    )
    return await shown.json_value()


async def tell_on_card(opened, typed, told):
    """Type a result and press the enter key."""
    field = opened.page.get_by_label("yield", exact=True)
    await field.fill(typed)
    await field.press("Enter")
    await opened.shows(CARD, f"Told: yield {told}.")
    assert await field.evaluate("field => field === document.activeElement")


async def fill_a_plate(opened):
    """Take two suggestions; one of them is measured and the other fails."""
    page = opened.page
    await page.get_by_text("Several for a plate").click()
    await page.get_by_label("Runs", exact=True).fill("2")
    await page.get_by_role("button", name="Take for a plate").click()
    await page.get_by_label("1: yield", exact=True).fill("0,7")
    await page.get_by_label("run 2 failed").check()
    tell = page.get_by_role("button", name="Tell what is filled in")
    await tell.focus()
    await tell.press("Space")
    await opened.shows(CARD, "2 runs told; 0 left.")


async def look_after_runs(opened, history):
    """Note, exclude and restore a run on the board, and pause the experiment."""
    page = opened.page
    reason = page.get_by_label("Reason, needed for a correction")
    await page.get_by_title("note of run 2").fill("cloudy")
    await page.get_by_role("button", name="Save what was typed").click()
    await opened.shows(BOARD, "1 run noted.")
    for word, said in (("exclude", "Run 1 is excluded."), ("restore", "Run 1 counts again.")):
        await reason.fill("the flask")
        await page.get_by_title(f"{word} run 1").click()
        await opened.shows(BOARD, said)
        assert history()[0]["is_excluded"] == (word == "exclude")
    assert history()[1]["note"] == "cloudy"
    await reason.fill("lunch")
    await page.get_by_role("button", name="Pause", exact=True).click()
    await opened.shows(BOARD, "Paused: lunch")
    await page.get_by_role("button", name="Resume", exact=True).click()
    await opened.shows(BOARD, "Resumed.")


async def look_at_list(opened):
    """Open an experiment from the list, rename it, and open a copy of its space."""
    page = opened.page
    await opened.run(LIST)
    await page.get_by_role("button", name="Open", exact=True).click()
    await opened.shows(LIST, "Opened Coupling")
    await opened.shows(LIST, "Engine: ")
    await page.get_by_label("Name, to rename to").fill("Coupling 2")
    await page.get_by_role("button", name="Rename", exact=True).click()
    await opened.shows(LIST, "Coupling is named Coupling 2 now.")
    await page.get_by_role("button", name="Copy", exact=True).click()
    await opened.shows(LIST, "A copy of Coupling 2 is described below")
    await opened.shows(LIST, "The samples in numbers")


async def test_forms_lead_from_signing_in_to_a_corrected_run_and_survive_what_notebooks_go_through(
    service, notebooks, page
):
    """One story, as each of its steps needs what the one before left."""
    opened = await opened_in(page, notebooks.address_of("forms.ipynb"))
    await sign_in(opened)
    await build_space(opened)
    watching = await opened_in(await page.context.new_page(), notebooks.address_of("watching.ipynb"))
    await watching.command("notebook:run-all-cells")
    await watching.shows(PANEL, "Coupling")

    # Three rounds at the bench. What is on the card is what the service has as told.
    await opened.run(CARD)
    shown = []
    for typed, told in (("0.41", "0.41"), ("0,62", "0.62"), ("0.55", "0.55")):
        shown.append(await suggested(opened, shown[-1] if shown else ()))
        await tell_on_card(opened, typed, told)
    with service.client() as api:
        exp_uuid = api.get("/experiment/all").json()["experiments"][0]["exp_uuid"]

        def history():
            return api.get(f"/experiment/{exp_uuid}/history?limit=100").json()["observations"]

        assert [run["responses"] for run in history()] == [{"yield": 0.41}, {"yield": 0.62}, {"yield": 0.55}]
        told = [list(run["covars"].values()) for run in history()]
        assert told == [pytest.approx(values, rel=1e-3) for values in shown]
        await watching.shows(PANEL, "0.62")

        # A number that was misread is typed over, and the other notebook has the new best.
        await opened.run(BOARD)
        cell = page.get_by_title("yield of run 3")
        await cell.fill("0,85")
        await cell.press("Tab")
        await page.get_by_label("Reason, needed for a correction").fill("misread the scale")
        await page.get_by_role("button", name="Save what was typed").click()
        await opened.shows(BOARD, "1 run corrected")
        assert [run["response"] for run in history()] == [0.41, 0.62, 0.85]
        await watching.shows(PANEL, "0.85")
        await look_after_runs(opened, history)
        await opened.run(PICTURE)
        await opened.draws(PICTURE, ".vega-embed canvas, .vega-embed svg")

    # The service is killed. What is typed meanwhile is told once it is back, and once.
    service.kill()
    for notebook, cell in ((watching, PANEL), (opened, BOARD)):
        await notebook.shows(cell, "the service cannot be reached, reconnecting")
    await opened.shows(BOARD, "Engine: not known")
    await page.get_by_label("yield", exact=True).fill("0.91")
    await page.get_by_role("button", name="Told", exact=True).click()
    await page.get_by_role("button", name="Working …").wait_for()
    service.start()
    await opened.shows(CARD, "Told: yield 0.91.")
    with service.client() as api:
        responses = [run["response"] for run in api.get(f"/experiment/{exp_uuid}/history").json()["observations"]]
    assert responses == [0.41, 0.62, 0.85, 0.91]
    await watching.shows(PANEL, "0.91")
    await page.get_by_title("yield of run 4").wait_for()
    await opened.shows(BOARD, "Engine: up to date")
    await fill_a_plate(opened)

    await look_after_reload(opened, service, exp_uuid)
    await look_at_list(opened)
    await look_after_restart(opened)
    await opened.command("docmanager:save")
    assert DEV_USER["password"] not in (notebooks.folder / "forms.ipynb").read_text()
    await look_at_reopened(page, notebooks)


async def look_after_reload(opened, service, exp_uuid):
    """A page that is loaded again, with its kernel alive, has forms that work and follow."""
    values = await suggested(opened)
    await opened.command("docmanager:save")
    await opened.page.reload(wait_until="domcontentloaded")
    await opened.ready()
    assert await suggested(opened) == values
    assert await opened.page.get_by_title("yield of run 3").input_value() == "0.85"
    with service.client() as api:
        told = {"covars": {"temperature": 80, "ligand": 2.0}, "response": 0.97}
        api.post(f"/experiment/tell/{exp_uuid}", json=told).raise_for_status()
    await opened.shows(BOARD, "best response 0.97")
    await tell_on_card(opened, "0.5", "0.5")
    await opened.page.get_by_title("yield of run 8").wait_for()


async def look_after_restart(opened):
    """Without their kernel the forms say that they are cut off; what they show was true."""
    await opened.restart_kernel()
    await opened.page.locator(".atw-form.jupyter-widgets-disconnected").first.wait_for()
    said = await opened.page.evaluate(
        "() => [...document.querySelectorAll('.jupyter-widgets-disconnected')]"
        ".map(one => getComputedStyle(one, '::before').content).filter(text => text !== 'none')"
    )
    assert said == [f'"{CUT_OFF}"'] * len((SIGN_IN, EDITOR, CARD, BOARD, LIST))


async def look_at_reopened(page, notebooks):
    """A notebook that is opened later shows what was true when it was saved, and as of when; trusted or not."""
    notebooks.copy_untrusted("forms.ipynb", "sent.ipynb")
    for notebook in ("forms.ipynb", "sent.ipynb"):
        opened = await opened_in(page, notebooks.address_of(notebook))
        if notebook == "forms.ipynb":  # the widgets are looked for, and not found
            await page.get_by_text(ERROR).nth(BOARD).wait_for(state="attached")
        for cell, text in (
            (SIGN_IN, f"signed in as {DEV_USER['username']}"),
            (EDITOR, "40 to 120 °C in steps of 5"),
            (CARD, "Why this one"),
            (BOARD, "best response 0.91"),  # as of before its page was loaded again
        ):
            await opened.shows(cell, text)
            assert "As of" in await opened.text(cell)
            assert ERROR not in await opened.text(cell)
        assert await opened.image_width(BOARD) > 0

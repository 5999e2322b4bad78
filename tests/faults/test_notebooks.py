"""What a notebook keeps: the last state with its time, and nothing that is secret."""

import json
import re
from base64 import b64decode
from types import SimpleNamespace

import httpx2
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from autotune.widgets.keeping import VIEW
from processes import ServiceProcess
from support import GUESS, SPACE

PASSWORD = "canary password of a chemist"
WRONG_PASSWORD = "canary password of nobody"
AUTOMATION_TOKEN = "autotune_canary0123456789abcdefghijklmnopqrstuvwxyz"  # pragma: allowlist secret -- made up
USER = "chemist@example.org"

CELLS = [
    "%load_ext autotune\nimport json, os\nimport autotune",
    "from autotune.widgets import Board, ConnectForm, SuggestionCard",
    "client = %autotune login\nclient, client.connection, client.connection.tokens",
    f"experiment = %autotune new notebook {SPACE!r} --max yield\nexperiment",
    "%autotune panel",
    "%autotune status",
    "SuggestionCard(experiment)",
    "Board(experiment)",
    # As the page sends a password to the form.
    "form = ConnectForm()\nform",
    f"""form.fields["email"].input.value = "{USER}"
form.password._handle_custom_msg({{"action": "sign_in", "password": os.environ["AUTOTUNE_PASSWORD"]}}, [])
form, form.client""",
    "from autotune.transport.credentials import Credentials\nfrom pydantic import SecretStr\n"
    'Credentials(username="a", password=SecretStr(os.environ["AUTOTUNE_PASSWORD"]))',
    f'autotune.connect(username="{USER}", password=os.environ["WRONG_PASSWORD"])',
    'autotune.connect(token=os.environ["AUTOMATION_TOKEN"])',
    'autotune.connect(token=os.environ["AUTOMATION_TOKEN"] + "\\n")',
    "%xmode Verbose",
    f'autotune.connect(username="{USER}", password=os.environ["WRONG_PASSWORD"])',
    "def broken(configuration):\n    raise OSError(7, 'no power')\n\nexperiment.run(broken, 1)",
    f"%autotune tell 0.25 {GUESS!r}\n%autotune tell 0.8125 {GUESS!r}",
    """tokens = client.connection.tokens
with open(os.environ["KEPT"], "w") as file:
    kept = [tokens._access_token.get_secret_value(), tokens._refresh_token.get_secret_value()]
    json.dump(kept, file)
del kept""",
    "experiment.plot.history()",
]
PANEL = CELLS.index("%autotune panel")
FAILING = {11, 12, 13, 15, 16}
"""The places of the cells that end with an error."""


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory):
    async with cluster.database(template) as url:
        folder = tmp_path_factory.mktemp("service")
        process = ServiceProcess(folder / "data", "--no-worker", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture(scope="module")
async def saved(service, tmp_path_factory):
    """A notebook of somebody who signed in, worked, and made mistakes, as it is saved, and the secrets it has seen."""
    kept = tmp_path_factory.mktemp("kept") / "tokens.json"
    with httpx2.Client(base_url=service.url) as api:
        api.post("/user/signup", json={"email": USER, "password": PASSWORD}).raise_for_status()
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    for place in FAILING:
        cells[place].metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    secrets = {"WRONG_PASSWORD": WRONG_PASSWORD, "AUTOMATION_TOKEN": AUTOMATION_TOKEN, "KEPT": str(kept)}
    with pytest.MonkeyPatch.context() as patch:
        login = {"AUTOTUNE_URL": service.url, "AUTOTUNE_USERNAME": USER, "AUTOTUNE_PASSWORD": PASSWORD}
        for name, value in (login | secrets).items():
            patch.setenv(name, value)
        await NotebookClient(notebook, timeout=60).async_execute()
    tokens = json.loads(kept.read_text())
    seen = {"password": PASSWORD, "wrong password": WRONG_PASSWORD, "automation token": AUTOMATION_TOKEN}
    return SimpleNamespace(notebook=notebook, secrets=seen | {"access token": tokens[0], "refresh token": tokens[1]})


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.outputs]


def test_promise_22_no_secret_is_in_a_notebook(saved):
    errors = [
        place for place, cell in enumerate(saved.notebook.cells) for one in cell.outputs if one.output_type == "error"
    ]
    assert errors == sorted(FAILING)
    text = json.dumps(saved.notebook, ensure_ascii=False)
    pictures = b" ".join(b64decode(found) for found in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)).decode()
    assert "signed in as chemist" in text
    assert "SecretStr('**********')" in text
    assert "<svg" in pictures
    for what, secret in saved.secrets.items():
        assert len(secret) > 20
        for place, shown in {"the notebook": text, "its pictures": pictures}.items():
            assert secret not in shown, f"the {what} is in {place}"


def test_promise_22_no_secret_is_in_the_log_of_the_service(saved, service):
    log = service.log()
    assert log
    assert not [what for what, secret in saved.secrets.items() if secret in log]


def test_promise_39_saved_notebook_shows_the_last_state_with_its_time(saved):
    [panel] = saved.notebook.cells[PANEL].outputs
    assert re.search(r"notebook, as of \d\d:\d\d UTC, .*: 2 observations, best 0.8125", panel["data"]["text/plain"])
    for kind in ("text/html", "text/plain"):
        assert "0.8125" in panel["data"][kind]
    assert '<img class="at-image" src="data:image/svg+xml;base64,' in panel["data"]["text/html"]
    # Where a page has no kernel, a widget is an error: none stands without its still.
    displays = [output["data"] for output in outputs_of(saved.notebook) if "data" in output]
    assert all("text/html" in data for data in displays if VIEW in data)


def test_promise_39_notebook_that_is_converted_shows_the_last_state(saved):
    html, _ = HTMLExporter().from_notebook_node(saved.notebook)
    assert "0.8125" in html
    assert re.search(r"as of \d\d:\d\d UTC", html)
    assert "Error displaying widget" not in html
    assert "model not found" not in html.lower()
    assert not [what for what, secret in saved.secrets.items() if secret in html]

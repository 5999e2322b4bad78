"""A list of candidates from a table of the notebook to the last row that is left, on a real service."""

import asyncio

import pandas as pd
import pytest
from magic_shell import session_of, signed_in

import autotune
from autotune.errors import InvalidInputError
from processes import DEV_USER
from support import run_cell

PLATE = pd.DataFrame({
    "bottle": [f"{k:03d}" for k in range(12)],
    "solvent": ["DMAc", "DMF", "NMP"] * 4,
    "t": [40.0 + 5 * k for k in range(12)],
    "opened": [k % 2 == 0 for k in range(12)],
})  # fmt: skip
CSV = PLATE.to_csv(index=False, sep=";", decimal=",")


@pytest.fixture
def shell(service):
    with signed_in(service) as shell:
        shell.user_ns["plate"] = PLATE
        yield shell


def test_list_goes_from_a_table_to_suggestions_with_their_bottles(shell, service, capsys):
    made = shell.run_line_magic(
        "autotune", 'new plate --max yield --candidates plate --x solvent --x "t: 40..120 °C" --seed 3'
    )
    assert made.covars["solvent"].options == ["DMAc", "DMF", "NMP"]
    assert (made.covars["t"].unit, made.covars["t"].max) == ("°C", 120)
    assert made.state().candidates.details == ["bottle", "opened"]
    asked = shell.run_line_magic("autotune", "ask")
    assert asked.candidate.details["bottle"] == f"{asked.candidate.number - 1:03d}"
    assert f"bottle={asked.candidate.details['bottle']}" in str(asked)
    assert "<td" in asked._repr_html_()
    assert asked.candidate.details["bottle"] in asked._repr_html_()
    shell.run_line_magic("autotune", "tell 3.5")
    table = shell.run_line_magic("autotune", "candidates")
    assert list(table.columns) == ["number", "solvent", "t", "bottle", "opened", "state", "runs"]
    assert table.set_index("number").loc[asked.candidate.number, "state"] == "told"

    shell.user_ns["runs"] = [{"solvent": "DMF", "t": t, "yield": t / 20} for t in (45, 60, 75, 90, 105)]
    shell.run_line_magic("autotune", "load runs")
    picture = shell.run_line_magic("autotune", "show candidates")
    told = set(shell.run_line_magic("autotune", "candidates").query("runs > 0")["number"])
    drawn = {int(row["name"].split()[0]) for row in picture.spec["data"]["values"]}
    assert drawn
    assert not drawn & told

    shell.run_line_magic("autotune", "withdraw 1 2, 3")
    shell.run_line_magic("autotune", "withdraw {'bottle': '011'}")
    shell.run_line_magic("autotune", "withdraw 2 --restore")
    listed = session_of(shell).experiment.state().candidates
    assert (listed.n, listed.n_withdrawn) == (12, 3)
    many = shell.run_line_magic("autotune", "ask 3")
    assert {"bottle", "opened", "row"} <= set(many._repr_html_().replace("</th>", ">").split(">"))
    shown, is_right = run_cell(shell, capsys, "%autotune withdraw bottle")
    assert not is_right
    assert "Traceback" not in shown
    shown, is_right = run_cell(shell, capsys, "%autotune withdraw 13")
    assert not is_right
    assert "must be the number of a row of the list, 1 to 12" in shown
    shell.user_ns["more"] = [{"solvent": "NMP", "t": 101, "bottle": "new"}]
    shell.run_line_magic("autotune", "candidates --add more")
    assert session_of(shell).experiment.state().candidates.n == 13
    shell.run_line_magic("autotune", f"withdraw {' '.join(map(str, range(1, 14)))}")
    shown, is_right = run_cell(shell, capsys, "%autotune ask")
    assert not is_right
    assert "all 13 rows of the list" in shown
    assert "`%autotune candidates --add TABLE` adds rows" in shown


def test_file_keeps_its_details_as_they_are_written(service, tmp_path):
    file = tmp_path / "plate.csv"
    file.write_text(CSV)
    with autotune.connect(service.url, username=DEV_USER["username"], password=DEV_USER["password"]) as client:
        experiment = client.new("plate", ["solvent", "t"], candidates=file, seed=3)
        assert (experiment.covars["t"].min, experiment.covars["t"].max) == (40, 95)
        table = experiment.candidates()
        assert list(table["bottle"]) == list(PLATE["bottle"])
        assert list(table["t"]) == list(PLATE["t"])
        best = experiment.run(lambda row: row["t"], 4)
        assert best.covars["t"] in set(PLATE["t"])
        assert experiment.candidates()["runs"].sum() == 4
        with pytest.raises(InvalidInputError, match="no row of the list has bottle = x"):
            experiment.withdraw_candidates({"bottle": "x"})
        with pytest.raises(InvalidInputError, match="has no column 'ph' with values; its columns are bottle, solvent"):
            client.new("plate", ["solvent", "ph"], candidates=file)


def test_list_that_is_longer_than_a_request_is_sent_in_parts(service):
    rows = [{"t": k / 100, "text": "x" * 150} for k in range(9000)]

    async def made():
        async with autotune.aconnect(
            service.url, username=DEV_USER["username"], password=DEV_USER["password"]
        ) as client:
            experiment = await client.new("library", ["t"], candidates=rows)
            assert experiment.state is not None
            seen = await experiment.state()
            await experiment.withdraw_candidates(range(1, 1501))
            suggestion = await experiment.ask()
            return seen.candidates.n, (await experiment.state()).candidates.n_withdrawn, suggestion.candidate.number

    n, n_withdrawn, number = asyncio.run(made())
    assert (n, n_withdrawn) == (9000, 1500)
    assert number > 1500

"""Options with descriptors from a table of the notebook to the picture of what they tell, on a real service."""

import httpx2
import pandas as pd
import pytest
from magic_shell import session_of, signed_in

from processes import DEV_USER
from support import run_cell

SHELF = pd.DataFrame({
    "solvent": [f"S{k}" for k in range(9)],
    "supplier": ["A", "B", "A"] * 3,
    "polarity": [8.0 * k for k in range(9)],
    "colour": [(5.0 * k) % 4 for k in range(9)],
})  # fmt: skip


@pytest.fixture
def shell(service):
    with signed_in(service) as shell:
        shell.user_ns["shelf"] = SHELF
        yield shell


def told(k):
    polarity = SHELF["polarity"][k % 9]
    return {"solvent": f"S{k % 9}", "t": 40 + (37 * k) % 80, "yield": 90 - abs(polarity - 40) - ((37 * k) % 80) / 8}


def test_descriptors_go_from_a_table_to_suggestions_pictures_edits_and_exports(shell, service, capsys):
    made = shell.run_line_magic(
        "autotune", 'new lab --max yield --x "t: 40..120" --descriptors "solvent: shelf" --seed 4'
    )
    known = made.covars["solvent"].descriptors
    assert made.covars["solvent"].options == [*SHELF["solvent"]]
    assert known["S3"] == {"polarity": 24.0, "colour": 3.0}
    shell.user_ns["runs"] = [told(k) for k in (0, 1, 3, 4, 6, 7, 8, 10, 12, 13, 15, 17)]
    shell.run_line_magic("autotune", "load runs")
    asked = shell.run_line_magic("autotune", "ask")
    assert asked.covars["solvent"] in {"S4", "S5", "S6"}

    insights = shell.run_line_magic("autotune", "insights")
    shares = insights.descriptors["yield"]["solvent"]
    assert (sum(shares.values()), next(iter(shares))) == (pytest.approx(1.0), "polarity")
    picture = shell.run_line_magic("autotune", "show importance")
    rows = picture.spec["data"]["values"]
    assert "solvent: polarity" in [row["name"] for row in rows if row["is_part"]]

    left = "{'solvent': {'options': ['S3', 'S4', 'S5', 'S6'], 'guess': 'S5'}}"
    shown, is_right = run_cell(shell, capsys, f"%autotune edit {left}")
    assert is_right, shown
    now = session_of(shell).experiment.state().covars["solvent"]
    assert (len(now.options), now.descriptors) == (4, known)
    less = "{'solvent': {'descriptors': shelf[['solvent', 'colour']]}}"
    shown, is_right = run_cell(shell, capsys, f"%autotune edit {less}")
    assert is_right, shown
    assert [*session_of(shell).experiment.state().covars["solvent"].descriptors["S3"]] == ["colour"]

    with httpx2.Client(base_url=service.url, timeout=60) as http:
        token = http.post("/auth/token", data=DEV_USER).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        text = http.get(f"/experiment/{made.exp_uuid}/export", headers=headers).text
        again = http.post("/experiment/import", content=text, headers=headers | {"Content-Type": "application/json"})
        assert again.status_code == 201, again.text
        exp_uuid = again.json()["exp_uuid"]
        kept = http.get(f"/experiment/{exp_uuid}", headers=headers).json()["covars"]["solvent"]
    assert kept["descriptors"] == {option: {"colour": known[option]["colour"]} for option in kept["options"]}


def test_table_that_lacks_an_option_is_refused_in_words(shell, capsys):
    shown, is_right = run_cell(
        shell, capsys, '%autotune new lab --x "solvent: S1|water" --x "t: 40..120" --descriptors "solvent: shelf"'
    )
    assert not is_right
    assert "covars.solvent.descriptors: every option must have descriptors; those without: water" in shown
    assert "Traceback" not in shown

"""An experiment that learns from earlier ones: from the command to suggestions, weights, pictures and exports."""

import httpx2
import pytest
from magic_shell import session_of, signed_in

from processes import DEV_USER
from support import run_cell

NEW = '--max yield --x "solvent: S0|S1|S2|S3|S4" --x "t: 40..120" --seed 4'


@pytest.fixture
def shell(service):
    with signed_in(service) as shell:
        yield shell


def measured(k, level=0.0, opposite=False):
    n, t = k % 5, 40 + (37 * k) % 80
    sign = -1.0 if opposite else 1.0
    return {"solvent": f"S{n}", "t": t, "yield": level + sign * (50 - 8 * abs(n - 3) - abs(t - 95) / 2)}


def test_earlier_experiments_go_from_the_command_to_suggestions_weights_pictures_and_exports(shell, service, capsys):
    shell.run_line_magic("autotune", f"new bromide {NEW}")
    shell.user_ns["runs"] = [measured(k) for k in range(40)]
    shell.run_line_magic("autotune", "load runs")
    shell.run_line_magic("autotune", f"new opposite {NEW}")
    shell.user_ns["runs"] = [measured(k, opposite=True) for k in range(40)]
    shell.run_line_magic("autotune", "load runs")
    shell.user_ns["before"] = session_of(shell).experiment
    made = shell.run_line_magic("autotune", f"new chloride {NEW} --learn-from bromide --learn-from before")
    assert [(one.name, one.n_runs) for one in made.state().learn_from] == [("bromide", 40), ("opposite", 40)]
    assert "learns from" in made._repr_html_()
    shell.user_ns["runs"] = [measured(k, level=-20.0) for k in (0, 1, 2, 5, 6, 7)]  # none of S3, none near 95 °C
    shell.run_line_magic("autotune", "load runs")
    asked = shell.run_line_magic("autotune", "ask")
    assert (asked.source, asked.covars["solvent"]) == ("model", "S3")
    assert asked.covars["t"] == pytest.approx(95, abs=12)

    insights = shell.run_line_magic("autotune", "insights")
    weights = {one.name: one for one in insights.earlier}
    # Both are the same but for the sign, so what counts is the difference of their weights.
    assert weights["bromide"].weight - weights["opposite"].weight == pytest.approx(1.0, abs=0.35)
    assert "learns yield from bromide: its weight is" in repr(insights)
    assert "learns yield from bromide" in insights._repr_html_()
    picture = shell.run_line_magic("autotune", "show earlier")
    assert "bromide" in picture.description
    shown, is_right = run_cell(shell, capsys, "%autotune show earlier --response yeild")
    assert not is_right
    assert "response is 'yeild'" in shown

    # What is learnt stays when an earlier experiment is gone, and goes with an export.
    shell.run_line_magic("autotune", "use bromide")
    shell.run_line_magic("autotune", "delete bromide")
    with httpx2.Client(base_url=service.url, timeout=60) as http:
        token = http.post("/auth/token", data=DEV_USER).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        text = http.get(f"/experiment/{made.exp_uuid}/export", headers=headers).text
        again = http.post("/experiment/import", content=text, headers=headers | {"Content-Type": "application/json"})
        assert again.status_code == 201, again.text
        uuids = (made.exp_uuid, again.json()["exp_uuid"])
        kept = [http.get(f"/experiment/{uuid}", headers=headers).json() for uuid in uuids]
        assert kept[0]["learn_from"] == kept[1]["learn_from"]
        found = [http.get(f"/experiment/{one['exp_uuid']}/insights", headers=headers).json()["earlier"] for one in kept]
    assert found[0] == found[1]
    assert [one["name"] for one in found[0]] == ["bromide", "opposite"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('new a --max yield --x "solvent: S0|S1" --x "speed: 1..9" --learn-from before', "has no covariate speed"),
        ('new a --max yield --x "solvent: 0..4" --x "t: 40..120" --learn-from before', "has solvent as options"),
        ('new a --max purity --x "solvent: S0|S1" --x "t: 40..120" --learn-from before', "measures none of"),
        ('new a --max yield --x "t: 40..120" --learn-from nobody', "no experiment named 'nobody'"),
        ('new a --max yield --x "t: 40..120" --learn-from before --learn-from before', "stands in the list already"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(shell, capsys, line, says):
    shell.user_ns["before"] = shell.run_line_magic("autotune", f"new before {NEW}")
    shown, is_right = run_cell(shell, capsys, f"%autotune {line}")
    assert not is_right
    assert says in shown
    assert "Traceback" not in shown


def test_a_picture_of_what_is_learnt_needs_an_earlier_experiment(shell, capsys):
    shell.run_line_magic("autotune", f"new alone {NEW}")
    shown, is_right = run_cell(shell, capsys, "%autotune show earlier")
    assert not is_right
    assert "alone learns from no earlier experiment" in shown

"""Every command of ``%autotune`` in a real shell: on a real service, and when the service is gone."""

import re

import pandas as pd
import pytest
from magic_shell import gone, lines_of, signed_in

from autotune.notebook.magics import COMMANDS
from processes import DEV_USER, ServiceProcess
from support import run_cell

NEW = '--max yield --x "t: 40..120 int step 5 °C" --x "base: KOH|NaOH" --guess "t=60, base=NaOH" --seed 1'


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = ServiceProcess(tmp_path_factory.mktemp("magics") / "data").start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def shell(service):
    with signed_in(service) as shell:
        yield shell


@pytest.fixture
def run(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda line: shell.run_line_magic("autotune", line)


@pytest.fixture
def new(run, request):
    """An experiment of the test's own, with the test's name."""
    return run(f"new {request.node.name} {NEW}")


@pytest.fixture
def cell(shell, capsys):
    return lambda text: run_cell(shell, capsys, text)


def test_experiment_is_made_chosen_changed_closed_and_deleted(run, new, capsys):
    assert "40 to 120 °C in steps of 5" in new._repr_html_()
    assert run(f"use {new.name}").exp_uuid == new.exp_uuid
    assert run("edit {'t': {'unit': 'K', 'max': 130}}").covars["t"].unit == "K"
    run("rename 'another name'")
    run("close")
    assert run("reopen").state().name == "another name"
    assert next(iter(run("list"))).name == "another name"
    run("delete 'another name'")
    assert "deleted another name with 0 observations" in capsys.readouterr().out


def test_round_by_hand_with_repairs(run, new):
    assert repr(run("ask")).startswith("Suggestion(t=60 °C, base=NaOH, guess")
    assert run("tell 0,5 --sd 0.1").sds == {"yield": 0.1}
    run("ask")
    assert run("fail").status == "failed"
    run("ask")
    assert run("skip out of NaOH").state == "abandoned"
    assert run("correct 1 80 --reason a comma").response == 80
    assert run("exclude 1").is_excluded
    assert not run("restore 1").is_excluded
    assert len(run("undo")) == 1
    assert [len(run("ask 2 --fixed {'t': 45}")), run("tell 0.7 --of 1").covars["t"]] == [2, 45]


def test_many_runs_are_run_saved_and_loaded_and_looked_at(run, new, cell, shell):
    shown, is_right = cell(
        "%%autotune run -n 6 --patience 6\ngain = {'KOH': 1, 'NaOH': 2}[base]\ngain - (t / 100 - 0.8) ** 2"
    )
    assert (is_right, shown.count("Observation(")) == (True, 6)
    assert cell("%%autotune run -n 2 --parallel 2\nt / 1000")[1]
    shell.user_ns["measure"] = lambda configuration: configuration["t"] / 1000
    assert run("run measure 1").responses["yield"] > 1
    assert len(run("history")) == 9
    assert run("best").covars["base"] == "NaOH"
    assert 0 < run("predict {'t': 80, 'base': 'NaOH'}")["mean"][0] < 3
    assert run("insights").n_observations == 9
    run("export runs.csv")
    run("export all.json")
    run(f"new copy {NEW}")
    run("load runs.csv")
    assert run("history")["yield"].tolist() == pd.read_csv("runs.csv")["yield"].tolist()


def test_exported_experiment_is_what_the_service_imports(run, new, service, tmp_path):
    run("ask")
    run("tell 0.25")
    run("export all.json")
    with service.client() as api:
        text = (tmp_path / "all.json").read_text()
        made = api.post("/experiment/import", content=text, headers={"Content-Type": "application/json"})
    assert (made.status_code, made.json()["n_observations"], made.json()["covars"]["t"]["unit"]) == (201, 1, "°C")


def test_stop_rule_is_lifted_by_resume(run, cell):
    run(f"new stopping {NEW} --stop {{'budget': 1}}")
    assert "stopped after 1 of 3 runs: " in cell("%%autotune run -n 3\nt")[0]
    shown, is_right = cell("%autotune ask")
    assert not is_right
    assert "`%autotune resume` goes on" in shown.splitlines()[-1]
    assert run("resume None").state().stopped is None


def test_status_knows_the_service_and_the_engine(run, new, service):
    facts = dict(run("status"))
    assert re.fullmatch(rf"{service.url}, version 0\.\S+, dev mode, replied in \d+ ms", facts["service"])
    assert facts["user"] == DEV_USER["username"]
    assert facts["engine"] == "autotune, SingleTaskGP, auto: ready, with a suggestion by guess, at data revision 0"
    assert DEV_USER["password"] not in repr(run("status"))


def test_paused_experiment_suggests_nothing_and_takes_results(run, new, cell):
    run("ask")
    run("pause out of KOH")
    assert new.paused.reason == "out of KOH"
    shown, is_right = cell("%autotune ask")
    assert not is_right
    assert "experiment_paused" in shown
    assert shown.splitlines()[-1] == "`%autotune resume` goes on; results can be told meanwhile"
    assert run("tell 0.5").response == 0.5
    assert run("resume").state().paused is None
    run("ask")
    assert run("tell 0.75").suggestion_uuid is not None


def test_note_and_tags_stand_in_the_history_and_correct_nothing(run, new):
    run("ask")
    told = run("tell 0.5")
    run("note 1 the batter was lumpy --tags slow, new oven")
    noted = run("note 1 --tags slow")
    assert (noted.note, noted.tags, noted.version) == ("the batter was lumpy", ["slow"], told.version)
    [row] = run("history").to_dict("records")
    assert (row["note"], row["yield"]) == ("the batter was lumpy", 0.5)


def test_correction_keeps_the_response_that_it_does_not_name(run, cell, request):
    run(f'new {request.node.name} --max hardness --max friability --x "t: 40..120 int"')
    run("ask")
    run("tell hardness=9.5, friability=0,8")
    assert run("correct 1 hardness=95 a comma").responses == {"hardness": 95, "friability": 0.8}
    assert run("correct 1 friability=None").responses == {"hardness": 95}
    shown, is_right = cell("%autotune correct 1 hardness=None")
    assert not is_right
    assert "responses: no response would be left" in shown
    assert "Traceback" not in shown


def test_panel_shows_the_experiment(run, new, cell):
    run("tell 0.5 {'t': 60, 'base': 'KOH'}")
    shown, is_right = cell("%autotune panel")
    assert is_right
    assert f"{new.name}, as of " in shown
    assert "1 observation, best 0.5" in shown


WRONG = [
    ("panel x", "'x' is not expected here: this command takes no arguments"),
    ("resume 5", "stop"),
    ("resume {'budgets': 5}", "budgets"),
    ("pause " + "x" * 1001, "reason"),
    ("note 1", "the note is missing"),
    ("note 99 lumpy", "no observation with the id 99"),
    ("note first lumpy", "'first' is not the id of an observation"),
    ("note 1 lumpy --tags " + "x" * 41, "at most 40 characters"),
    ("note 1 lumpy --tags " + ",".join(map(str, range(11))), "10"),
    ("note 1 " + "x" * 5001, "note"),
    ("correct 99 1", "no observation with the id 99"),
    ("correct 1 hot", "there is no variable 'hot'"),
    ("correct 1 yeild=5", "responses.yeild: is not a response"),
    ("correct 1", "the response is missing"),
    ("exclude 1 " + "x" * 1001, "reason"),
    ("undo 0", "n: "),
    ("load nothing.csv", "there is no file 'nothing.csv'"),
    ("export runs.xls", "runs.xls"),
    ("predict {'t': 60}", "base"),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line[:24] for line, _ in WRONG])
def test_wrong_use_is_answered_in_a_few_lines(used, cell, line, message):
    shown, is_right = cell(f"%autotune {line}")
    assert not is_right
    assert message in shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) <= 4
    assert [run.version for run in used.observations()] == [1]


@pytest.fixture(scope="module")
def told(shell):
    """An experiment with one run, which wrong commands leave as it is."""
    made = shell.run_line_magic("autotune", f"new told {NEW}")
    shell.run_line_magic("autotune", "tell 0.5 {'t': 60, 'base': 'KOH'}")
    return made


@pytest.fixture
def used(run, told):
    return run(f"use {told.exp_uuid}")


NOT_ASKED = ("status", "panel", "show")
"""Commands that say themselves that the service is gone; what `show` says has a test for each picture."""
ARGUMENTS = {
    "new": f"another {NEW}",
    "use": "another",
    "edit": "{'t': {'max': 130}}",
    "rename": "another",
    "delete": "--yes",
    "tell": "1 {'t': 60, 'base': 'KOH'}",
    "fail": "{'t': 60, 'base': 'KOH'}",
    "run": "len 2",
    "load": "rows",
    "export": "runs.csv",
    "correct": "1 2",
    "exclude": "1",
    "restore": "1",
    "note": "1 clear",
    "predict": "{'t': 60, 'base': 'KOH'}",
    "share": "bob@example.org",
    "unshare": "bob@example.org",
    "transfer": "bob@example.org",
    "group": "list",
    "token": "list",
    "withdraw": "1",
    "report": "1 0.5",
}


def test_service_that_is_gone_is_named_by_every_command(run, new, cell, shell, service, tmp_path, monkeypatch):
    run("ask")  # for skip
    session = shell.magics_manager.registry["AutotuneMagics"].session
    monkeypatch.setattr(session, "_ask_secret", lambda _: "several words are best")
    shell.user_ns["rows"] = [{"t": 60, "base": "KOH", "yield": 1}]
    with gone(service, shell):
        for name in [name for name in COMMANDS if name not in NOT_ASKED]:
            shown, is_right = cell(f"%autotune {name} {ARGUMENTS.get(name, '')}")
            assert not is_right, name
            assert "Traceback" not in shown, name
            lines = lines_of(shown)
            assert lines[0].startswith(f"ConnectionFailedError: cannot reach the service at {service.url}"), name
            assert lines[-1].startswith("run the command again once the service is up"), name
            assert len(lines) <= 3, name
        assert dict(run("status"))["service"].startswith(f"cannot reach the service at {service.url}")
        shown, is_right = cell("%autotune panel")
        assert is_right
        assert "nothing is known yet; connecting to the service." in shown
        assert "being computed" not in shown
    assert not list(tmp_path.iterdir())

"""``export`` and ``status``."""

import json

import httpx2
import pytest
from fake_service import PASSWORD
from IPython.core.error import UsageError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_export_of_runs_is_what_load_reads(run, here, capsys, service):
    run("new brownies space")
    run('tell 0.5 {"x": 0.25} --sd 0.1')
    run("export 'my runs.csv'")
    assert (here / "my runs.csv").read_text().splitlines()[0].startswith("id,x,Response,sd")
    assert "saved brownies to my runs.csv\n" in capsys.readouterr().out
    run("new cookies space")
    run("load 'my runs.csv'")
    assert [(one["covars"], one["response"], one["sds"]) for one in service.runs[1:]] == [
        ({"x": 0.25}, 0.5, {"Response": 0.1})
    ]


def test_export_without_pandas_writes_the_same_columns(run, here, monkeypatch):
    monkeypatch.setattr("autotune.views.tables.find_spec", lambda _name: None)
    run("new brownies space")
    run('tell 0.5 {"x": 0.25}')
    run("export runs.csv")
    assert (here / "runs.csv").read_text().splitlines()[0].startswith("id,x,Response")


def test_export_of_everything_keeps_what_the_service_sends(run, here, service):
    sent = {"format": 1, "experiment": {"name": "brownies", "share": 0.1}, "added by a newer service": [1, None]}
    run("new brownies space")
    service.trouble("GET /experiment/", httpx2.Response(200, json=sent))
    run("export all.json")
    assert json.loads((here / "all.json").read_text()) == sent


def test_export_replaces_a_file_only_if_it_is_told_to(run, here):
    run("new brownies space")
    (here / "runs.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"runs\.csv exists already\nchoose another name, or replace it"):
        run("export runs.csv")
    assert (here / "runs.csv").read_text() == "mine"
    run("export runs.csv --replace")
    assert (here / "runs.csv").read_text() != "mine"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export", "the file is missing: %autotune export FILE"),
        ("export runs.xlsx", r"runs.xlsx must end in .csv, for the table of runs, or in .json"),
        ("export nowhere/runs.csv", "as there is no folder nowhere\nmake the folder first"),
    ],
)
def test_export_to_what_is_no_file_asks_nothing_of_the_service(run, here, service, line, message):
    run("new brownies space")
    n_calls = len(service.calls)
    with pytest.raises(UsageError, match=message):
        run(line)
    assert len(service.calls) == n_calls


def test_status_tells_versions_address_experiment_and_engine_and_no_secret(run, service, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_URL", "http://127.0.0.1:9")  # nobody listens there
    before = dict(run("status"))
    assert before["user"] == "not logged in"
    run("new brownies space")
    run('tell 0.5 {"x": 0.25}')
    facts = dict(run("status"))
    assert facts["autotune"].startswith("0.")
    assert "ipython 9" in facts["autotune"] or "ipython 8" in facts["autotune"]
    assert "cannot reach the service at http://127.0.0.1:9" in facts["service"]
    assert facts["user"] == "a@b.c"
    assert facts["experiment"].endswith("active, 1 observation, event 1")
    assert facts["engine"].endswith("ready, with a suggestion by model, at data revision 3")
    assert PASSWORD not in repr(facts)
    assert not any(token in repr(facts) for token in service.holding)


@pytest.mark.parametrize("line", ["ask", "history", "export runs.csv"])
def test_service_that_is_gone_is_named_with_what_to_do(run, cell, here, service, line):
    run("new brownies space")
    service.trouble("GET /experiment", *[httpx2.ConnectError("Connection refused")] * 99)
    shown, is_right = cell(f"%autotune {line}")
    assert not is_right
    [error, advice] = [line for line in shown.split("\n") if line and "trying again" not in line][-2:]
    assert error == "ConnectionFailedError: cannot reach the service at http://127.0.0.1:8008: Connection refused"
    assert advice.startswith("run the command again once the service is up")
    assert "Traceback" not in shown

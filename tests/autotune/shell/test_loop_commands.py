"""The loop's commands on a fake service: what they print, how they end, and what they send twice."""

import json

import pytest
from click.testing import CliRunner
from fake_service import SPACE, problem
from served import serving

from autotune_cli.main import main


@pytest.fixture
def url(service, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", "correct horse")
    with serving(service) as served:
        monkeypatch.setenv("AUTOTUNE_URL", served.url)
        yield served.url


@pytest.fixture
def brownies(service, url):
    made = service.add({"name": "brownies", "covars": SPACE})
    made["last_seq"] = 0  # older than every run
    return made


def autotune(*arguments, typed=None):
    return CliRunner().invoke(main, arguments, input=typed)


def line(**fields):
    return json.dumps({"covars": {"x": 0.5}, "response": 1.0, **fields}) + "\n"


def told(service):
    calls = zip(service.calls, service.bodies, strict=True)
    return [json.loads(body) for (_, path), body in calls if path.startswith("/experiment/tell")]


def test_pipe_tells_what_was_asked(service, brownies):
    asked = autotune("ask", "brownies", "-n", "2", "--json")
    runs = [json.loads(text) | {"response": 0.5 + n} for n, text in enumerate(asked.stdout.splitlines())]
    ended = autotune("tell", "brownies", "-", typed="\n".join(map(json.dumps, runs)))
    assert (asked.exit_code, ended.exit_code, ended.stderr) == (0, 0, "")
    assert [(run["suggestion_uuid"], run["response"]) for run in told(service)] == [
        (run["suggestion_uuid"], run["response"]) for run in runs
    ]


def test_pipe_that_is_run_again_tells_nothing_twice_and_says_so(service, brownies):
    first = autotune("tell", "brownies", "-", "--json", typed=line() + line())
    brownies["last_seq"] = 100
    again = autotune("tell", "brownies", "-", "--json", typed=line() + line())
    assert (len(service.runs), first.stdout) == (2, again.stdout)
    assert first.stderr == ""
    assert [text.partition(" at ")[0] for text in again.stderr.splitlines()] == [
        "line 1: told before,",
        "line 2: told before,",
    ]
    assert autotune("tell", "brownies", "-", "--again", typed=line()).exit_code == 0
    assert len(service.runs) == 3


def test_tell_whose_reply_was_lost_is_told_once(service, brownies, monkeypatch):
    monkeypatch.setattr("autotune.transport.caller._wait_s", lambda _error, _attempt: 0.0)
    service.lose("POST /experiment/tell")
    assert autotune("tell", "brownies", "-", typed=line()).exit_code == 0
    assert len(service.runs) == 1


def test_key_of_a_single_tell_is_sent(service, brownies):
    for _ in range(2):
        assert autotune("tell", "brownies", "x=0.5", "response=1", "--key", "run-7").exit_code == 0
    assert service.keys_of("POST /experiment/tell") == ["run-7", "run-7"]
    assert len(service.runs) == 1


def test_line_that_is_wrong_is_named_and_the_others_are_told(service, brownies):
    service.trouble("POST /experiment/tell", problem(409, "already_told", "the suggestion has a run already"))
    ended = autotune("tell", "brownies", "-", typed=line() + line(reponse=1) + "\n" + line(response=2.0))
    assert [run["response"] for run in told(service)] == [1.0, 2.0]
    assert ended.stderr.splitlines()[0] == "Error: line 1: the suggestion has a run already (already_told)"
    assert ended.stderr.splitlines()[1].startswith("Error: line 2: reponse: is not a field of a run; the fields are")
    assert len(ended.stderr.splitlines()) == 2
    assert ended.exit_code == 6


def test_lines_are_handed_back_that_are_not_told_as_the_service_has_gone(service, brownies):
    service.trouble("POST /experiment/tell", *[problem(503, "unavailable", "the database is away")] * 9)
    lines = [line(response=float(n)) for n in range(3)]
    ended = autotune("tell", "brownies", "-", "--timeout", "0.2", typed="\n".join(lines))
    assert ended.exit_code == 4
    *_, said, handed_back, first, second, third = ended.stderr.splitlines()
    assert said == "Error: line 1: the database is away (unavailable)"
    assert handed_back.startswith("these lines are not told")
    assert [f"{text}\n" for text in (first, second, third)] == lines
    assert {run["response"] for run in told(service)} == {0.0}


@pytest.mark.parametrize(
    ("call", "answer", "code", "said"),
    [
        ("GET /experiment/ask", problem(409, "experiment_stopped", "it has stopped"), 7, "it has stopped"),
        ("GET /experiment/ask", problem(409, "experiment_paused", "it is paused"), 7, "it is paused"),
        ("GET /experiment/ask", problem(409, "experiment_closed", "it is closed"), 7, "it is closed"),
        ("GET /experiment/ask", problem(403, "forbidden", "your role is viewer"), 5, "your role is viewer"),
        ("GET /experiment/ask", problem(409, "other", "no"), 6, "no (other)"),
        ("POST /auth/token", problem(401, "unauthenticated", "wrong password"), 5, "wrong password"),
    ],
)
def test_exit_code_says_what_kind_of_refusal_it_is(service, brownies, call, answer, code, said):
    service.trouble(call, answer)
    ended = autotune("ask", "brownies", "--json")
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ask", "brownie"), 6, "NAME: there is no experiment 'brownie' that you may see; did you mean 'brownies'?"),
        (("ask", "5ecd0b42-4de6-413f-af76-2d9c3c233cbe"), 6, "there is no such experiment (not_found)"),
        (("ask", "brownies", "--fixed", "y=1"), 2, "y: is no covariate; they are x (given: '1')"),
        (("ask", "brownies", "--worker", "robot"), 2, "--worker and --lease need -n"),
        (("ask", "brownies", "--url", "tune.example.org"), 2, "'tune.example.org' is no address of a service"),
        (("tell", "brownies", "x=0.5"), 2, "response: is missing"),
        (("tell", "brownies", "-"), 7, "nothing to tell: no line came"),
        (("tell", "brownies", "-", "--key", "k"), 2, "--suggestion and --key go with NAME=VALUE"),
        (("tell", "brownies", "x=1", "response=1", "--again"), 2, "--again goes with -"),
        (("history", "brownies", "--csv", "--json"), 2, "give --csv or --json, not both"),
        (("export", "brownies", "runs.txt"), 2, "runs.txt must end in .csv"),
        (("import", "runs.csv"), 2, "name the experiment that they are of with --into NAME"),
        (("import", "nosuch.json"), 2, "FILE: cannot read nosuch.json: No such file or directory"),
        (("new", "soup", "salt=much"), 2, "covars.salt: is neither a range nor options"),
        (("new", "soup", "salt=0..1", "--minimize", "--max", "taste"), 2, "name each with --min instead"),
    ],
)
def test_command_that_cannot_be_carried_out_says_why_in_one_line(brownies, arguments, code, said):
    ended = autotune(*arguments)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_several_experiments_of_one_name_are_told_apart_by_their_uuids(service, brownies):
    other = service.add({"name": "brownies", "covars": SPACE})
    ended = autotune("ask", "brownies")
    assert ended.exit_code == 2
    assert f"newest first: {other['exp_uuid']}, {brownies['exp_uuid']}" in ended.stderr
    assert autotune("ask", brownies["exp_uuid"], "--json").exit_code == 0


def test_service_that_is_not_there_is_another_exit_code(service, url, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_URL", "http://127.0.0.1:1")
    ended = autotune("list")
    assert ended.exit_code == 4
    assert "cannot reach the service at http://127.0.0.1:1" in ended.stderr


def test_without_credentials_nothing_is_sent(service, url, monkeypatch):
    monkeypatch.delenv("AUTOTUNE_USERNAME")
    ended = autotune("list")
    assert (ended.exit_code, service.calls) == (5, [])
    assert "set AUTOTUNE_TOKEN" in ended.stderr


def test_fewer_suggestions_than_wanted_are_said_beside_the_lines(service, brownies):
    service.n_given = 1
    ended = autotune("ask", "brownies", "-n", "3", "--json")
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stderr == "1 of 3 suggestions came in time\n"


def test_tab_key_offers_commands_and_names_of_experiments(service, brownies):
    def offered(words):
        count = str(len(words.split()) - (not words.endswith(" ")))
        given = {"_AUTOTUNE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
        return CliRunner().invoke(main, [], prog_name="autotune", env=given).stdout.strip()

    assert offered("autotune wa") == "plain,watch"
    assert offered("autotune ask br") == "plain,brownies"
    service.trouble("GET /experiment/all", problem(503, "unavailable", "away"))
    assert offered("autotune ask br") == ""


def test_report_says_whether_to_go_on_and_its_exit_code_does_too(service, brownies):
    service.stops_below = 0.5
    uuid = json.loads(autotune("ask", "brownies", "-n", "1", "--json").stdout)["suggestion_uuid"]
    first = autotune("report", "brownies", uuid, "1", "0.75")
    second = autotune("report", "brownies", uuid, "2", "0.25")
    assert (first.exit_code, first.stdout) == (0, "go on\n")
    assert (second.exit_code, second.stdout) == (8, "stop: 0.25 is too little\n")
    third = autotune("report", "brownies", uuid, "3", "0.25", "--json")
    assert (json.loads(third.stdout)["should_stop"], third.exit_code) == (True, 8)


def test_stopped_run_is_told_by_values_and_by_a_line(service, brownies):
    ended = autotune("tell", "brownies", "x=0.5", "response=0.25", "status=stopped", "stopped_step=3")
    assert (ended.exit_code, ended.stdout) == (0, "told x=0.5: status stopped at step 3 with 0.25\n")
    assert autotune("tell", "brownies", "-", typed=line(status="stopped", stopped_step=4)).exit_code == 0
    assert [(run["stopped_step"], run["stopped_value"]) for run in service.runs] == [(3, 0.25), (4, 1.0)]


def test_stop_without_its_step_is_refused(brownies):
    ended = autotune("tell", "brownies", "x=0.5", "response=0.25", "status=stopped")
    assert (ended.exit_code, "stopped_step: is missing" in ended.stderr) == (2, True)

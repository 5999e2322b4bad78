import pytest
from fake_service import SPACE, FakeService, problem
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from autotune.errors import AutotuneError
from autotune_wire.responses import Target


def _run(shell: InteractiveShell, line: str):
    return shell.run_line_magic("autotune", line)


def test_magic_logs_in_where_it_is_told(shell):
    assert repr(_run(shell, "login http://there:1")) == "Client(a@b.c at http://there:1)"


def test_magic_new_takes_a_variable_of_the_notebook(shell):
    assert _run(shell, "new brownies space").name == "brownies"


def test_magic_new_prints_how_to_describe_the_space_better(shell, service, capsys):
    service.advice = ["x has many options"]
    _run(shell, "new brownies space")
    assert capsys.readouterr() == ("x has many options\n", "")


def test_magic_new_takes_its_options(shell, service):
    _run(shell, "new 'dark brownies' space --minimize --seed 7 --description 'with nuts'")
    [made] = service.experiments.values()
    assert [made[key] for key in ("name", "direction", "seed", "description")] == [
        "dark brownies",
        "minimize",
        7,
        "with nuts",
    ]


def test_magic_loop_by_hand(shell):
    _run(shell, "new brownies space")
    _run(shell, "ask")
    assert _run(shell, "tell 0.25 + 0.5").response == 0.75
    assert _run(shell, "best").response == 0.75


@pytest.mark.parametrize(
    ("line", "response"),
    [
        ("tell 0.25   # the response", 0.25),
        ("tell 0.25 #", 0.25),
        ("tell len('a # b')  # of a text", 5),
    ],
)
def test_magic_takes_a_comment_at_the_end_of_a_line(shell, line, response):
    _run(shell, "new brownies space  # space is a dict")
    _run(shell, "ask\t# what to try")
    assert _run(shell, line).response == response


@pytest.mark.parametrize(
    ("reason", "kept"), [("batch #3", "batch #3"), ("don't # it", "don't"), ("'a # b'", "a # b"), ("#", "")]
)
def test_magic_keeps_what_is_no_comment(shell, service, reason, kept):
    _run(shell, "new brownies space")
    _run(shell, "ask")
    _run(shell, f"skip {reason}")
    assert [found["abandoned_because"] for found in service.suggestions.values()] == [kept]


def test_magic_run_of_a_function_with_a_mistake_shows_it_and_how_to_go_on(shell, service):
    _run(shell, "new brownies space")
    _run(shell, "ask")
    shell.user_ns["bake"] = lambda configuration: configuration["y"]
    with pytest.raises(KeyError, match="y") as caught:
        _run(shell, "run bake 3")
    assert "For the other 3 mend the function and run it again" in caught.value.__notes__[0]
    assert (service.runs, [found.get("state") for found in service.suggestions.values()]) == ([], [None, "abandoned"])
    with pytest.raises(UsageError, match="there is no suggestion"):
        _run(shell, "tell 0.5")


def test_magic_tell_takes_a_configuration(shell):
    _run(shell, "new brownies space")
    shell.user_ns["scores"], shell.user_ns["mine"] = {"last one": 3}, {"x": 0.1}
    told = _run(shell, 'tell scores["last one"] mine')
    assert (told.response, told.covars) == (3, {"x": 0.1})


def test_magic_leaves_dollars_and_braces_to_the_expression(shell):
    _run(shell, "new brownies space")
    shell.user_ns["a"], shell.user_ns["mine"] = 12345, {"x": 0.1}
    assert _run(shell, "tell len('$a{a}') mine").response == len("$a{a}")


def test_magic_run_takes_a_function_of_the_notebook(shell):
    _run(shell, "new brownies space")
    shell.user_ns["bake"], shell.user_ns["times"] = lambda configuration: configuration["x"], 2
    assert _run(shell, "run bake times").response == 0.5
    assert len(_run(shell, "history")) == 2


def test_magic_use_takes_a_name_with_spaces(shell):
    _run(shell, "new 'dark brownies' space")
    assert _run(shell, "use 'dark brownies'").name == "dark brownies"


def test_magic_list_gives_the_experiments(shell):
    _run(shell, "new brownies space")
    assert [experiment.name for experiment in _run(shell, "list")] == ["brownies"]


@pytest.fixture
def lab(shell, service):
    shell.user_ns["wanted"] = {"yield": "maximize", "impurity": "<= 0.05"}
    shell.user_ns["low"] = {"weights": {"x": 1}, "relation": ">=", "bound": 0.1}
    shell.user_ns["rules"] = {"budget": 3}
    return _run(
        shell,
        "new lab space --responses wanted --constraint 'x + 2*x <= 2' --constraint low --stop rules "
        "--engine autotune --model-type SingleTaskGP --acq-func auto",
    )


def test_magic_new_takes_responses_constraints_and_stop_rules(lab):
    assert list(lab.responses) == ["yield", "impurity"]
    assert [(one.relation, one.weights, one.bound) for one in lab.constraints] == [
        ("<=", {"x": 3.0}, 2.0),
        (">=", {"x": 1.0}, 0.1),
    ]
    assert lab.state().stop.budget == 3


@pytest.mark.parametrize(("name", "text"), [("[Fe]", "[Fe]/2 <= 0.25"), ("a b", '"a b" <= 0.5'), ("in", "in <= 0.5")])
def test_magic_new_takes_constraints_over_names_that_python_reads_otherwise(shell, name, text):
    shell.user_ns["odd"] = {name: SPACE["x"]}
    [constraint] = _run(shell, f"new lab odd --constraint '{text}'").constraints
    assert (list(constraint.weights), constraint.bound / constraint.weights[name]) == ([name], 0.5)


def test_magic_new_takes_dicts_that_are_written_out(shell):
    made = _run(shell, """new lab "{'x': space['x']}" --responses "{'yield': 'minimize'}" """)
    assert made.direction == "minimize"


def test_magic_new_takes_a_target_alone(shell):
    made = _run(shell, """new drink space --responses "{'pH': '= 7.4'}" """)
    assert made.responses == {"pH": Target(goal="match", target=7.4)}
    assert "active, pH = 7.4" in repr(made)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('tell {"yield": 0.5, "impurity": 0.01}', ({"yield": 0.5, "impurity": 0.01}, {}, 0.5)),
        ('tell {"yield": 0.5} {"x": 0.25}', ({"yield": 0.5}, {}, 0.25)),
        ('tell {"yield": 0.5} mine --sd {"yield": 0.1}', ({"yield": 0.5}, {"yield": 0.1}, 0.75)),
        ('tell {"yield": 1 - 0.5} --sd 1 / 10', ({"yield": 0.5}, {"yield": 0.1}, 0.5)),
    ],
)
def test_magic_tell_takes_several_responses(shell, lab, service, line, expected):
    shell.user_ns["mine"] = {"x": 0.75}
    _run(shell, "ask")
    told = _run(shell, line)
    assert (told.responses, told.sds, told.covars["x"]) == expected


def test_magic_fail_tells_a_failure(shell, lab):
    _run(shell, "ask")
    assert _run(shell, "fail").status == "failed"
    assert _run(shell, 'fail {"x": 0.25}').covars == {"x": 0.25}


@pytest.mark.parametrize(("line", "reason"), [("skip", ""), ("skip the oven is broken", "the oven is broken")])
def test_magic_skip_gives_the_suggestion_up_with_a_reason(shell, service, line, reason):
    _run(shell, "new brownies space")
    asked = _run(shell, "ask")
    assert (_run(shell, line).state, asked.state) == ("abandoned", "open")
    assert service.suggestions[str(asked.suggestion_uuid)]["abandoned_because"] == reason
    with pytest.raises(UsageError, match="no suggestion that this run belongs to"):
        _run(shell, "tell 1")


def test_magic_ask_and_run_take_values_that_are_fixed(shell):
    _run(shell, "new brownies space")
    shell.user_ns["here"], shell.user_ns["bake"] = {"x": 0.25}, lambda configuration: configuration["x"]
    assert _run(shell, 'ask --fixed {"x": 0.125}').covars == {"x": 0.125}
    assert _run(shell, "run bake 1 --fixed here").response == 0.25


def test_magic_load_takes_a_file_a_variable_and_an_expression(capsys, shell, service, tmp_path):
    _run(shell, "new brownies space")
    path = tmp_path / "my runs.csv"
    path.write_text("x,Response\n0.5,1\n0.75,2\n")
    shell.user_ns["rows"] = [{"x": 0.25, "Response": 3}]
    for line in (f"load {path}", f"load '{path}'", "load rows", "load rows + rows", "load [rows[0]]"):
        _run(shell, f"{line} --again")
    assert [run["response"] for run in service.runs] == [1, 2, 1, 2, 3, 3, 3, 3]
    assert "2 runs told" in capsys.readouterr().out


def test_magic_load_leaves_out_reads_and_repeats_what_it_is_told(capsys, shell, service):
    _run(shell, "new brownies space")
    shell.user_ns["rows"] = [{"x": "0,250", "Response": 3, "who": "Ada", "my notes": "-"}]
    _run(shell, "load rows --decimal , --ignore who 'my notes'")
    assert [run["covars"] for run in service.runs] == [{"x": 0.25}]
    assert capsys.readouterr().out == "1 run told\n"
    _run(shell, "load rows --ignore who")
    shown = capsys.readouterr().out
    assert "not columns of this experiment: my notes\n" in shown
    assert "1 run, known already: not told again\n0 runs told\n" in shown
    _run(shell, "load rows --again")
    assert len(service.runs) == 2


@pytest.mark.parametrize(
    ("line", "response", "sd"),
    [
        ("tell 0,93 mine", 0.93, None),
        ("tell 0,93 {'x': 0.25} --sd 0,05", 0.93, 0.05),
        ("tell -1,5 mine --sd 1 / 4", -1.5, 0.25),
        ("tell 1.050,5 mine", 1050.5, None),
    ],
)
def test_magic_tell_takes_a_decimal_comma(shell, line, response, sd):
    shell.user_ns["mine"] = {"x": 0.75}
    _run(shell, "new brownies space")
    told = _run(shell, line)
    assert (told.response, told.sds.get("Response")) == (response, sd)


def test_magic_predict_and_insights(shell):
    _run(shell, "new brownies space")
    assert list(_run(shell, 'predict [{"x": 0.25}]')["mean"]) == [0.25]
    assert _run(shell, "insights").n_observations == 3


def test_magic_edit_changes_the_space(shell, service):
    _run(shell, "new brownies space")
    shell.user_ns["wider"] = {"x": {"max": 2.0}, "y": {"vtype": "int", "guess": 1, "min": 0, "max": 3}}
    changed = _run(shell, """edit wider --backfill "{'y': 0}" --constraint 'x + y <= 2'""")
    assert (changed.covars["x"].max, list(changed.covars), len(changed.constraints)) == (2.0, ["x", "y"], 1)


@pytest.mark.parametrize(("line", "stop"), [("resume", 3), ("resume rules", 9), ("resume None", None)])
def test_magic_resume_goes_on_after_a_stop(shell, lab, line, stop):
    shell.user_ns["rules"] = {"budget": 9}
    resumed = _run(shell, line).state()
    assert (resumed.stopped, resumed.stop and resumed.stop.budget) == (None, stop)


def test_magic_ask_takes_several_and_tell_says_which(shell, capsys):
    _run(shell, "new brownies space")
    shell.user_ns["many"] = 2
    taken = _run(shell, "ask many")
    assert (len(taken), len(_run(shell, 'ask 3 --fixed {"x": 0.25}'))) == (2, 3)
    assert _run(shell, "tell 0.5 --of 2").suggestion_uuid == taken[1].suggestion_uuid
    assert _run(shell, "tell --of 4 0.75 --sd 0.5").sds == {"Response": 0.5}
    assert _run(shell, "fail --of 1").suggestion_uuid == taken[0].suggestion_uuid
    assert _run(shell, "skip no flour left --of 5").abandoned_because == "no flour left"
    shown = capsys.readouterr().out
    assert "told for suggestion 2 (x=0.5); 1, 3, 4, 5 still wait" in shown
    assert "skipped suggestion 5 (x=0.25); 3 still wait" in shown


def test_magic_undo_correct_exclude_and_restore(shell, service):
    _run(shell, "new brownies space")
    for response in (0.1, 80, 0.3):
        _run(shell, f'tell {response} {{"x": 0.5}}')
    assert list(_run(shell, "history")["id"]) == [1, 2, 3]
    assert _run(shell, "correct 2 0.80 --sd 0.5 --reason 'a comma'").response == 0.8
    assert service.versions[service.runs[1]["observation_uuid"]][-1]["reason"] == "a comma"
    assert _run(shell, 'correct 2 0.80 {"x": 0.25}').covars == {"x": 0.25}
    assert _run(shell, "correct 3 failed").status == "failed"
    assert _run(shell, 'exclude 2 "wrong sample"').is_excluded
    assert service.versions[service.runs[1]["observation_uuid"]][-1]["reason"] == "wrong sample"
    assert not _run(shell, "restore 2").is_excluded
    assert [one.seq for one in _run(shell, "undo")] == [3]
    assert [one.seq for one in _run(shell, "undo 1 + 1")] == [2, 1]


def test_magic_rename_reopen_and_delete(shell, service):
    made = _run(shell, "new brownies space")
    made.close()
    assert _run(shell, "reopen").state().state == "active"
    assert _run(shell, 'rename "dark brownies"').name == "dark brownies"
    _run(shell, "delete 'dark brownies'")
    _run(shell, "new cookies space")
    _run(shell, "delete --yes")
    assert service.experiments == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bake", "there is no command 'bake'\n`%autotune help` lists the commands"),
        ("new", "the name is missing: %autotune new NAME"),
        ("new brownies", "COVARIATES or --x is missing: %autotune new NAME"),
        ("new brownies missing", "no variable 'missing'"),
        ("new brownies 7", "covars: must be a dict with a covariate for each name, or a DataFrame"),
        ("new brownies space --seed many", "no variable 'many'"),
        ("new brownies space --seed 1.5", "--seed, the seed, must be a whole number, not 1.5"),
        ("new brownies {}", "covars"),
        ("use", "UUID_OR_NAME"),
        ("list all", "is not expected here: this command takes no arguments"),
        ("tell", "RESPONSE"),
        ("tell 1", "no suggestion that this run belongs to"),
        ("tell missing", "no variable 'missing'"),
        ("tell float('nan') space", "finite number"),
        ("tell 1 +", "is not a Python expression"),
        ("tell 1 2 3", "is not a Python expression"),
        ("tell 3space", "is not a Python expression"),
        ("tell 1 space --sd", "--sd needs a value"),
        ('tell {"cost": 1} space', "responses.cost: is not a response of this experiment; the responses are Response"),
        ("fail", "no suggestion that this run belongs to"),
        ("skip", "there is no suggestion to skip"),
        ("ask 0", "at least 1"),
        ("ask many", "no variable 'many'"),
        ("ask space", "n"),
        ("tell 1,050 space", "1,050 may be 1.05 or 1050: write one of these"),
        ("tell 0.93,0.1 space", "0.93,0.1 is not a number"),
        ("tell 4_5 space", "4_5 is not written as a number"),
        ("tell 0x10 space", "0x10 is not written as a number"),
        ("tell 1 space --sd 4_5", "4_5 is not written as a number"),
        ("load rows --decimal ;", "--decimal cannot be ';'\nwrite one of ., ,"),
        ("load --again", "FILE_OR_VARIABLE"),
        ("tell 1 --of", "--of needs a value, NUMBER"),
        ("tell 1 --of one", "--of needs the number of a suggestion"),
        ("tell 1 --of=", "--of needs a value, NUMBER"),
        ("tell 1 --of=2", "no suggestion with the number 2 waits"),
        ("tell --of=1", "the response is missing: %autotune tell RESPONSE"),
        ("tell 1 space --sd=", "--sd needs a value"),
        ("tell 1 space --sd=4_5", "4_5 is not written as a number"),
        ("tell 50% space", "50% is not a number; write it without %"),
        ("new cookies {'x': {'max': 20}}", "covars.x.vtype: is missing"),
        ("tell 1 --of 2", "no suggestion with the number 2 waits"),
        ("undo 0", "at least 1"),
        ("undo space", "n"),
        ("correct", "the id is missing: %autotune correct ID RESPONSE"),
        ("correct one 2", "'one' is not the id of an observation\n`%autotune history` shows the ids"),
        ("correct 1", "the response is missing: %autotune correct"),
        ("correct 1 2", r"no observation with the id 1; history\(\) shows the ids"),
        ("exclude", "the id is missing: %autotune exclude ID"),
        ("restore 1", r"no observation with the id 1; history\(\) shows the ids"),
        ("rename", "the new name is missing"),
        ("reopen now", "is not expected here: this command takes no arguments"),
        ("delete", 'confirm it by the name, %autotune delete "brownies", or by %autotune delete --yes'),
        ("delete cookies", "is named 'brownies', not 'cookies': nothing was deleted"),
        ("ask --fixed 3", "3 is not a dict of values"),
        ("new brownies space --constraint 'x + y <= 1'", "constraints.0: 'y' is not a covariate; the covariates are x"),
        ("new brownies space --constraint missing", "no variable 'missing'"),
        ("new brownies space --responses 3", "3 is not a dict of responses"),
        ("new brownies space --stop 3", "3 is not a dict of stop rules"),
        ("new brownies space --acq-func Best", "acq_func"),
        ("load", "FILE_OR_VARIABLE"),
        ("load nowhere.csv", "there is no file 'nowhere.csv', and no variable"),
        ("load missing", "there is no file 'missing', and no variable"),
        ("load 3", "there is no file '3'"),
        ("predict", "CONFIGURATIONS"),
        ("predict 3", "not int"),
        ("edit 3", "3 is not a dict of covariates"),
        ("edit {} --backfill 3", "3 is not a dict of values"),
        ("insights now", "is not expected here: this command takes no arguments"),
        ("resume 3", "stop"),
        ("run", "FUNCTION N"),
        ("run abs", "FUNCTION N"),
        ("run missing 3", "no variable 'missing'"),
        ("run space 3", "is not a function"),
        ("run abs 1.5", "whole number"),
        ("run abs True", "whole number"),
        ("run abs 0", "at least 1"),
        ("login nonsense", "no address"),
    ],
)
def test_magic_refuses_bad_input_and_says_what_to_do(shell, line, message):
    if not line.startswith("new"):
        _run(shell, "new brownies space")
    with pytest.raises(UsageError, match=message):
        _run(shell, line)


def test_magic_refuses_to_ask_without_an_experiment(shell):
    with pytest.raises(UsageError, match="no experiment in use"):
        _run(shell, "ask")


def test_ask_without_the_value_of_a_context_says_how_to_give_it(shell, service):
    _run(shell, "new brownies space")
    field = {"field": "fixed.oven", "message": "is missing: every ask needs a value for this context"}
    service.trouble("GET /experiment/ask", problem(422, "invalid", "no", errors=[field]))
    with pytest.raises(AutotuneError) as caught:
        _run(shell, "ask")
    assert caught.value.__notes__ == ["say it with `%autotune ask --fixed {'oven': VALUE}`"]


def test_magic_load_that_is_refused_says_what_is_stored(shell, service):
    _run(shell, "new brownies space")
    shell.user_ns["rows"] = [{"x": 7, "Response": 1}]
    field = {"field": "observations.0.covars.x", "message": "must be a number from 0 to 1", "value": 7.0}
    service.trouble("POST /experiment/tell", problem(422, "invalid", "no", errors=[field]))
    with pytest.raises(UsageError, match=r"row 0\.x: must be a number from 0 to 1(.*\n)None of the runs is stored"):
        _run(shell, "load rows")


@pytest.mark.parametrize("line", ["%autotune bake", "%autotune use 00000000-0000-0000-0000-000000000000"])
def test_magic_error_stops_the_cell(shell, line):
    assert not shell.run_cell(line).success


def test_service_error_is_shown_without_a_traceback(shell, capsys):
    shell.run_cell("%autotune use 00000000-0000-0000-0000-000000000000")
    shown = capsys.readouterr()
    assert "NotFoundError: there is no such experiment (404 not_found)" in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_error_of_the_user_s_own_code_keeps_its_kind(shell):
    _run(shell, "new brownies space")
    with pytest.raises(ZeroDivisionError):
        _run(shell, "tell 1/0")


def test_magic_asks_once_for_a_login(shell, service: FakeService):
    _run(shell, "new brownies space")
    _run(shell, "ask")
    assert service.n_calls("POST /auth/token") == 1

"""``%%autotune run``: a cell whose body is run for each suggestion."""

import threading

import pytest
from IPython.core.error import UsageError

from autotune.notebook.loop import Interrupted


@pytest.fixture
def new(run, shell):
    shell.user_ns["told"] = []
    return run("new brownies space")


def responses(service):
    return [one["response"] for one in service.runs]


def test_body_sees_covariates_and_the_notebook_and_its_last_line_is_the_response(new, cell, service):
    shown, is_right = cell("scale = 4\n")
    shown, is_right = cell("%%autotune run -n 2\ny = x * scale\ndef more(z):\n    return z + x\nmore(y)  # told\n")
    assert (is_right, responses(service)) == (True, [2.5, 2.5])
    assert "2/2  Observation(x=0.5, response 2.5)" in shown


def test_body_keeps_its_names_to_itself(new, cell, shell):
    assert cell("%%autotune run -n 1\nx_squared = x * x\ntold.append(x)\nx_squared")[1]
    assert {"x", "x_squared", "configuration"}.isdisjoint(shell.user_ns)
    assert shell.user_ns["told"] == [0.5]


def test_body_reaches_covariates_whose_names_are_no_names_of_python(run, cell, service):
    run('new lab {"x": "0..1", "flow rate": "1..3"}')
    assert cell("%%autotune run -n 1\nconfiguration['x'] + (flow_rate if 'flow_rate' in dir() else 1)")[1]
    assert responses(service) == [1.5]


def test_covariate_that_is_not_active_is_none_and_not_a_variable_of_the_notebook(run, cell, service):
    run('new lab {"x": "0..1", "depth": "1..3"}')  # the fake service suggests x alone
    cell("depth = 7")
    assert cell("%%autotune run -n 1\n1 if depth is None else depth")[1]
    assert responses(service) == [1]


def test_body_returns_a_dict_a_pair_or_says_that_the_run_failed(run, cell, service):
    run("new lab space --max yield --min cost")
    assert cell('%%autotune run -n 1\n{"yield": x, "cost": 2}, {"yield": 0.5, "cost": 0.1}')[1]
    assert cell("import autotune")[1]
    assert cell("%%autotune run -n 1\nraise autotune.RunFailed\n0")[1]
    assert [(one["status"], one["responses"], one["sds"]) for one in service.runs] == [
        ("ok", {"yield": 0.5, "cost": 2}, {"yield": 0.5, "cost": 0.1}),
        ("failed", {}, {}),
    ]


def test_error_of_the_body_is_shown_alone_with_what_became_of_the_runs(new, cell, service):
    text = "%%autotune run -n 3\ntold.append(x)\nif len(told) > 1:\n    1 / 0\nx"
    shown, is_right = cell(text)
    assert not is_right
    assert "ZeroDivisionError" in shown
    assert "----> 4     1 / 0" in shown
    assert "autotune/" not in shown
    assert "Nothing is told of this run (x=0.5). 1 of 3 runs are told and kept. For the other 2 mend the cell" in shown
    assert "--on-error fail tells such runs as failed" in shown
    assert len(service.runs) == 1


@pytest.mark.parametrize("parallel", ["", " --parallel 2"])
def test_error_of_a_function_is_shown_alone(new, cell, service, parallel):
    assert cell("def measure(configuration):\n    return 1 / 0\n")[1]
    shown, is_right = cell(f"%autotune run measure 3{parallel}")
    assert not is_right
    assert "ZeroDivisionError: division by zero" in shown
    assert "----> 2     return 1 / 0" in shown
    assert "autotune/" not in shown
    assert "0 of 3 runs are told and kept. For the other 3 mend the function and run it again" in shown
    assert len(shown.splitlines()) < 12


@pytest.mark.parametrize(
    ("function", "line", "problem"),
    [
        ("def measure(lr, leaf):\n    return lr", "run measure 3", "missing a required argument: 'leaf'"),
        ("def measure():\n    return 1", "run measure -n 3", "too many positional arguments"),
        ("measure = lambda *, x: x", "run measure 3", "too many positional arguments"),
    ],
)
def test_function_that_takes_no_configuration_is_refused_in_two_lines(new, cell, service, function, line, problem):
    assert cell(function)[1]
    shown, is_right = cell(f"%autotune {line}")
    assert not is_right
    assert shown == (
        f"UsageError: measure is called with one argument, the configuration: {problem}\n"
        "if it takes the covariates by their names: %autotune run {lambda c: measure(**c)} N\n"
    )
    assert service.n_calls("POST /experiment/ask") == 0


def test_function_of_the_covariates_is_run_as_the_message_says(new, cell, service):
    assert cell("def measure(x):\n    return x + 1")[1]
    assert cell("%autotune run {lambda c: measure(**c)} 1")[1]
    assert responses(service) == [1.5]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("x = 3", ["the last line of the cell must be the response", "end the cell with the number that was measured"]),
        ("1 +", ["line 2 of the cell is no Python: invalid syntax", "1 +"]),
        ("# nothing", ["the last line of the cell must be the response", "end the cell"]),
    ],
)
def test_body_that_cannot_give_a_response_is_refused_before_anything_is_asked(new, cell, service, body, lines):
    shown, is_right = cell(f"%%autotune run -n 3\n{body}")
    assert not is_right
    assert all(shown.split("\n")[i].removeprefix("UsageError: ").startswith(line) for i, line in enumerate(lines))
    assert service.n_calls("POST /experiment/ask") == 0


def test_none_is_no_response(new, cell, service):
    shown, is_right = cell("%%autotune run -n 3\nprint(x)")
    assert not is_right
    assert "UsageError: the last line of the cell gave None, which is no response\nend the cell with the" in shown
    assert "Traceback" not in shown
    assert [one["state"] for one in service.suggestions.values()] == ["abandoned"]


def test_errors_can_be_told_as_failed_runs(new, cell, service):
    text = "%%autotune run -n 3 --on-error fail\ntold.append(x)\nif len(told) == 2:\n    raise ValueError('too hot')\nx"
    shown, is_right = cell(text)
    assert (is_right, [one["status"] for one in service.runs]) == (True, ["ok", "failed", "ok"])
    assert "status failed: ValueError: too hot)\n" in shown
    assert shown.count("too hot") == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [("xx", "NameError: name 'xx' is not defined"), ("print(x)", "the last line of the cell gave None")],
)
def test_mistake_is_never_told_as_a_failed_run(new, cell, service, body, error):
    shown, is_right = cell(f"%%autotune run -n 3 --on-error fail\n{body}")
    assert (is_right, service.runs) == (False, [])
    assert error in shown
    assert "mend the cell and run it again\n" in shown


@pytest.mark.parametrize("magic", ["%%autotune run -n 4\nstep(x)", "%autotune run step 4"])
def test_interrupt_says_in_one_line_what_was_kept_and_the_same_again_goes_on(new, cell, shell, service, magic):
    def step(_):
        shell.user_ns["told"].append(0)
        if len(shell.user_ns["told"]) == 3:
            raise KeyboardInterrupt
        return 1.0

    shell.user_ns["step"] = step
    shown, is_right = cell(magic)
    assert not is_right
    assert shown.endswith("Interrupted: 2 of 4 runs are told and kept. For the other 2 run it again\n")
    assert "Traceback" not in shown
    shown, is_right = cell(magic)
    assert shown.startswith("going on: 2 of 4 runs were told before\n")
    assert (is_right, len(service.runs)) == (True, 4)
    assert "going on" not in cell(magic)[0]
    assert len(service.runs) == 8


def test_interrupt_of_another_command_is_one_line(new, run, service):
    def interrupt():
        raise KeyboardInterrupt

    service.trouble("GET /experiment/ask", interrupt)
    with pytest.raises(Interrupted, match="`%autotune history` shows it") as caught:
        run("ask")
    assert len(caught.value._render_traceback_()) == 1


def test_cell_runs_in_parallel(new, cell, shell, service):
    # Each run waits for the other one: in turn they would wait for ever.
    shell.user_ns["both"] = threading.Barrier(2, timeout=20)
    shown, is_right = cell("%%autotune run -n 4 --parallel 2\nmine = both.wait()\nx + mine")
    assert (is_right, sorted(responses(service))) == (True, [0.5, 0.5, 1.5, 1.5])
    assert "4/4" in shown


def test_patience_ends_the_loop_when_nothing_gets_better(new, cell, service):
    shown, is_right = cell("%%autotune run -n 9 --patience 2\ntold.append(0)\n[1, 3, 2, 4, 4, 3][len(told) - 1]")
    assert (is_right, responses(service)) == (True, [1, 3, 2, 4, 4, 3])
    assert "stopped: the last 2 runs brought nothing better\n" in shown


def test_patience_of_several_objectives_counts_runs_off_the_front(run, cell, shell, service):
    shell.user_ns["told"] = []
    run("new lab space --max yield --min cost")
    values = "[(1, 5), (2, 9), (0, 6)]"
    text = f"told.append(0)\na, b = {values}[len(told) - 1]\n{{'yield': a, 'cost': b}}"
    assert cell(f"%%autotune run -n 9 --patience 1\n{text}")[1]
    assert len(service.runs) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("run", "-n, the number of runs, is missing: %autotune run"),
        ("run -n", "-n needs a value, N"),
        ("run -n 0", "n must be a whole number of at least 1, not 0"),
        ("run -n many", "no variable 'many'"),
        ("run -n 1.5", "-n, the number of runs, must be a whole number, not 1.5"),
        ("run -n 3 --parallel 0", "--parallel must be a whole number of at least 1"),
        ("run -n 3 --patience -1", "--patience must be a whole number of at least 1, not -1"),
        ("run -n 3 --on-error ignore", "--on-error cannot be 'ignore'\nwrite one of stop, fail"),
        ("run f -n 3", "'f' is not expected here: the body of the cell is what runs"),
        ("run 20", "'20' is not expected here"),
        ("ask", "%autotune ask takes no cell\nwrite one % before it"),
        ("rnu -n 3", "there is no command 'rnu'; did you mean run?"),
    ],
)
def test_wrong_use_of_a_cell_says_what_to_do(new, shell, service, line, message):
    with pytest.raises(UsageError) as caught:
        shell.run_cell_magic("autotune", line, "x")
    assert message in str(caught.value)
    assert service.runs == []


def test_cell_without_an_experiment_is_refused(shell):
    with pytest.raises(UsageError, match="no experiment in use\ncreate one"):
        shell.run_cell_magic("autotune", "run -n 3", "x")

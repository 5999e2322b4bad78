import pytest
from fake_service import PASSWORD, FakeService
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autotune import load_ipython_extension

SPACE = {"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}


@pytest.fixture
def shell(service, monkeypatch) -> InteractiveShell:
    monkeypatch.setattr(
        "autotune.session.open_client", lambda url, credentials: service.client(credentials=credentials, url=url)
    )
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", PASSWORD)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    load_ipython_extension(shell)
    shell.user_ns["space"] = SPACE
    return shell


def _run(shell: InteractiveShell, line: str):
    return shell.run_line_magic("autotune", line)


@pytest.mark.parametrize("line", ["", "help"])
def test_magic_alone_tells_what_it_can_do(shell, capsys, line):
    _run(shell, line)
    assert "%autotune run FUNCTION N" in capsys.readouterr().out


def test_magic_logs_in_where_it_is_told(shell):
    assert repr(_run(shell, "login http://there:1")) == "Client(a@b.c at http://there:1)"


def test_magic_new_takes_a_variable_of_the_notebook(shell):
    assert _run(shell, "new brownies space").name == "brownies"


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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bake", "knows no 'bake'"),
        ("new brownies", "required: covariates"),
        ("new brownies missing", "no variable 'missing'"),
        ("new brownies 7", "no dict of covariates"),
        ("new brownies space --seed many", "--seed"),
        ("new brownies {}", "covars"),
        ("use", "UUID_OR_NAME"),
        ("list all", "one word too many"),
        ("tell", "RESPONSE"),
        ("tell 1", "nothing was asked for"),
        ("tell missing", "no variable 'missing'"),
        ("tell float('nan') space", "finite number"),
        ("tell 1 +", "no expression"),
        ("run", "FUNCTION N"),
        ("run abs", "FUNCTION N"),
        ("run missing 3", "no variable 'missing'"),
        ("run space 3", "no function"),
        ("run abs 1.5", "whole number"),
        ("run abs True", "whole number"),
        ("run abs 0", "at least 1"),
        ("login nonsense", "no address"),
    ],
)
def test_magic_refuses_bad_input_in_one_line(shell, line, message):
    if not line.startswith("new"):
        _run(shell, "new brownies space")
    with pytest.raises(UsageError, match=message):
        _run(shell, line)


def test_magic_refuses_to_ask_without_an_experiment(shell):
    with pytest.raises(UsageError, match="no experiment in use"):
        _run(shell, "ask")


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

import pytest
from fake_service import PASSWORD, SPACE

from autotune.errors import InvalidInputError
from autotune.notebook.session import Session


class _Panel:
    """Stands in for the live panel, which has tests of its own."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str):
        return lambda: self.calls.append(name)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def session(service, monkeypatch, said) -> Session:
    monkeypatch.setattr(
        "autotune.notebook.session.open_client",
        lambda url, credentials: service.client(credentials=credentials, url=url),
    )
    return Session(said.append, ask_name=lambda _: "typed@b.c", ask_secret=lambda _: PASSWORD)


@pytest.fixture
def in_use(session, monkeypatch) -> Session:
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", PASSWORD)
    session.new("brownies", SPACE)
    return session


def test_login_takes_the_environment(session, monkeypatch, service):
    monkeypatch.setenv("AUTOTUNE_TOKEN", "given")
    service.holding.add("given")
    session.login(None)
    assert service.n_calls("POST /auth/token") == 0


def test_login_asks_where_the_environment_has_nothing(session, service):
    session.login(None)
    assert b"typed%40b.c" in service.bodies[0]


@pytest.mark.parametrize("error", [EOFError, NotImplementedError])
def test_login_with_nobody_to_ask_names_the_variables(error):
    def nobody(_prompt: str) -> str:
        raise error

    with pytest.raises(InvalidInputError, match="AUTOTUNE_TOKEN"):
        Session(print, ask_name=nobody).login(None)


def test_login_again_forgets_the_experiment(in_use):
    in_use.login(None)
    with pytest.raises(InvalidInputError, match="no experiment in use"):
        in_use.ask()


def test_session_logs_in_by_itself_from_the_environment(in_use):
    assert in_use.client.username == "a@b.c"


def test_new_is_used(in_use):
    assert in_use.experiment.name == "brownies"


def test_use_takes_a_name(in_use):
    in_use.new("cookies", SPACE)
    assert in_use.use("brownies").name == "brownies"


def test_use_takes_a_uuid(in_use):
    uuid = in_use.experiment.exp_uuid
    in_use.new("brownies", SPACE)
    assert in_use.use(str(uuid)).exp_uuid == uuid


def test_use_of_a_name_that_two_have_lists_them_newest_first(in_use):
    first = in_use.experiment.exp_uuid
    second = in_use.new("brownies", SPACE).exp_uuid
    in_use.tell(0.5, {"x": 0.5})
    made = "created 2026-01-02 03:04 UTC"
    with pytest.raises(InvalidInputError, match=f"{second}  {made}, 1 observation\n  {first}  {made}, 0 observations"):
        in_use.use("brownies")


def test_use_of_an_unknown_name_says_so(in_use):
    with pytest.raises(InvalidInputError, match="you have no experiment named 'cookies'"):
        in_use.use("cookies")


def test_tell_is_about_the_suggestion_last_asked_for(in_use):
    suggestion = in_use.ask()
    assert in_use.tell(0.7).suggestion_uuid == suggestion.suggestion_uuid


def test_tell_twice_needs_two_asks(in_use):
    in_use.ask()
    in_use.tell(0.7)
    with pytest.raises(InvalidInputError, match="there is no suggestion that this run belongs to"):
        in_use.tell(0.7)


def test_tell_that_was_refused_can_be_told_right(in_use):
    in_use.ask()
    with pytest.raises(InvalidInputError):
        in_use.tell(float("nan"))
    assert in_use.tell(0.7).response == 0.7


def test_tell_takes_another_configuration(in_use):
    in_use.ask()
    assert in_use.tell(0.7, {"x": 0.1}).covars == {"x": 0.1}


def test_run_without_a_panel_says_a_line_for_each_observation(in_use, said):
    in_use.run(lambda _: 1.5, 2)
    assert said == ["1/2  Observation(x=0.5, response 1.5)\n", "2/2  Observation(x=0.5, response 1.5)\n"]


def test_run_draws_the_panel_before_and_after_each_function(in_use, said):
    panel = _Panel()
    in_use._panels[in_use.experiment.exp_uuid] = panel
    in_use.run(lambda _: panel.calls.append("function") or 1.5, 1)
    assert panel.calls == ["refresh", "function", "refresh", "catch_up", "refresh", "save"]
    assert said == []


def test_history_and_best_are_of_the_experiment_in_use(in_use):
    in_use.run(lambda _: 1.5, 2)
    assert (len(in_use.history()), in_use.best().response) == (2, 1.5)


def test_fail_is_about_the_suggestion_last_asked_for(in_use):
    suggestion = in_use.ask()
    told = in_use.fail()
    assert (told.status, told.suggestion_uuid) == ("failed", suggestion.suggestion_uuid)
    with pytest.raises(InvalidInputError, match="there is no suggestion that this run belongs to"):
        in_use.fail()


def test_ask_takes_values_that_are_fixed(in_use):
    assert in_use.ask({"x": 0.25}).covars == {"x": 0.25}


def test_run_says_why_it_ended_early(in_use, said):
    in_use.new("short", SPACE, stop={"budget": 1})
    in_use.run(lambda _: 1.5, 9)
    assert said[-1] == "stopped after 1 of 9 runs: the budget is used up\n"


def test_load_says_how_many_runs_it_told(in_use, said):
    in_use.load([{"x": 0.5, "Response": 1}])
    in_use.load([{"x": n / 2000, "Response": n} for n in range(1500)])
    assert said == ["1 run told\n", "1000 of 1500 runs told\n", "1500 of 1500 runs told\n", "1500 runs told\n"]


def test_use_of_a_name_that_many_have_lists_the_newest(in_use):
    for _ in range(6):
        in_use.new("brownies", SPACE)
    with pytest.raises(InvalidInputError, match=r"7 experiments are named 'brownies'(.*\n){6}  and 2 more"):
        in_use.use("brownies")


def test_edit_forgets_the_suggestion_of_the_former_space(in_use):
    in_use.ask()
    in_use.edit({"x": {"max": 2.0}})
    with pytest.raises(InvalidInputError, match="there is no suggestion that this run belongs to"):
        in_use.tell(0.7)

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


def test_paused_run_says_how_to_go_on_and_goes_on(in_use, said, service):
    asked = iter(range(9))

    def bake(configuration):
        if next(asked) == 1:
            in_use.experiment.pause("lunch")
        return configuration["x"]

    in_use.run(bake, 3)
    assert "paused after 2 of 3 runs: lunch (since 2026-01-02 03:04 UTC)\n" in said
    assert said[-1] == "to go on, run `%autotune resume` and then the same command again\n"
    in_use.experiment.resume()
    in_use.run(bake, 3)
    assert "going on: 2 of 3 runs were told before\n" in said
    assert len(service.runs) == 3


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


@pytest.mark.parametrize("error", [EOFError, NotImplementedError])
def test_password_is_not_changed_where_nobody_can_type(in_use, service, error):
    def nobody(_prompt: str) -> str:
        raise error

    in_use._ask_secret = nobody
    with pytest.raises(InvalidInputError, match=r"client\.change_password"):
        in_use.change_password(revoke_tokens=False)
    assert service.n_calls("POST /user/password") == 0


def test_login_again_forgets_the_experiment(in_use):
    in_use.login(None)
    with pytest.raises(InvalidInputError, match="no experiment in use"):
        in_use.ask()


def test_session_logs_in_by_itself_from_the_environment(in_use):
    assert in_use.client.username == "a@b.c"


def test_new_is_used(in_use):
    assert in_use.experiment.name == "brownies"


def test_new_says_once_how_to_describe_the_space_better(in_use, service, said):
    service.advice = ["x has many options"]
    in_use.new("cookies", SPACE)
    in_use.use("cookies")
    assert said == ["x has many options\n"]


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
    assert panel.calls == ["refresh", "function", "refresh", "catch_up", "refresh"]
    assert said == []


def test_history_and_best_are_of_the_experiment_in_use(in_use):
    in_use.run(lambda _: 1.5, 2)
    assert (in_use.experiment.state().n_observations, in_use.best().response) == (2, 1.5)


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


def test_undo_makes_the_suggestion_the_one_to_tell_again(in_use, said):
    suggestion = in_use.ask()
    in_use.tell(80)
    in_use.ask()
    (undone,) = in_use.undo()
    assert (undone.response, undone.is_excluded) == (80, True)
    assert said == ["the next `%autotune tell` is about this suggestion again: x=0.5\n"]
    assert in_use.tell(0.8).suggestion_uuid == suggestion.suggestion_uuid


def test_undo_of_several_makes_their_suggestions_wait_again(in_use, said):
    for response in (1, 2):
        in_use.ask()
        in_use.tell(response)
    in_use.undo(2)
    assert said[-1].startswith("these suggestions wait for their results again:\n1  Suggestion(x=0.5")
    told = [in_use.tell(response) for response in (3, 4)]
    assert all(observation.suggestion_uuid is not None for observation in told)


def test_undone_suggestion_has_its_number_again_until_it_is_told(in_use, said):
    first, second, third = in_use.ask(n=3)
    in_use.tell(0.9, of=1)
    in_use.undo()
    assert said[-1] == "the next `%autotune tell` is about this suggestion again: x=0.5 (--of 1)\n"
    assert in_use.tell(0.8, of=2).suggestion_uuid == second.suggestion_uuid
    assert said[-1] == "told for suggestion 2 (x=0.5); 1, 3 still wait\n"
    assert in_use.tell(0.7).suggestion_uuid == first.suggestion_uuid
    in_use.undo()
    assert in_use.tell(0.5, of=1).suggestion_uuid == first.suggestion_uuid
    assert in_use.tell(0.6, of=3).suggestion_uuid == third.suggestion_uuid


def test_next_tell_is_about_the_suggestion_that_was_undone(in_use):
    _, second = in_use.ask(n=2)
    in_use.tell(0.9, of=2)
    in_use.undo()
    assert in_use.tell(0.8).suggestion_uuid == second.suggestion_uuid


def test_numbers_stay_while_suggestions_wait(in_use, said):
    taken = in_use.ask(n=3)
    in_use.tell(1, of=2)
    in_use.tell(2, of=3)
    assert in_use.ask(n=1).numbers == [4]
    in_use.undo(2)
    assert [line.split()[0] for line in said[-1].splitlines()[1:]] == ["2", "3"]
    for number, suggestion in enumerate(taken, start=1):
        assert in_use.tell(number, of=number).suggestion_uuid == suggestion.suggestion_uuid
    in_use.tell(4)
    assert in_use.ask(n=1).numbers == [1]  # none waited any more
    in_use.undo(2)  # of these, the first has the number 4 still, and the other's 3 is free
    assert [line.split()[0] for line in said[-1].splitlines()[1:]] == ["3", "4"]


def test_undone_suggestion_whose_number_another_one_has_gets_a_new_one(in_use, said):
    in_use.ask(n=1)
    in_use.tell(1)
    (other,) = in_use.ask(n=1)
    in_use.undo()
    assert said[-1] == "the next `%autotune tell` is about this suggestion again: x=0.5 (--of 2)\n"
    assert in_use.tell(2, of=1).suggestion_uuid == other.suggestion_uuid


def test_change_that_lifts_a_stop_says_so(in_use, said):
    in_use.new("short", SPACE, stop={"budget": 2})
    in_use.tell(1, {"x": 0.5})
    in_use.undo()
    assert said == []  # it had not stopped
    for response in (1, 80):
        in_use.tell(response, {"x": 0.5})
    assert in_use.experiment.stopped is not None
    in_use.correct(1, "a slip", response=2)
    assert said == []
    in_use.undo()
    assert said == ["the experiment goes on: it had stopped, as the budget is used up\n"]


def test_undo_of_a_configuration_of_ones_own_frees_no_suggestion(in_use, said):
    in_use.tell(80, {"x": 0.25})
    in_use.undo()
    assert said == []
    with pytest.raises(InvalidInputError, match="there is no suggestion that this run belongs to"):
        in_use.tell(0.8)


def test_taken_suggestions_are_told_in_turn_or_by_number(in_use, said):
    first, second, third = in_use.ask(n=3)
    assert in_use.tell(1, of=2).suggestion_uuid == second.suggestion_uuid
    assert in_use.tell(2).suggestion_uuid == first.suggestion_uuid
    assert in_use.fail().suggestion_uuid == third.suggestion_uuid
    assert said == [
        "told for suggestion 2 (x=0.5); 1, 3 still wait\n",
        "told for suggestion 1 (x=0.5); 3 still wait\n",
        "told for suggestion 3 (x=0.5)\n",
    ]
    with pytest.raises(InvalidInputError, match="there is no suggestion that this run belongs to"):
        in_use.tell(3)


def test_suggestion_last_asked_for_comes_before_those_that_were_taken(in_use):
    (taken,) = in_use.ask(n=1)
    asked = in_use.ask()
    assert in_use.tell(1).suggestion_uuid == asked.suggestion_uuid
    assert in_use.tell(2).suggestion_uuid == taken.suggestion_uuid


def test_more_suggestions_are_numbered_after_those_that_wait(in_use):
    in_use.ask(n=2)
    in_use.tell(1)
    more = in_use.ask(n=2)
    assert more.numbers == [3, 4]
    assert in_use.skip("no flour", of=3).suggestion_uuid == more[0].suggestion_uuid
    with pytest.raises(InvalidInputError, match="number 3 waits for its result\nthose that wait are 2, 4"):
        in_use.tell(1, of=3)


def test_number_without_suggestions_that_were_taken_says_how_to_take_some(in_use):
    with pytest.raises(InvalidInputError, match="`%autotune ask N` takes suggestions"):
        in_use.tell(1, of=1)
    in_use.ask(n=1)
    with pytest.raises(InvalidInputError, match="give one of them"):
        in_use.tell(1, {"x": 0.5}, of=1)


def test_suggestions_that_were_taken_show_their_numbers(in_use):
    taken = in_use.ask(n=2)
    assert repr(taken).splitlines() == [f"{n}  Suggestion(x=0.5, model, predicted 0.900 ± 0.010)" for n in (1, 2)]
    assert '<th style="text-align:left">2</th><td style="text-align:left">0.5</td>' in taken._repr_html_()


def test_tell_far_off_says_how_to_undo_it(in_use, said):
    for value in (0.2, 0.9, 0.5, 0.7):
        in_use.tell(value, {"x": 0.25})
    in_use.ask()
    in_use.tell(80)
    assert said == ["80 lies far outside all that was measured (0.2 to 0.9). If it is a slip: %autotune undo\n"]
    said.clear()
    in_use.undo()
    in_use.tell(0.8)
    assert said == ["the next `%autotune tell` is about this suggestion again: x=0.5\n"]


def test_delete_forgets_the_experiment(in_use, said):
    panel = _Panel()
    in_use._panels[in_use.experiment.exp_uuid] = panel
    with pytest.raises(InvalidInputError, match="is named 'brownies', not 'cookies': nothing was deleted"):
        in_use.delete("cookies")
    in_use.tell(1, {"x": 0.5})
    in_use.delete("brownies")
    assert said == ["deleted brownies with 1 observation\n"]
    assert panel.calls[-1] == "close"
    assert in_use.list() == []
    with pytest.raises(InvalidInputError, match="no experiment in use"):
        in_use.ask()

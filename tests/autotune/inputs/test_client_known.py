"""Tables that are loaded again."""

import json

import pytest

SPACE = {
    "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
    "t": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0, "step": 0.1},
    "k": {"vtype": "int", "guess": 1, "min": 0, "max": 9},
}
HEADER = "x,t,k,Response,sd,status"
TABLE = f"{HEADER}\n0.25,0.1,1,7,,\n0.25,0.1,1,7,0.5,\n0.5,0.2,2,,,failed\n"
KNOWN = "the text: 3 runs, known already: not told again\n"


@pytest.fixture
def lab(client):
    return client.new("lab", SPACE)


def load(lab, text, **more):
    said = []
    return len(lab.add_history(text, say=said.append, **more)), said


def test_table_is_told_once(lab):
    assert load(lab, TABLE) == (3, [])
    assert load(lab, TABLE) == (0, [KNOWN])
    assert load(lab, TABLE, again=True) == (3, [])


def test_table_that_has_grown_is_told_from_where_it_was(lab):
    load(lab, TABLE)
    assert load(lab, f"{TABLE}0.75,0.3,3,8,,\n") == (1, [KNOWN])


def test_equal_rows_are_repeats_as_often_as_the_table_has_more_of_them(lab):
    row = "0.25,0.1,1,7,,\n"
    assert load(lab, f"{HEADER}\n{row}{row}") == (2, [])
    assert load(lab, f"{HEADER}\n{row}{row}{row}") == (1, ["the text: 2 runs, known already: not told again\n"])


@pytest.mark.parametrize("row", ["0.26,0.1,1,7,,", "0.25,0.1,1,7.5,,", "0.25,0.1,1,7,0.25,", "0.25,0.1,1,,,failed"])
def test_run_with_another_value_is_new(lab, row):
    load(lab, TABLE)
    assert load(lab, f"{HEADER}\n{row}\n") == (1, [])


def test_run_that_was_told_by_itself_is_known(lab):
    lab.tell({"x": 0.25, "t": 0.1, "k": 1}, 7)
    assert load(lab, f"{HEADER}\n0.25,0.1,1.0,7.0,,\n")[0] == 0


def test_run_is_known_by_the_value_that_the_service_rounded(lab, service):
    lab.tell({"x": 1.0, "t": 0.3, "k": 1}, 7)
    assert load(lab, f"{HEADER}\n1.0000000000000002,0.30000000000000004,1,7,,\n")[0] == 0


@pytest.fixture
def widened(lab, service):
    """An experiment with two runs, one of them corrected, that then got a covariate with a condition, and a third."""
    lab.tell({"x": 0.25, "t": 0.1, "k": 1}, 7)
    lab.correct(lab.tell({"x": 0.5, "t": 0.1, "k": 2}, 80), reason="a comma", response=8)
    added = {"mode": {"vtype": "cat", "guess": "a", "options": ["a", "b"]}, "n": SPACE["k"], "only_b": SPACE["k"]}
    added["only_b"] = {**SPACE["k"], "active_if": {"mode": "b"}}
    backfill = {"mode": "a", "n": 2, "only_b": 3}
    lab.edit_space(added, backfill=backfill)
    common = {"constraints": [], "time_created": "2026-01-02T03:04:05Z"}
    service.spaces = [
        {**common, "revision": 0, "seq": 1, "covars": SPACE, "backfill": {}},
        {**common, "revision": 1, "seq": 7, "covars": service.experiments[str(lab.exp_uuid)]["covars"]}
        | {"backfill": backfill},
    ]
    lab.tell({"x": 0.75, "t": 0.2, "k": 3, "mode": "b", "n": 4, "only_b": 5}, 9)
    return lab


def test_history_has_the_backfill_value_of_a_covariate_that_came_later(widened):
    frame = widened.history()
    assert (list(frame["mode"]), list(frame["n"])) == (["a", "a", "b"], [2, 2, 4])
    assert frame["only_b"].isna().tolist() == [True, True, False]


def test_history_of_an_experiment_with_a_later_covariate_is_known_to_it_and_taken_by_another(client, widened, service):
    frame = widened.history()
    assert load(widened, frame) == (0, ["the DataFrame: 3 runs, known already: not told again\n"])
    former = frame.assign(Response=[7, 80, 9])
    assert load(widened, former)[0] == 0
    assert load(client.new("other", widened.covars), frame)[0] == 3
    assert [run["covars"].get("n") for run in json.loads(service.bodies[-1])["observations"]] == [2, 2, 4]


def test_runs_of_another_experiment_are_not_known(client, lab):
    load(lab, TABLE)
    assert load(client.new("other", SPACE), TABLE) == (3, [])


def test_excluded_run_is_known_and_says_how_it_counts_again(lab):
    load(lab, TABLE)
    lab.exclude(lab.observations()[0], "spilt")
    [said] = load(lab, TABLE)[1]
    assert "3 runs, known already: not told again; 1 of them excluded: restore() makes such runs count" in said


def test_corrected_run_is_known_as_it_was_and_as_it_is(lab, service):
    load(lab, TABLE)
    lab.correct(lab.observations()[0], response=9, reason="misread")
    assert load(lab, f"{HEADER}\n0.25,0.1,1,9,,\n")[0] == 0
    # What matches as it is costs no further request.
    assert not any(path.endswith("versions") for _, path in service.calls)
    assert load(lab, TABLE)[0] == 0
    assert load(lab, f"{TABLE}0.25,0.1,1,9,,\n")[0] == 1

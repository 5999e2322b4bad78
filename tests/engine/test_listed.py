"""Lists of candidates: suggestions are rows of them, the best that are left."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune_service.engine.insights import best_predicted, insights, predict
from autotune_service.engine.interface import CandidateBlock, Candidates, EngineInput, Run
from autotune_service.engine.search import best
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.listed import region_of
from autotune_service.engine.space.region import EmptyRegionError
from autotune_service.engine.suggest import explore, suggest
from generated import (
    configurations,
    constraints_of,
    guess_of,
    named_problems,
    problems,
    responses_of,
    space_of,
    value_at,
)
from hostile import HOSTILE

steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
GOLDEN = [349, 115, 54, 187, 121]
SPACE = {
    "solvent": {"vtype": "cat", "guess": "b", "options": list("abcd")},
    "t": {"vtype": "cont", "guess": 60.0, "min": 20.0, "max": 120.0},
    "c": {"vtype": "cont", "guess": 0.1, "min": 0.001, "max": 1.0, "log": True},
    "n": {"vtype": "int", "guess": 2, "min": 1, "max": 500},
}


def listed(rows, used=(), withdrawn=(), size=1000):
    """Pack rows into blocks of a size."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    blocks = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        columns = json.dumps({name: [row.get(name) for row in part] for name in names})
        gone = [number for number in withdrawn if start < number <= start + size]
        blocks.append(CandidateBlock(start + 1, len(part), columns, gone))
    return Candidates(blocks, list(used))


def library(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "solvent": "abcd"[rng.integers(4)],
            "t": round(float(rng.uniform(20, 120)), 2),
            "c": float(10 ** rng.uniform(-3, 0)),
            "n": int(rng.integers(1, 501)),
        }
        for _ in range(n)
    ]


def measured(row):
    return -(((row["t"] - 80) / 40) ** 2) - (np.log10(row["c"]) + 1.2) ** 2 / 3 + (row["solvent"] == "c") / 4


def problem(rows, n_told=12, goal="maximize", **fields):
    """Give a problem whose first rows were told."""
    runs = [Run(row, {"y": float(measured(row))}) for row in rows[:n_told]]
    used = fields.pop("used", range(1, n_told + 1))
    return EngineInput(
        space=space_of(SPACE),
        responses=responses_of(y=goal),
        runs=runs,
        candidates=listed(rows, used, fields.pop("withdrawn", ()), fields.pop("size", 1000)),
        **{"seed": 1, **fields},
    )


def without_contexts(space, covars):
    return {name: value for name, value in covars.items() if space[name].role != "context"}


@st.composite
def problems_of_lists(draw):
    """Draw a problem with a list of up to thirty rows, some of them alike, told or withdrawn."""
    drawn = draw(
        (problems() | named_problems()).filter(lambda one: all(c.role != "fidelity" for c in one.space.values()))
    )
    own = {name: covariate for name, covariate in drawn.space.items() if covariate.role != "context"}
    rows = draw(st.lists(configurations(drawn.space), min_size=1, max_size=30))
    rows += rows[: draw(st.integers(0, 2))]
    # What is active by a context is given in every row.
    rows = [{name: row.get(name, own[name].guess) if _by_context(drawn, name) else row[name] for name in own
             if name in row or _by_context(drawn, name)} for row in rows]  # fmt: skip
    numbers = st.lists(st.integers(1, len(rows)), max_size=5)
    candidates = listed(rows, draw(numbers), sorted(set(draw(numbers))), size=draw(st.sampled_from([7, 1000])))
    return rows, replace(drawn, candidates=candidates)


def _by_context(drawn, name):
    condition = drawn.space[name].active_if
    return condition is not None and drawn.space[condition.covariate].role == "context"


@steady
@given(problems_of_lists())
def test_suggestions_are_rows_that_are_left(drawn):
    rows, given_ = drawn
    withdrawn = {number for block in given_.candidates.blocks for number in block.withdrawn}
    region = region_of(given_, Encoding(given_.space, given_.retired))
    if not len(region.all_rows()):
        with pytest.raises(EmptyRegionError, match="no row of the list is left"):
            suggest(given_)
        return
    suggestions = suggest(given_)
    encoding = Encoding(given_.space, given_.retired)
    told = {encoding.key(run.covars) for run in given_.runs} | {encoding.key(one) for one in given_.pending}
    for one in suggestions:
        row = rows[one.candidate - 1]
        own = without_contexts(given_.space, one.covars)
        # Values that are the same to the model may differ in what they are: rows that are alike are one.
        assert encoding.key({**one.covars, **{name: row[name] for name in own}}) == encoding.key(one.covars)
        assert one.candidate not in withdrawn
        assert all(one.covars.get(name, value) == value for name, value in given_.fixed.items())
        assert all(limit.holds(one.covars) for limit in given_.constraints)
        is_again = "no other row of the list is left" in one.reason
        assert is_again or encoding.key(one.covars) not in told
        assert is_again or one.candidate not in given_.candidates.used
        told.add(encoding.key(one.covars))


@steady
@given(problems_of_lists())
def test_best_predicted_of_a_list_is_one_of_its_rows(drawn):
    rows, given_ = drawn
    found = best_predicted(given_)
    if found is not None and not any(covariate.role == "context" for covariate in given_.space.values()):
        assert found.covars in rows


@pytest.mark.parametrize("size", [7, 100])
def test_suggestion_does_not_depend_on_how_the_rows_are_sent(size):
    rows = library()
    assert suggest(problem(rows, size=size, n=3)) == suggest(problem(rows, n=3))


def test_suggestions_stay_what_they_were():
    found = suggest(problem(library(), n=2)) + suggest(problem(library(), n_told=0, n=3))
    assert [one.candidate for one in found] == GOLDEN


def test_list_of_the_whole_grid_changes_no_suggestion_of_the_model():
    covars = {
        "a": {"vtype": "int", "guess": 3, "min": 0, "max": 9},
        "b": {"vtype": "cat", "guess": "x", "options": list("xyz")},
        "t": {"vtype": "cont", "guess": 0.0, "min": 0.0, "max": 1.0, "step": 0.1},
    }
    space = space_of(covars)
    grid = [{"a": a, "b": b, "t": space["t"].value_at(k)} for a in range(10) for b in "xyz" for k in range(11)]
    runs = [
        Run(row, {"y": -((row["a"] - 6) ** 2) / 9 - (row["t"] - 0.37) ** 2 + (row["b"] == "y")}) for row in grid[::31]
    ]
    plain = EngineInput(space=space, responses=responses_of(y="maximize"), runs=runs, seed=3)
    on_list = replace(plain, candidates=listed(grid))
    (free,), (one,) = suggest(plain), suggest(on_list)
    assert grid[one.candidate - 1] == one.covars
    # Rows in another order are added up in another order.
    assert replace(one, candidate=None, acquisition=None) == replace(free, acquisition=None)
    assert one.acquisition == pytest.approx(free.acquisition, rel=1e-9)
    assert best_predicted(on_list) == best_predicted(plain)


def test_suggestion_has_the_best_predicted_mean_of_all_rows_left_where_that_is_asked_for():
    rows = library()
    given_ = problem(rows, acq_func="PosteriorMean")
    (one,) = suggest(given_)
    means = [found["y"].mean for found in predict(given_, rows)]
    expected = max(range(12, len(rows)), key=means.__getitem__) + 1
    assert one.candidate == expected


def test_run_that_came_out_otherwise_uses_up_its_row():
    rows = library(20)
    moved = replace(problem(rows, n_told=0), runs=[Run({**rows[0], "t": 63.21}, {"y": 1.0})])
    used = replace(moved, candidates=listed(rows, used=[1]))
    assert 1 in {one.candidate for one in suggest(replace(moved, n=20))}
    assert 1 not in {one.candidate for one in suggest(replace(used, n=19))}


def test_alike_rows_come_by_their_numbers_after_all_others():
    rows = [*library(6), library(6)[2], library(6)[2]]
    found = suggest(problem(rows, n_told=0, n=9))
    assert sorted(one.candidate for one in found[:6]) == [1, 2, 3, 4, 5, 6]
    assert [one.reason.endswith("suggested again") for one in found] == [False] * 6 + [True] * 3
    again = suggest(problem([rows[2]] * 3, n_told=0, n=4))
    assert [one.candidate for one in again] == [1, 2, 3, 1]


def test_first_row_is_the_one_nearest_to_the_guess():
    rows = library(200)
    given_ = problem(rows, n_told=0)
    (one,) = suggest(given_)
    assert (one.source, one.reason) == ("guess", "the row of the list that is nearest to the guess")

    def apart(row):
        shares = (row["t"] - 60) / 100, np.log10(row["c"] / 0.1) / 3, (row["n"] - 2) / 499
        return (row["solvent"] != "b") + sum(map(abs, shares))

    assert rows[one.candidate - 1] == min(rows, key=apart)


def test_first_rows_represent_the_list():
    # Half of the rows lie close together at each end of the range.
    rows = [{"solvent": "a", "t": t + k / 100, "c": 0.01, "n": 5} for t in (20, 110) for k in range(100)]
    found = [rows[one.candidate - 1]["t"] for one in suggest(problem(rows, n_told=0, n=6))]
    assert len(set(found)) == 6
    assert sum(t > 60 for t in found) == 3


@pytest.mark.parametrize("goal", ["maximize", "minimize", ("match", -0.5)])
def test_insights_rank_what_is_left_by_its_prediction(goal):
    rows = library(60)
    given_ = problem(rows, goal=goal, withdrawn=[20, 21])
    ranked = insights(given_).candidates
    free = [number for number in range(13, 61) if number not in {20, 21}]
    found = {number: one["y"] for number, one in zip(free, predict(given_, [rows[k - 1] for k in free]), strict=True)}
    worth = {
        "maximize": lambda number: -found[number].mean,
        "minimize": lambda number: found[number].mean,
        ("match", -0.5): lambda number: abs(found[number].mean + 0.5),
    }[goal]
    assert [one.number for one in ranked] == sorted(free, key=worth)[:10]
    assert all(one.prediction.sd == pytest.approx(found[one.number].sd) for one in ranked)


def test_feasible_share_is_that_of_the_rows():
    rows = library(300)
    given_ = problem(rows)
    runs = [replace(run, is_failed=run.covars["t"] < 70, responses={} if run.covars["t"] < 70 else run.responses)
            for run in given_.runs]  # fmt: skip
    hot = [row for row in rows if row["t"] > 100] + rows[:12]
    shares = [insights(replace(given_, runs=runs, candidates=listed(chosen))).feasible_share for chosen in (rows, hot)]
    assert shares[1] > shares[0] + 0.05


def test_list_that_is_used_up_is_said_to_be():
    rows = library(8)
    kinds = {note.kind: note for note in insights(problem(rows, n_told=8)).health}
    assert kinds["exhausted"].finding == "every row of the list was run"
    assert "add rows" in kinds["exhausted"].advice


def test_long_list_is_searched_as_well_as_row_by_row(monkeypatch):
    rng = np.random.default_rng(5)
    n = 20_000
    rows = [
        {"solvent": "abcd"[k % 4], "t": float(t), "c": float(c), "n": int(m)}
        for k, t, c, m in zip(range(n), rng.uniform(20, 120, n), 10 ** rng.uniform(-3, 0, n), rng.integers(1, 501, n),
                              strict=True)
    ]  # fmt: skip
    given_ = problem(rows, n_told=20, n=3)
    screened = suggest(given_)
    monkeypatch.setattr(best, "_MOST_ROWS", n)
    assert [one.candidate for one in screened] == [one.candidate for one in suggest(given_)]


def test_empty_list_says_what_was_fixed():
    given_ = problem(library(30), fixed={"solvent": "a", "n": 499})
    for make in (suggest, lambda one: explore(one, "why")):
        with pytest.raises(EmptyRegionError, match=r"no row of the list is left .* with solvent = a, n = 499: add"):
            make(given_)


def test_without_a_model_the_suggestion_is_a_row():
    rows = library(50)
    (one,) = explore(problem(rows), "it broke")
    assert one.covars == rows[one.candidate - 1]
    assert one.candidate > 12


def test_constraints_and_fixed_values_filter_the_rows():
    rows = library(200)
    limit = {"ctype": "linear", "weights": {"t": 1.0, "n": 0.1}, "relation": "<=", "bound": 80.0}
    given_ = problem(rows, constraints=constraints_of(limit), fixed={"solvent": "d"})
    region = region_of(given_, Encoding(given_.space))
    allowed = [row for row in rows if row["solvent"] == "d" and row["t"] + 0.1 * row["n"] <= 80]
    assert [region.decode(row) for row in region.all_rows()] == allowed


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_history_is_answered_with_a_row(name):
    given_ = HOSTILE[name]
    rng = np.random.default_rng(3)
    rows = [{key: value_at(one, rng.random()) for key, one in given_.space.items() if one.role != "context"}
            for _ in range(40)]  # fmt: skip
    rows.append(without_contexts(given_.space, guess_of(given_.space) | given_.fixed))  # it meets the constraints
    on_list = replace(given_, candidates=listed(rows))
    (one,) = suggest(on_list)
    assert one.source == "model"
    assert without_contexts(given_.space, one.covars).items() <= rows[one.candidate - 1].items()
    assert all(math.isfinite(value) for found in one.predictions.values() for value in (found.mean, found.sd))
    assert all(math.isfinite(found.prediction.mean) for found in insights(on_list).candidates)

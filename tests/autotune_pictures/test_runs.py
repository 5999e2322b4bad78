import pytest
from pictured import BOUNDED, RATE, TEMPERATURE, experiment, run

from autotune_pictures.parts.runs import (
    BEST,
    BROKEN,
    ELSEWHERE,
    EXCLUDED,
    FAILED,
    MEASURED,
    NOTHING,
    OPEN,
    UNMEASURED,
    drawn,
    hover_of,
    marked,
)

OVEN = {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}
HUMIDITY = {"vtype": "cont", "guess": 40.0, "min": 0.0, "max": 100.0, "role": "context"}


def marks_of(of, runs, response="yield", **more):
    return [each.mark for each in marked(of, runs, response, **more)]


def test_run_is_marked_by_what_became_of_it():
    of = experiment({"rate": RATE}, BOUNDED)
    x = {"rate": 0.01}
    runs = [
        run(1, x, {"yield": 3.0, "impurity": 5.0}),
        run(2, x, {"yield": 9.0, "impurity": 5.1}),
        run(3, x, status="failed"),
        run(4, x, {"yield": 8.0, "impurity": 1.0}, is_excluded=True),
        run(5, x, {"impurity": 1.0}),
        run(6, x, {"yield": 2.0, "impurity": 1.0}),
        run(7, x, {"yield": 1.0}),
    ]
    assert marks_of(of, runs) == [BEST, BROKEN, FAILED, EXCLUDED, UNMEASURED, MEASURED, OPEN]
    assert marks_of(of, runs, "impurity") == [MEASURED, BROKEN, FAILED, EXCLUDED, MEASURED, MEASURED, UNMEASURED]


def test_run_that_lacks_the_response_of_a_threshold_is_never_the_best_and_breaks_nothing():
    of = experiment({"rate": RATE}, BOUNDED)
    runs = [run(1, {"rate": 0.01}, {"yield": 9.0}), run(2, {"rate": 0.01}, {"yield": 3.0, "impurity": 1.0})]
    assert marks_of(of, runs) == [OPEN, BEST]


@pytest.mark.parametrize(("goal", "best"), [("minimize", 2), ("match", 3), ("maximize", 4)])
def test_best_run_is_that_of_the_goal_and_the_first_of_equals(goal, best):
    objective = {"goal": goal} | ({"target": 5.2} if goal == "match" else {})
    of = experiment({"rate": RATE}, {"y": objective})
    runs = [run(n, {"rate": 0.01}, {"y": value}) for n, value in enumerate((6.0, 1.0, 5.0, 9.0, 9.0, 1.0), 1)]
    assert [each.number for each in marked(of, runs, "y") if each.mark == BEST] == [best]


def test_run_in_another_context_than_the_newest_is_elsewhere():
    of = experiment({"rate": RATE, "oven": OVEN, "humidity": HUMIDITY})
    runs = [
        run(1, {"rate": 0.01, "oven": "a", "humidity": 50.0}, {"yield": 9.0}),
        run(2, {"rate": 0.01, "oven": "b", "humidity": 61.0}, {"yield": 8.0}),
        run(3, {"rate": 0.01, "oven": "b", "humidity": 60.0}, {"yield": 3.0}),
        run(4, {"rate": 0.01, "oven": "b", "humidity": 50.0}, {"yield": 2.0}),
    ]
    # A tenth of the range, ten points of humidity, is near.
    assert marks_of(of, runs) == [BEST, ELSEWHERE, MEASURED, MEASURED]
    assert marks_of(of, runs, context={"oven": "a", "humidity": 50.0}) == [BEST, ELSEWHERE, ELSEWHERE, ELSEWHERE]


def test_row_of_a_run_has_all_its_values_as_texts():
    of = experiment({"temperature": TEMPERATURE, "rate": RATE}, BOUNDED)
    told = run(
        3, {"temperature": 1040, "rate": 0.00123456}, {"yield": 81.2345}, sds={"yield": 0.5}, outside=["temperature"]
    )
    (only,) = marked(of, [told], "yield")
    row = hover_of(of).row(only)
    assert row == {
        "run": 1,
        "mark": OPEN,
        "c0": "1040",
        "c1": "0.00123",
        "r0": "81.2 ± 0.5",
        "r1": NOTHING,
        "outside": "temperature",
        "told": "2026-01-05 12:00:00 UTC",
    }
    titles = [channel["title"] for channel in hover_of(of).tooltip([only])]
    assert titles == ["run", "it is", "temperature", "rate", "yield", "outside the space", "told"]


def test_few_of_many_runs_are_drawn_with_the_first_the_newest_and_the_best_on_top():
    of = experiment({"rate": RATE})
    runs = marked(of, [run(n, {"rate": 0.01}, {"yield": 99.0 if n == 778 else 1.0}) for n in range(1, 1001)], "yield")
    kept = [each.number for each in drawn(runs, 10)]
    assert kept == [1, 101, 201, 301, 401, 501, 601, 701, 801, 901, 1000, 778]
    assert len(drawn(runs, 1000)) == 1000


def test_response_of_a_service_that_sends_no_responses_is_the_primary_one():
    of = experiment({"rate": RATE})
    old = run(1, {"rate": 0.01}).model_copy(update={"response": 4.0})
    (only,) = marked(of, [old], "yield")
    assert (only.mark, only.value("yield")) == (BEST, 4.0)

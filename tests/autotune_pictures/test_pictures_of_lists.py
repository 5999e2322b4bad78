"""The picture of the rows of a list that are left."""

import pytest
from pictured import Case, experiment, layers_of, random_runs, svg_of, valid

import autotune_pictures as pictures

LIST = {"n": 30, "n_withdrawn": 2, "n_left": 20, "details": ["bottle"]}


def ranked(n, mean=4.0, sd=0.5, **details):
    covars = {"temperature": 80, "rate": 0.01, "base": "Et3N"}
    given = {"bottle": "A-12", "lot": None, **details}
    return [{"number": k + 1, "details": given, "covars": covars, "mean": mean - k / 4, "sd": sd} for k in range(n)]


def drawn(rows, listed=LIST, n_runs=8):
    of = experiment(candidates=listed)
    case = Case(of, random_runs(of, n_runs))
    insights = case.insights().model_copy(deep=True)
    found = {"observation_uuid": case.runs[0].observation_uuid, "covars": case.runs[0].covars, "response": 3.0}
    insights = type(insights).model_validate({**insights.model_dump(), "candidates": rows, "best_observed": found})
    return valid(pictures.candidates(of, insights))


def test_rows_are_drawn_from_the_best_on_with_their_details():
    spec = drawn(ranked(10))
    rows = spec["data"]["values"]
    assert [row["name"] for row in rows[:2]] == ["1 A-12", "2 A-12"]
    assert rows[0] | {"low": 3.5, "high": 4.5, "mean": 4.0, "text": "4 \N{PLUS-MINUS SIGN} 0.5"} == rows[0]
    assert "A-12" in svg_of(spec)
    assert "the best of 20 rows" in " ".join(spec["title"]["subtitle"])


def test_best_so_far_is_a_line():
    texts = [layer["mark"].get("text") for layer in layers_of(drawn(ranked(2))) if isinstance(layer["mark"], dict)]
    assert "best so far" in texts


@pytest.mark.parametrize("bottle", ["</script>", "datum['x'] + \\", "a" * 200, 'it "is"', 12.5, True])
def test_details_are_texts_whatever_they_hold(bottle):
    svg = svg_of(drawn(ranked(3, bottle=bottle)))
    assert "undefined" not in svg
    assert "NaN" not in svg


@pytest.mark.parametrize(("mean", "sd"), [(1e300, 1e299), (0.0, 0.0), (-1e-300, 1e-305)])
def test_numbers_at_the_limits_are_drawn(mean, sd):
    assert "NaN" not in svg_of(drawn(ranked(3, mean, sd)))


def test_nothing_to_draw_is_said():
    assert "No row is left" in svg_of(drawn([]))


def test_experiment_without_a_list_has_no_such_picture():
    with pytest.raises(pictures.PictureError, match="this one has no list"):
        drawn([], None)

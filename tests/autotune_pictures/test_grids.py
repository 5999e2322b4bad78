import pytest
from pictured import BASE, RATE, TEMPERATURE, experiment

from autotune_pictures import PictureError, grid_of, mixture_of, triangle_of
from autotune_pictures.parts.isolines import isoline, round_levels

SHARE = {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}
SHARES = ["flour", "sugar", "cocoa", "butter"]
MIX = {
    "ctype": "linear",
    "weights": dict.fromkeys(SHARES, 1.0),
    "relation": "==",
    "bound": 1.0,
}


def mixture(**changes):
    return experiment({name: SHARE | changes.get(name, {}) for name in SHARES}, constraints=[MIX])


def test_grid_keeps_the_others_at_the_configuration_or_their_guesses():
    of = experiment({"t": TEMPERATURE, "rate": RATE, "base": BASE})
    grid = grid_of(of, "t", "base", {"rate": 0.02})
    assert len(grid.configurations) == 17 * 3
    assert grid.configurations[0] == {"t": 40, "rate": 0.02, "base": "K2CO3"}
    assert {each["rate"] for each in grid_of(of, "t", "base", {}).configurations} == {1e-3}
    assert grid.cells[4] == (1, 1)


def test_other_shares_of_a_mixture_keep_the_sum_in_proportion():
    grid = grid_of(mixture(), "flour", "sugar", {"flour": 0.4, "sugar": 0.3, "cocoa": 0.2, "butter": 0.1})
    assert all(sum(map(float, each.values())) == pytest.approx(1) for each in grid.configurations)
    assert all(each["cocoa"] == pytest.approx(2 * each["butter"]) for each in grid.configurations)
    assert all(each["flour"] + each["sugar"] <= 1 + 1e-9 for each in grid.configurations)


def test_covariate_that_is_active_sometimes_gets_the_value_that_makes_it_so():
    of = experiment(
        {"base": BASE, "drops": RATE | {"active_if": {"covariate": "base", "values": ["Et3N"]}}, "t": TEMPERATURE}
    )
    assert {each["base"] for each in grid_of(of, "drops", "t", {"base": "K2CO3"}).configurations} == {"Et3N"}
    by_base = grid_of(of, "base", "t", {}).configurations
    assert all(("drops" in each) == (each["base"] == "Et3N") for each in by_base)
    # Where both are on the axes, the cells in which it is not active have no configuration.
    assert {each["base"] for each in grid_of(of, "base", "drops", {}).configurations} == {"Et3N"}


@pytest.mark.parametrize(
    ("x", "y", "argument"), [("q", "t", "x is 'q'"), ("t", "q", "y is 'q'"), ("t", "t", "y is 't'")]
)
def test_grid_of_what_is_no_pair_of_covariates_is_refused(x, y, argument):
    with pytest.raises(PictureError, match=f"{argument}; it must be one of: .*'rate'"):
        grid_of(experiment({"t": TEMPERATURE, "rate": RATE}), x, y, {})


def test_triangle_shares_out_what_the_others_and_the_least_amounts_leave():
    of = mixture(flour={"min": 0.1}, cocoa={"max": 0.3})
    triangle = triangle_of(of, ["flour", "sugar", "cocoa"], {"butter": 0.2}, 10)
    assert triangle.room == pytest.approx(0.7)
    assert all(sum(map(float, each.values())) == pytest.approx(1) for each in triangle.configurations)
    assert max(each["flour"] for each in triangle.configurations) == pytest.approx(0.8)
    assert max(each["cocoa"] for each in triangle.configurations) == pytest.approx(0.28)
    assert {each["butter"] for each in triangle.configurations} == {0.2}


def test_shares_with_a_step_are_predicted_at_their_steps():
    """The places of 24 parts lie between the hundredths: 1/24 is 0.0417, so 0.04 is predicted there."""
    of = mixture(**{name: {"step": 0.01} for name in SHARES})
    grid = grid_of(of, "flour", "sugar", {"flour": 0.4, "sugar": 0.3, "cocoa": 0.2, "butter": 0.1})
    for found in (triangle_of(of, SHARES[:3], {"butter": 0.25}).configurations, grid.configurations):
        for each in found:
            assert all(of.covars[name].value_at(round(amount * 100)) == amount for name, amount in each.items()), each
            assert sum(map(float, each.values())) == pytest.approx(1)
    assert triangle_of(of, SHARES[:3], {"butter": 0.0}).configurations[1] == {
        "flour": 0.04,
        "sugar": 0.96,
        "cocoa": 0.0,
        "butter": 0.0,
    }


def test_mixture_is_a_sum_of_three_or_more_shares_that_is_held():
    assert mixture_of(mixture()) == SHARES
    at_most = experiment(dict.fromkeys(SHARES, SHARE), constraints=[MIX | {"relation": "<="}])
    assert mixture_of(at_most) == []
    with pytest.raises(PictureError, match="ternary needs a mixture"):
        triangle_of(at_most, SHARES[:3], {})


@pytest.mark.parametrize("names", [["flour", "sugar"], ["flour", "flour", "sugar"], ["flour", "sugar", "salt"]])
def test_triangle_of_other_than_three_shares_is_refused(names):
    with pytest.raises(PictureError, match=r"shares is .*'butter'"):
        triangle_of(mixture(), names, {})


def test_triangle_without_room_is_refused():
    with pytest.raises(PictureError, match="leave nothing"):
        triangle_of(mixture(), SHARES[:3], {"butter": 1.0})


def test_isoline_of_a_slope_is_straight():
    values = {(column, row): float(column) for column in range(3) for row in range(3)}
    segments = list(isoline(values, (3, 3), 0.5))
    assert segments == [((0.5, 0.0), (0.5, 1.0)), ((0.5, 1.0), (0.5, 2.0))]


def test_isoline_leaves_out_squares_with_a_missing_corner():
    values = {(column, row): float(column) for column in range(3) for row in range(3) if (column, row) != (1, 0)}
    assert list(isoline(values, (3, 3), 0.5)) == [((0.5, 1.0), (0.5, 2.0))]


def test_isoline_round_a_hill_is_closed():
    values = {(column, row): -float((column - 5) ** 2 + (row - 5) ** 2) for column in range(11) for row in range(11)}
    ends = [end for segment in isoline(values, (11, 11), -9.5) for end in segment]
    assert len(ends) > 20
    assert all(ends.count(end) == 2 for end in ends)


def test_levels_are_round_and_inside():
    assert round_levels(0.3, 41.0, 8) == [10.0, 20.0, 30.0, 40.0]
    assert round_levels(5.0, 5.0) == []

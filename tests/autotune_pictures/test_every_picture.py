import json
from uuid import UUID

import pytest
import vl_convert
from pictured import (
    BASE,
    BOUNDED,
    COVARS,
    RATE,
    TEMPERATURE,
    Case,
    experiment,
    layers_of,
    random_runs,
    run,
    svg_of,
    valid,
)

import autotune_pictures as pictures
from autotune_pictures.parts.frame import BLUE, GREEN, GREY, ORANGE, PINK, RED

HOSTILE = ["a.b[0]", 'it\'s "so"', "datum['x'] + \\", "Ü😀\nline", "</script><b>", "run", "mark", "told"]
SHARES = ("flour", "sugar", "cocoa", "butter")


def _sum_of(*names: str) -> dict[str, object]:
    return {"ctype": "linear", "weights": dict.fromkeys(names, 1.0), "relation": "==", "bound": 1.0}


def _hostile() -> Case:
    kinds = [TEMPERATURE, RATE, {"vtype": "cat", "guess": HOSTILE[0], "options": HOSTILE}]
    covars = {name: kinds[place % 3] for place, name in enumerate(HOSTILE)}
    responses = {
        "y.[\"0'] \\": {"goal": "maximize"},
        "cost $&": {"goal": "minimize"},
        "%": {"goal": ">=", "bound": 2.0},
    }
    names = ["'; \"</script> {}[]", "long " * 40]
    before = [{"exp_uuid": str(UUID(int=k)), "name": name, "n_runs": 9, "last_seq": 9} for k, name in enumerate(names)]
    of = experiment(covars, responses, name="'; \"</script> \\u0000 {}[]" + "long " * 40, learn_from=before)
    return Case(of, random_runs(of, 30))


def _mixture() -> Case:
    share = {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}
    of = experiment(dict.fromkeys(SHARES, share), constraints=[_sum_of(*SHARES)])
    runs = [
        run(n, {"flour": 0.1 * n, "sugar": 0.4 - 0.1 * n, "cocoa": 0.3, "butter": 0.3}, {"yield": n}) for n in (1, 2)
    ]
    return Case(of, runs)


def _cases() -> dict[str, Case]:
    plain, bounded = experiment(), experiment(responses=BOUNDED)
    two = experiment(responses={"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    four = experiment(
        responses={
            "yield": {"goal": "maximize", "reference": 1.0},
            "cost": {"goal": "minimize"},
            "pH": {"goal": "match", "target": 7.4},
            "purity": {"goal": "maximize"},
        }
    )
    fixed = {"vtype": "cont", "guess": 3.0, "min": 3.0, "max": 3.0}
    constants = experiment({"a": fixed, "b": {"vtype": "int", "guess": 2, "min": 2, "max": 2}, "c": BASE})
    one = experiment({"rate": RATE})
    options = experiment(
        {"base": BASE, "solvent": BASE | {"options": [f"K2CO3 {n}" for n in range(40)], "guess": "K2CO3 1"}}
    )
    dated = experiment(
        {"day": {"vtype": "cat", "guess": "2026-01-05", "options": ["2026-01-05", "2026-02-30"]}, "x": RATE}
    )
    wild = experiment(
        {
            "x": {"vtype": "cont", "guess": 0.0, "min": -1e300, "max": 1e300},
            "y": {"vtype": "cont", "guess": 1e-300, "min": 1e-300, "max": 1e300, "log": True},
        }
    )
    spread = [
        run(n, {"x": 10.0 * n, "y": 1.0}, {"yield": value})
        for n, value in enumerate((1.7e308, -1.7e308, 1e-300, 0.0, 5.0), 1)
    ]
    conditional = experiment(COVARS | {"additive": RATE | {"active_if": {"covariate": "base", "values": ["Et3N"]}}})
    before = [{"exp_uuid": str(UUID(int=7)), "name": "bromide", "n_runs": 40, "last_seq": 90}]
    learning = experiment(learn_from=before)
    return {
        "learning": Case(learning, random_runs(learning, 9)),
        "learning, no runs": Case(learning, [], has_model=False),
        "plain": Case(plain, random_runs(plain, 30)),
        "bounded": Case(bounded, random_runs(bounded, 30)),
        "two objectives": Case(two, random_runs(two, 30)),
        "four objectives": Case(four, random_runs(four, 30)),
        "hostile names": _hostile(),
        "mixture": _mixture(),
        "no runs": Case(two, [], has_model=False),
        "one run": Case(two, random_runs(two, 1), has_model=False),
        "all failed": Case(
            two,
            [run(n, {"temperature": 80, "rate": 0.01, "base": "Et3N"}, status="failed") for n in (1, 2)],
            has_model=False,
        ),
        "all equal": Case(
            plain, [run(n, {"temperature": 80, "rate": 0.01, "base": "Et3N"}, {"yield": 4.0}) for n in range(1, 9)]
        ),
        "constants": Case(constants, random_runs(constants, 9)),
        "one covariate": Case(one, random_runs(one, 9)),
        "options only": Case(options, random_runs(options, 60)),
        "dates as options": Case(dated, random_runs(dated, 9)),
        "numbers at the limits": Case(wild, spread),
        "conditional": Case(conditional, [run(1, {"temperature": 80, "rate": 0.01, "base": "K2CO3"}, {"yield": 4.0})]),
    }


CASES = _cases()
ALL = [(case, picture) for case in CASES for picture in CASES[case].draw()]


def test_every_picture_is_drawn_by_some_case():
    assert {picture for _, picture in ALL} == {
        "history", "slices", "contour", "importance", "parallel", "pareto", "crossval", "ternary", "hypervolume",
        "feasibility", "timeline", "compare", "earlier",
    }  # fmt: skip


@pytest.mark.parametrize(("case", "picture"), ALL)
def test_picture_is_vega_lite_5_and_can_be_rendered(case, picture):
    spec = valid(CASES[case].draw()[picture]())
    svg = svg_of(spec)
    assert "<svg" in svg
    assert "NaN" not in svg
    assert "undefined" not in svg


def test_pictures_of_insights_alone_can_be_rendered():
    case = CASES["two objectives"]
    for spec in (
        pictures.slices(case.experiment, [], case.insights()),
        pictures.crossval(case.experiment, None, case.insights()),
        Case(case.experiment, []).draw()["contour"](),
    ):
        # An empty scale gives a picture without a size, which no PNG can be made of.
        assert vl_convert.vegalite_to_png(json.dumps(valid(spec)), vl_version="5.8").startswith(b"\x89PNG")


@pytest.mark.parametrize("picture", list(CASES["hostile names"].draw()))
def test_no_name_of_a_user_is_a_field_of_the_data(picture):
    """A dot, a bracket or a quote in a field's name would be read as a path into the row."""
    spec = CASES["hostile names"].draw()[picture]()
    fields = {channel.get("field") for layer in layers_of(spec) for channel in _channels(layer)}
    assert not fields & {*HOSTILE, "y.[\"0'] \\", "cost $&", "%"} - {"run", "mark", "told"}


def _channels(layer):
    found = []
    for channel in layer.get("encoding", {}).values():
        found += channel if isinstance(channel, list) else [channel]
    return found


def test_every_hovered_title_is_told_apart():
    """Vega keeps a tooltip by its titles, so that a covariate named "run" would take the place of the run's number."""
    spec = CASES["hostile names"].draw()["history"]()
    tooltips = [layer["encoding"]["tooltip"] for layer in layers_of(spec) if "tooltip" in layer.get("encoding", {})]
    titles = [channel["title"] for channel in max(tooltips, key=len)]
    assert len(titles) == len(set(titles))
    assert [title for title in titles if title.strip() == "run"] == ["run", "run "]


@pytest.mark.parametrize(
    "picture", ["history", "slices", "parallel", "crossval", "timeline", "compare", "contour", "pareto"]
)
def test_picture_of_many_runs_is_small_and_says_so(picture):
    of = experiment(responses={"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    spec = valid(Case(of, random_runs(of, 5000)).draw()[picture]())
    assert len(json.dumps(spec)) < 400_000
    assert "runs drawn" in " ".join(spec["title"]["subtitle"])


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
@pytest.mark.parametrize("colour", [GREY, BLUE, RED, PINK, GREEN, ORANGE])
def test_colour_stands_out_from_light_and_dark(colour, background):
    """WCAG 2.2, 1.4.11: graphics need a contrast of 3 : 1; #111111 is the ground of JupyterLab's dark theme."""
    dark, light = sorted((_luminance(colour), _luminance(background)))
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_ground_is_that_of_the_page():
    assert valid(CASES["plain"].draw()["history"]())["config"]["background"] == "transparent"

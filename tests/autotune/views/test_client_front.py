from xml.etree import ElementTree as ET

import pytest
from fake_service import SPACE, observation
from pydantic import TypeAdapter
from tags import Tags

from autotune.views.fronts import Front, FrontRun, front_among, front_caption, front_table
from autotune.views.pareto import Pareto
from autotune.views.pictures.front import MAX_DOTS, draw_front
from autotune.views.shown import Observation
from autotune_wire.responses import Objective, Responses, Target, objectives_of
from autotune_wire.space import Space

EVIL = "<img src=x onerror=alert(1)>"
SPACE_OF_X = TypeAdapter(Space).validate_python(SPACE)
GOALS = TypeAdapter(Responses).validate_python(
    {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}, "impurity": {"goal": "<=", "bound": 5}}
)
# The second run costs less, the third yields more; the first is worse than the third, the fourth breaks the threshold.
MEASURED = [(1.0, 3.0, 1.0), (0.5, 1.0, 2.0), (2.0, 3.0, 5.0), (9.0, 0.0, 6.0)]


def _told(measured=MEASURED, names=GOALS, **changes) -> list[Observation]:
    told = [dict(zip(names, values, strict=True)) for values in measured]
    return [
        Observation.model_validate(
            observation({"x": place / 8}, responses=responses, names=list(names), seq=10 + place, **changes)
        )
        for place, responses in enumerate(told)
    ]


def _pareto(told: list[Observation], goals=GOALS) -> Pareto:
    return Pareto(told, "alloy", SPACE_OF_X, goals)


def _pictures(front: Front, goals=GOALS, reference=None) -> list[ET.Element]:
    return list(ET.fromstring(f"<all>{draw_front(front, objectives_of(goals), reference)}</all>"))


def _classes(svg: ET.Element) -> list[str]:
    return [element.attrib["class"] for element in svg.iter() if "class" in element.attrib]


def test_pareto_has_the_observations_that_nothing_beats_best_in_the_first_objective_first():
    told = _told()
    assert list(_pareto(told)) == [told[2], told[1]]


def test_pareto_passes_over_what_does_not_count():
    told = [*_told(), *_told([(99.0, 0.0, 0.0)], is_excluded=True), *_told([(99.0, 0.0)], list(GOALS)[:2])]
    failed = Observation.model_validate(observation({"x": 0.9}, names=list(GOALS), status="failed"))
    assert [run.responses["yield"] for run in _pareto([*told, failed])] == [2.0, 0.5]


def test_pareto_keeps_runs_that_are_equal():
    assert len(_pareto(_told([(2.0, 1.0, 1.0), (2.0, 1.0, 1.0)]))) == 2


def test_pareto_of_one_objective_is_the_best():
    goals = {"yield": GOALS["yield"], "impurity": GOALS["impurity"]}
    found = _pareto(_told([(1.0, 1.0), (2.0, 1.0), (3.0, 9.0)], goals), goals)
    assert ([run.responses["yield"] for run in found], found.hypervolume) == ([2.0], None)
    assert "<svg" not in found._repr_html_()


def test_pareto_as_text_is_a_table():
    assert repr(_pareto(_told())).splitlines() == [
        # Above (0.35, 3.2), a tenth of the front's ranges beyond it: 1.65 * 0.2 + 0.15 * 2.
        "Pareto front of 'alloy': 2 of 4 observations, hypervolume 0.63",
        "                 maximize yield  minimize cost  impurity <= 5  x",
        "  run 3, newest  2 (best)        3              5 (met)        0.25",
        "  run 2          0.5             1 (best)       2 (met)        0.125",
    ]


def test_pareto_as_html_has_the_table_and_the_picture():
    html = _pareto(_told())._repr_html_()
    parsed = Tags(html)
    assert parsed.open == []
    assert {"svg", "table"} <= set(parsed.tags)
    assert not {"script", "img", "link", "iframe", "image", "use"} & set(parsed.tags)
    assert "<td>run 3, newest</td><td>2 (best)</td><td>3</td><td>5 (met)</td><td>0.25</td>" in html


@pytest.mark.parametrize("told", [[], _told([(1.0, 1.0, 9.0)])])
def test_pareto_without_a_run_says_so(told):
    assert "No run has measured all objectives and met every threshold yet" in _pareto(told)._repr_html_()
    assert repr(_pareto(told)) == f"Pareto front of 'alloy': 0 of {len(told)} observation{'' if told else 's'}"


def test_pareto_escapes_what_users_wrote():
    goals = {EVIL: GOALS["yield"], EVIL * 2: GOALS["cost"]}
    told = _told([(1.0, 2.0), (0.5, 1.0)], goals)
    assert "img" not in Tags(Pareto(told, EVIL, SPACE_OF_X, goals)._repr_html_()).tags


def test_front_of_two_objectives_draws_the_dominated_runs_pale_and_the_broken_ones_as_rings():
    [svg] = _pictures(_pareto(_told()).front)
    assert [kind for kind in _classes(svg) if kind.startswith("at-dot") or kind == "at-ring"] == [
        "at-dot at-pale",
        "at-dot at-broken",
        "at-dot at-top",
        "at-dot at-top",
        "at-ring",
    ]


def test_front_says_in_words_what_it_shows():
    [svg] = _pictures(_pareto(_told()).front)
    assert svg.attrib["aria-label"] == "Pareto front of yield and cost: 2 runs, best yield 2, best cost 1"
    titles = [title.text for title in svg.iter("title")]
    assert "run 4: yield 9, cost 0, impurity 6 at x=0.375, breaks a threshold" in titles


@pytest.mark.parametrize(("n_objectives", "n_pairs"), [(3, 3), (4, 6)])
def test_front_of_more_objectives_has_a_frame_for_each_pair_and_no_line(n_objectives, n_pairs):
    goals: Responses = {f"y{place}": Objective(goal="maximize") for place in range(n_objectives)}
    told = _told([tuple(range(n_objectives)), tuple(range(n_objectives, 0, -1))], goals)
    pictures = _pictures(_pareto(told, goals).front, goals)
    assert len(pictures) == n_pairs
    assert not any("at-best" in _classes(svg) for svg in pictures)


def test_front_is_not_flattened_by_one_bad_run():
    others = [FrontRun({"yield": place / 10, "cost": 2.0 + place / 10}, {}) for place in range(9)]
    bad = FrontRun({"yield": -1000.0, "cost": 2.5}, {}, "run 9")
    front = Front([FrontRun({"yield": 1.0, "cost": 1.0}, {})], [*others, bad])
    [svg] = _pictures(front, {name: GOALS[name] for name in ("yield", "cost")})
    places = [float(circle.attrib["cx"]) for circle in svg.iter("circle")]
    assert max(places) - min(places) > 300
    [beyond] = [path for path in svg.iter("path") if path.attrib["class"] == "at-dot at-pale"]
    assert (beyond.attrib["d"].split()[0], beyond[0].text) == ("M58.0", "run 9: yield -1000, cost 2.5")


def test_front_of_very_many_runs_stays_small():
    runs = [FrontRun({"yield": float(place), "cost": float(place)}, {}) for place in range(20 * MAX_DOTS)]
    drawn = draw_front(Front(runs, runs), objectives_of(GOALS), None)
    assert drawn.count("<circle") <= 2 * MAX_DOTS
    third = {"third": Objective(goal="maximize")}
    whole = [FrontRun({**run.responses, "third": 0.0}, {}) for run in runs]
    drawn = draw_front(Front(whole, whole), objectives_of(GOALS | third), None)
    assert drawn.count("<circle") <= 2 * (MAX_DOTS + 3)  # one more in each of three frames


def test_front_table_marks_nothing_as_best_where_one_run_is_best_in_all():
    header, rows = front_table(
        front_among([FrontRun({"yield": 1.0, "cost": 2.0, "impurity": 0.0}, {})], GOALS), GOALS, []
    )
    assert (header, rows) == (
        ("maximize yield", "minimize cost", "impurity <= 5"),
        [("1", "2", "0 (met)")],
    )


def test_front_caption_names_the_reference_and_says_where_nothing_reaches_it():
    goals = {"yield": Objective(goal="maximize", reference=3), "cost": Objective(goal="minimize", reference=5)}
    front = front_among([FrontRun({"yield": 1.0, "cost": 2.0}, {})], goals)
    assert front_caption(front, goals) == (
        "1 run on the front: no other run is as good in every objective and better in one; hypervolume 0 above "
        "the reference point yield 3, cost 5 (no run is better than that in every objective yet)"
    )


def test_front_with_a_target_is_drawn_by_the_distance_from_it():
    goals: Responses = {"yield": Objective(goal="maximize"), "pH": Target(goal="match", target=7)}
    told = _told([(1.0, 7.1), (2.0, 6.0), (1.0, 9.0)], goals)
    pareto = _pareto(told, goals)
    assert list(pareto) == [told[1], told[0]]
    header, rows = front_table(pareto.front, goals, [])
    assert header[1:] == ("maximize yield", "pH = 7")
    assert [row[2] for row in rows] == ["6", "7.1 (best)"]
    # The front's distances are 0.1 and 1: 1 + 0.1 * 0.9.
    assert "above the reference point yield 0.9, pH 1.09 from 7" in front_caption(pareto.front, goals)
    [svg] = _pictures(pareto.front, goals, pareto.reference)
    assert "distance of pH from 7" in [text.text for text in svg.iter("text")]
    heights = {circle[0].text[:5]: float(circle.attrib["cy"]) for circle in svg.iter("circle") if len(circle)}
    assert heights["run 1"] > heights["run 2"]  # nearer to the target is lower

"""Every picture by ``%autotune show`` in a real shell: drawn from a real model, used wrongly, and without a service."""

import pytest
from magic_shell import gone, lines_of, session_of, signed_in

from autotune.pictures.picture import Picture
from processes import ServiceProcess
from support import run_cell

NEW = """\
--max yield --min cost --response "impurity <= 5" --constraint "water + dioxane + toluene == 1"
--x "water: 0..1" --x "dioxane: 0..1" --x "toluene: 0..1" --x "t: 40..120 int °C" --seed 1"""
SHARES = [(0.2, 0.3), (0.5, 0.5), (0.1, 0.7), (0.6, 0.2), (0.3, 0.3), (0.0, 0.4), (0.4, 0.1), (0.25, 0.6)]
RUNS = [
    {"water": a, "dioxane": b, "toluene": round(1 - a - b, 2), "t": t, "yield": 80 - 99 * (a - 0.3) ** 2 + t / 9}
    | {"cost": 5 + 3 * b + t / 60, "impurity": t / 20}
    for (a, b), t in zip(SHARES, range(45, 120, 10), strict=True)
]
SHOWN = {
    "history": "",
    "slice": "",
    "contour": "",
    "importance": "",
    "earlier": "",
    "parallel": "",
    "crossval": "",
    "pareto": "",
    "hypervolume": "",
    "feasibility": "",
    "ternary": "",
    "timeline": "",
    "compare": "another",
}
"""Each picture of this experiment, and what has to follow its name."""
WRONG = {
    "history": ("yeild", "response is 'yeild'"),
    "slice": ("yeild", "response is 'yeild'"),
    "contour": ("water temperature", "'temperature'"),
    "importance": ("--response yeild", "response is 'yeild'"),
    "earlier": ("yeild", "response is 'yeild'"),
    "curves": ("yield", "the picture curves takes no 'yield'"),
    "parallel": ("yeild", "response is 'yeild'"),
    "crossval": ("--response yeild", "response is 'yeild'"),
    "pareto": ("yield", "the picture pareto takes no 'yield'"),
    "hypervolume": ("--response yield", "the picture hypervolume is not about one response"),
    "feasibility": ("water t --at {'tt': 3}", "at has 'tt'"),
    "ternary": ("water dioxane", "shares"),
    "timeline": ("today", "the picture timeline takes no 'today'"),
    "candidates": ("yield", "the picture candidates takes no 'yield'"),
    "compare": ("nobody", "you have no experiment named 'nobody'"),
}


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory):
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path_factory.mktemp("pictures") / "data", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture(scope="module")
def shell(service):
    with signed_in(service) as shell:
        shell.user_ns["runs"] = RUNS
        for name, more in (("another", ""), ("reactor", " --learn-from another")):
            shell.run_line_magic("autotune", f"new {name} {NEW}{more}".replace("\n", " "))
            shell.run_line_magic("autotune", "load runs")
        yield shell


@pytest.fixture
def cell(shell, capsys):
    return lambda text: run_cell(shell, capsys, text)


def test_all_pictures_are_tried_here(shell):
    assert set(session_of(shell).known_pictures()) == {*SHOWN, "candidates", "curves"} == set(WRONG)


@pytest.mark.parametrize("name", SHOWN)
def test_picture_is_drawn(shell, name):
    drawn = shell.run_line_magic("autotune", f"show {name} {SHOWN[name]}")
    assert isinstance(drawn, Picture)
    assert "reactor" in drawn.description
    assert drawn.spec["$schema"].endswith("v5.json")
    assert "No run" not in drawn.description


@pytest.mark.parametrize("name", WRONG)
def test_picture_that_is_asked_for_wrongly_says_what_to_do(cell, name):
    words, message = WRONG[name]
    shown, is_right = cell(f"%autotune show {name} {words}")
    assert not is_right
    assert shown.startswith("UsageError: ")
    assert message in shown
    assert 1 <= len(shown.splitlines()) <= 3


def test_picture_of_two_objectives_says_why_one_is_too_few(cell):
    assert cell('%autotune new single --x "x: 0..1"')[1]
    for name, why in (("pareto", "two objectives"), ("hypervolume", "two objectives"), ("contour", "two covariates"),
                      ("feasibility", "two covariates"), ("ternary", "mixture"), ("candidates", "list")):  # fmt: skip
        shown, is_right = cell(f"%autotune show {name}")
        assert (is_right, why in shown, "Traceback" in shown) == (False, True, False), shown
    assert cell("%autotune use reactor")[1]


def test_service_that_is_gone_is_named_by_every_picture(cell, shell, service):
    with gone(service, shell):
        for name, words in SHOWN.items():
            shown, is_right = cell(f"%autotune show {name} {words}")
            lines = lines_of(shown)
            assert not is_right, name
            assert lines[0].startswith(f"ConnectionFailedError: cannot reach the service at {service.url}"), name
            assert lines[-1].startswith("run the command again once the service is up"), name
            assert len(lines) <= 3, name

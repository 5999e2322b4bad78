import pandas as pd
import pytest
from IPython.core.error import UsageError
from scipy import stats

from autotune.errors import InvalidInputError
from autotune_wire.responses import Objective, Target, Threshold


def fields(made):
    return {name: covariate.model_dump(exclude_unset=True) for name, covariate in made.covars.items()}


T = {"vtype": "int", "min": 40, "max": 120, "step": 5, "unit": "°C", "guess": 80}
RATE = {"vtype": "cont", "min": 1e-5, "max": 0.1, "log": True, "guess": 0.001}
BASE = {"vtype": "cat", "options": ["K2CO3", "K3PO4", "Et3N"], "guess": "K2CO3"}


def test_new_takes_covariates_on_the_line(run):
    made = run(
        'new Suzuki --max yield --x "t: 40..120 int step 5 °C" --x "lr: 1e-5..1e-1 log" --x base: K2CO3|K3PO4|Et3N'
    )
    assert fields(made) == {"t": T, "lr": RATE, "base": BASE}
    assert (made.name, made.responses) == ("Suzuki", {"yield": Objective(goal="maximize")})


def test_new_takes_covariates_in_a_cell(shell, cell):
    lines = "t: 40..120 int step 5 °C  # of the bath\n\n# a comment\nlr: 1e-5..1e-1 log\n  base: K2CO3|K3PO4|Et3N\n"
    assert cell(f"%%autotune new 'Suzuki coupling'\n{lines}")[1]
    made = shell.run_line_magic("autotune", "list")[0]
    assert (made.name, fields(made)) == ("Suzuki coupling", {"t": T, "lr": RATE, "base": BASE})


def test_new_takes_responses_in_the_order_of_the_line(run):
    made = run("new lab space --min cost --max 'total yield' --response impurity <= 5 --response 'pH = 7,4'")
    assert made.responses == {
        "cost": Objective(goal="minimize"),
        "total yield": Objective(goal="maximize"),
        "impurity": Threshold(goal="<=", bound=5),
        "pH": Target(goal="match", target=7.4),
    }


@pytest.mark.parametrize("guess", ["'x=0,25, base=Et3N'", "x=0.25, base=Et3N", '{"x": 0.25, "base": "Et3N"}', "mine"])
def test_new_takes_what_to_try_first(run, shell, guess):
    shell.user_ns["mine"] = {"x": 0.25, "base": "Et3N"}
    made = run(f"new lab --x x: 0..1 --x base: KOH|Et3N --guess {guess}")
    assert [covariate.guess for covariate in made.covars.values()] == [0.25, "Et3N"]


@pytest.mark.parametrize("written", ['{"x": {"vtype": "int", "guess": 1, "min": 0, "max": 5}}', '{"x": "0..5 int"}'])
def test_new_and_edit_take_dicts_as_they_are_written(run, written):
    assert run(f"new lab {written}").covars["x"].max == 5
    assert run('edit {"x": {"max": 9}}').covars["x"].max == 9
    assert run('edit --x "x: 0..12 int"').covars["x"].max == 12


def test_new_takes_distributions_of_scikit_learn(run, shell):
    shell.user_ns["space"] = {"C": stats.loguniform(1e-2, 1e2), "kernel": ["rbf", "poly"]}
    made = run("new svm space")
    assert (made.covars["C"].log, made.covars["kernel"].options) == (True, ["rbf", "poly"])


def test_new_takes_past_runs_and_says_how_to_tell_them(run, shell, capsys):
    shell.user_ns["df"] = pd.DataFrame({"x": [0.1, 0.9], "yield": [1.0, 2.0]})
    made = run("new lab df --max yield")
    assert (made.covars["x"].min, made.covars["x"].max) == (0.1, 0.9)
    assert "made of 2 runs" in (shown := capsys.readouterr().out)
    assert "to tell these runs: %autotune load df\n" in shown
    run("load df")
    assert "2 runs told" in capsys.readouterr().out


def test_new_keeps_values_of_the_notebook_in_texts(run, shell):
    shell.user_ns |= {"high": 90, "batch": 7, "limit": 1.5}
    made = run('new "batch $batch" --x "x: 0..{high / 3}" --x y: 0..$high --constraint "x + y <= {limit}"')
    assert (made.name, made.covars["x"].max, made.covars["y"].max) == ("batch 7", 30, 90)
    assert made.constraints[0].bound == 1.5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("new lab --x", '--x needs a value, "NAME: VALUES"\n`%autotune help new` says more'),
        ("new lab --x t 40..120", "'t 40..120' is no covariate\nwrite its name, a colon and its values"),
        ("new lab --x t: 1..2 --x t: 1..3", "the covariate 't' is given twice\ngive it once"),
        ("new lab space --x t: 1..2", "the covariates are given twice, by space and by --x\ngive them once"),
        ("new lab --x t: 40-120", "covars.t: is neither a range nor options"),
        ("new dark brownies space", "'space' is not expected here: %autotune new NAME"),
        ("new lab space --max", "--max needs a value, RESPONSE"),
        ("new lab space --maks yield", "%autotune new has no option --maks; did you mean --max"),
        ("new lab space --minimize --min cost", "--minimize is for a single response without a name"),
        ("new lab space --minimize=yes", "--minimize takes no value"),
        ("new lab space --response cost", "'cost' is no bound and no target of a response"),
        ("new lab space --guess 'x 3'", "is not a Python expression"),
        ("new lab space --guess x=", "--guess: 'x=' is no value of a covariate"),
        ("new lab space --guess y=3", "guess.y: is not a covariate; the covariates are x"),
        ("new lab space --engine greattune", "--engine cannot be 'greattune'; did you mean greattunes"),
        ("new lab space --seed 1 --seed 2", "--seed is given twice"),
        (
            "new '{lab} 1' space",
            "{lab}: there is no variable 'lab' in this notebook\nwrite $$, {{ and }} for the signs",
        ),
        ("edit", "COVARIATES or --x is missing: %autotune edit"),
    ],
)
def test_wrong_use_says_in_two_lines_what_to_do(run, line, message):
    run("new brownies space")
    with pytest.raises(UsageError) as caught:
        run(line)
    assert message in str(caught.value)
    assert str(caught.value).count("\n") <= 1


def test_new_takes_descriptors_from_the_notebook_and_from_a_file(run, shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bases.csv").write_text("base,pKb,price\nKOH,0.5,3\nEt3N,3.25,20\n")
    shell.user_ns["shelf"] = pd.DataFrame({"name": ["DMAc", "BuCN", "water"], "bp": [165, 117.6, 100]})
    made = run('new lab --x "s: BuCN|DMAc" --x x: 0..1 --descriptors s: shelf --descriptors "base: bases.csv"')
    assert made.covars["s"].descriptors == {"BuCN": {"bp": 117.6}, "DMAc": {"bp": 165.0}}
    assert made.covars["base"].options == ["KOH", "Et3N"]
    assert made.covars["base"].descriptors["Et3N"] == {"pKb": 3.25, "price": 20.0}


@pytest.mark.parametrize(
    ("written", "says"),
    [("s", "is no table of options"), ("s: nothing", "nothing"), ("x: {1: 2}", "descriptors")],
)
def test_new_says_what_is_wrong_with_a_table_of_options(run, written, says):
    with pytest.raises((UsageError, InvalidInputError), match=says):
        run(f'new lab --x "s: BuCN|DMAc" --x x: 0..1 --descriptors "{written}"')

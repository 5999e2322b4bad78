import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.covariate_text import covariate_of_text


def a_cont(low, high, guess, **more):
    return {"vtype": "cont", "min": low, "max": high, "guess": guess, **more}


@pytest.mark.parametrize(
    ("text", "covariate"),
    [
        ("1..5", a_cont(1, 5, 3)),
        (" -5 .. 5 ", a_cont(-5, 5, 0)),
        ("-1e-3..1e-3", a_cont(-0.001, 0.001, 0)),
        ("1e-5..1e-1 log", a_cont(1e-5, 0.1, 0.001, log=True)),
        ("0,5..1,5 mol / L", a_cont(0.5, 1.5, 1.0, unit="mol / L")),
        ("0..100% context", a_cont(0, 100, 50, role="context", unit="%")),
        ("0.1..0.9 cont step 0.1", a_cont(0.1, 0.9, 0.5, step=0.1)),
        ("40..120 int step 5 °C", {**a_cont(40, 120, 80, step=5, unit="°C"), "vtype": "int"}),
        ("0..5 int", {**a_cont(0, 5, 2), "vtype": "int"}),
        ("1..1000 int log fidelity", {**a_cont(1, 1000, 32, log=True, role="fidelity"), "vtype": "int"}),
    ],
)
def test_range_is_read_with_its_words_and_unit(text, covariate):
    assert covariate_of_text(text) == covariate


@pytest.mark.parametrize(
    ("text", "options", "more"),
    [
        ("K2CO3|K3PO4 | Et3N", ["K2CO3", "K3PO4", "Et3N"], {}),
        ("sodium hydride|none", ["sodium hydride", "none"], {}),
        ("low|mid|high ordered", ["low", "mid", "high"], {"ordered": True}),
        ("dry|wet context", ["dry", "wet"], {"role": "context"}),
        ("8|16|32", [8, 16, 32], {"ordered": True}),
        ("0.5|1.5 mm", [0.5, 1.5], {"ordered": True, "unit": "mm"}),
        ("1|2|3a4", [1, 2, 3], {"ordered": True, "unit": "a4"}),
        ("1-propanol|2-propanol", ["1-propanol", "2-propanol"], {}),
    ],
)
def test_options_are_read_and_numbers_form_a_scale(text, options, more):
    assert covariate_of_text(text) == {"vtype": "cat", "options": options, "guess": options[0], **more}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("40-120", r'neither a range nor options; write a range such as "40\.\.120'),
        ("40..", "neither a range"),
        ("", "neither a range"),
        ("x..5", "needs a number for the lower bound, not 'x'"),
        ("1..5 step", "needs a number for the step, not ''"),
        ("1..5 Integer", "'Integer'; write int"),
        ("1..5 float", "'float'; write cont"),
        ("red||blue", "an empty option"),
        ("1,050..2000", "1,050 may be 1.05 or 1050"),
    ],
)
def test_text_that_describes_nothing_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        covariate_of_text(text)


def test_client_takes_texts_and_a_guess(client):
    made = client.new("reaction", {"t": "40..120 int °C", "base": "KOH|NaOH"}, guess={"t": 45})
    assert [(covariate.guess, covariate.unit) for covariate in made.covars.values()] == [(45, "°C"), ("KOH", None)]


@pytest.mark.parametrize(
    ("covars", "guess", "message"),
    [
        ({"t": "40"}, {}, "covars.t: is neither a range nor options"),
        ({"t": "5..1"}, {}, "covars.t.min: min must be at most max"),
        ({"t": "0..1 log"}, {}, "covars.t.min: min must be more than 0 with log"),
        ({"t": "1..5"}, {"t": 9}, "covars.t.guess: guess must lie between min and max"),
        ({"t": "1..5"}, {"u": 2}, "guess.u: is not a covariate; the covariates are t"),
    ],
)
def test_client_names_the_covariate_that_is_not_valid(client, covars, guess, message):
    with pytest.raises(InvalidInputError, match=message):
        client.new("reaction", covars, guess=guess)

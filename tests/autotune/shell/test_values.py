"""Runs and fixed values on the command line."""

from uuid import uuid4

import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.descriptions import new_experiment
from autotune.shell.values import fixed_of, named_values, run_of

TEXTS = {"minutes": "15..45 int", "oven": "a|b", "dose": "1|2|5", "a=b": "0..1"}
MADE = new_experiment("x", TEXTS, responses={"taste": "maximize"}, constraints=())
SPACE, RESPONSES = MADE.covars, MADE.responses_or_default()
NAMELESS = new_experiment("x", {"x": "0..1"}, responses=None, constraints=())
RUN = ("minutes=30", "oven=b", "dose=2", "a=b=0.5")


def test_run_is_read_by_the_types_of_its_covariates():
    uuid = uuid4()
    told = run_of([*RUN, "taste=8.5"], SPACE, RESPONSES, uuid)
    assert told.covars == {"minutes": 30, "oven": "b", "dose": 2, "a=b": 0.5}
    assert (told.responses, told.suggestion_uuid, told.status) == ({"taste": 8.5}, uuid, "ok")


def test_response_without_a_name_is_response_in_any_case():
    for name in ("response", "Response"):
        told = run_of(["x=0,5", f"{name}=-1e-3", "sd=0,1"], NAMELESS.covars, NAMELESS.responses_or_default(), None)
        assert (told.covars, told.responses, told.sds) == ({"x": 0.5}, {"Response": -0.001}, {"Response": 0.1})


def test_failed_run_has_its_reason_and_no_response():
    told = run_of([*RUN, "status=failed", "failed_because=it burnt = black"], SPACE, RESPONSES, None)
    assert (told.status, told.failed_because, told.responses) == ("failed", "it burnt = black", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*RUN, "taste=good"], "taste: must be a finite number (given: 'good')"),
        (["minutes=long", *RUN[1:], "taste=1"], "minutes: must be a finite number (given: 'long')"),
        ([*RUN, "tast=1"], "tast: is not one of this experiment; they are minutes, oven, dose, a=b, taste"),
        ([*RUN[1:], "taste=1"], "minutes: is missing"),
        (RUN, "taste: is missing; or give status=failed"),
        ([*RUN, "taste"], "'taste' is no value: write NAME=VALUE"),
        ([*RUN, "taste=1", "taste=2"], "taste is given twice: '1' and '2'"),
        ([*RUN, "taste=1", "status=failed"], "a failed run has no response"),
        ([*RUN, "status=broken"], "status: must be ok, failed, stopped or empty"),
    ],
)
def test_run_that_is_wrong_is_refused_by_its_name(words, said):
    with pytest.raises(InvalidInputError) as refused:
        run_of(words, SPACE, RESPONSES, None)
    assert said in str(refused.value)


def test_fixed_values_have_the_types_of_their_covariates():
    assert fixed_of(["dose=5", "minutes=20"], SPACE) == {"dose": 5, "minutes": 20}


@pytest.mark.parametrize(
    ("word", "said"),
    [("height=1", "height: is no covariate; they are"), ("minutes=x", "minutes: must be a finite number")],
)
def test_fixed_value_that_is_wrong_is_refused_by_its_name(word, said):
    with pytest.raises(InvalidInputError) as refused:
        fixed_of([word], SPACE)
    assert said in str(refused.value)


def test_names_with_an_equals_sign_are_the_longest_that_are_known():
    assert named_values(["a=b=c", "a=1"], ["a", "a=b"]) == {"a=b": "c", "a": "1"}

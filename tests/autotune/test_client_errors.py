import pytest
from pydantic import ValidationError

from autotune.errors import (
    InvalidInputError,
    NotFoundError,
    ServiceError,
    UnauthenticatedError,
    UnavailableError,
    refusal,
)
from autotune_wire.experiments import NewExperiment
from autotune_wire.problems import FieldProblem, Problem


def _body(**changes) -> bytes:
    whole = {"title": "Not valid", "status": 422, "code": "invalid", "detail": "covars.x: too large", **changes}
    return Problem.model_validate(whole).model_dump_json().encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnauthenticatedError),
        (404, NotFoundError),
        (502, UnavailableError),
        (503, UnavailableError),
        (409, ServiceError),
        (500, ServiceError),
    ],
)
def test_refusal_is_chosen_by_status(status, kind):
    assert type(refusal(status, _body(status=status))) is kind


def test_refusal_names_field_message_and_value():
    error = FieldProblem(field="covars.x", message="must be at most 1", value=7)
    assert str(refusal(422, _body(errors=[error]))) == (
        "Not valid (422 invalid)\n  covars.x: must be at most 1 (given: 7)"
    )


def test_refusal_without_a_field_says_the_detail():
    assert str(refusal(409, _body(status=409, code="experiment_closed", detail="it is closed"))) == (
        "it is closed (409 experiment_closed)"
    )


def test_refusal_that_is_no_problem_document_says_the_status():
    assert str(refusal(418, b"<html>")) == "the server replied without an explanation: I'm a Teapot (418 http)"


def test_refusal_of_an_unknown_status_is_an_error_of_ours():
    assert refusal(599, b"").status == 599


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_refusal_keeps_the_seconds_to_wait(header, seconds):
    assert refusal(503, _body(status=503), header).retry_after_s == seconds


def test_error_shows_no_traceback_in_a_notebook():
    assert refusal(404, _body(status=404))._render_traceback_() == ["NotFoundError: covars.x: too large (404 invalid)"]


def test_invalid_input_names_the_field_as_the_service_would():
    with pytest.raises(ValidationError) as caught:
        NewExperiment.model_validate({"name": "n", "covars": {"x": {"vtype": "int", "guess": 9, "min": 1, "max": 3}}})
    assert str(InvalidInputError.of("this experiment", caught.value)) == (
        "this experiment is not valid:\n  covars.x.guess: guess must lie between min and max, 1 to 3 (given: 9)"
    )

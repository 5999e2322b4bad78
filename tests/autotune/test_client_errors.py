import copy
import importlib
import multiprocessing
import pickle
import pkgutil
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import objectives
import pytest
from click import ClickException
from fake_service import observation
from pydantic import ValidationError

import autotune
from autotune.errors import (
    AutotuneError,
    InvalidInputError,
    NotFoundError,
    RunFailed,
    RunStopped,
    ServiceError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
    refusal,
)
from autotune.views.shown import Observation
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


def _observation() -> Observation:
    return Observation.model_validate(observation(names=["Response"], covars={"x": 0.5}, response=2.0))


def _errors() -> dict[type[Exception], Exception]:
    """Build an error of every class of the client, as they are raised."""
    fields = [FieldProblem(field="covars.x", message="must be at most 1", value=7)]
    current = _observation().model_dump(mode="json", exclude={"notes"})
    problem = Problem(title="No", status=409, code="c", detail="no", errors=fields, current=current)
    known: set[type[Exception]] = {AutotuneError, RunFailed, RunStopped, *_subclasses(AutotuneError)}
    kinds = sorted(known, key=lambda kind: kind.__name__)
    errors: dict[type[Exception], Exception] = {
        kind: kind(problem, 2.5) if issubclass(kind, ServiceError) else kind("a word", *_more(kind, fields))
        for kind in kinds
    }
    for error in errors.values():
        error.add_note("a note")
    return errors


def _more(kind: type[Exception], fields: list[FieldProblem]) -> list[Any]:
    return [fields] if issubclass(kind, InvalidInputError) else []


def _subclasses(kind: type[Exception]) -> set[type[Exception]]:
    for module in pkgutil.walk_packages(autotune.__path__, "autotune."):
        importlib.import_module(module.name)
    found = set(kind.__subclasses__())
    return found.union(*map(_subclasses, found))


def _of_package() -> set[type[Exception]]:
    """List the exceptions that the modules of the client define, without those that never leave them.

    Private ones do not, and a command ends with an exception of click.
    """
    _subclasses(AutotuneError)
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "autotune"]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    public = {kind for kind in found if issubclass(kind, Exception) and not kind.__name__.startswith("_")}
    return {kind for kind in public - _subclasses(ClickException) if kind.__module__.startswith("autotune.")}


def test_all_exceptions_of_the_client_are_tried():
    assert _of_package() == set(_errors())


_COPIES = [copy.copy, copy.deepcopy] + [
    lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
]


@pytest.mark.parametrize("copied", _COPIES)
@pytest.mark.parametrize("kind", _errors(), ids=lambda kind: kind.__name__)
def test_error_survives_a_copy_with_all_that_it_says(kind, copied):
    error = _errors()[kind]
    again = copied(error)
    assert (type(again), str(again), again.args) == (kind, str(error), error.args)
    assert vars(again) == vars(error)
    assert "a note" in again.__notes__


def test_conflict_brings_the_stored_observation_out_of_a_process_pool():
    stored = _observation()
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        error = pool.submit(objectives.conflicting, stored).exception(30)
    assert isinstance(error, VersionConflictError)
    assert (error.current, error.code) == (stored, "version_conflict")
    assert error.__notes__ == [f"The observation is now stored as {stored}"]

"""The greattunes engine: the configurations that the package would try next, given an experiment's runs."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np
import torch

from autotune_service.engine.greattunes.choice import Taken, choose
from autotune_service.engine.greattunes.columns import Columns
from autotune_service.engine.greattunes.combinations import DEFAULT_ACQUISITION, check_combination
from autotune_service.engine.greattunes.data import Data, data_of
from autotune_service.engine.greattunes.loading import load_greattunes
from autotune_service.engine.greattunes.session import Session, predict
from autotune_service.engine.initial import N_INITIAL, initial_design
from autotune_service.engine.interface import EngineInput, Suggestion
from autotune_service.engine.model.subset import representatives
from autotune_wire.experiments import AcqFunc

MAX_OBSERVATIONS = 400
"""How many observations a session learns from at most. Of more, representatives are used, as fitting takes seconds."""

_LEAST_MEASURED = 2  # one response alone has no scale


def suggest_with_greattunes(given: EngineInput) -> list[Suggestion]:
    """Return the n configurations that greattunes would try next.

    A new tuning session is built from the runs on every call, so the suggestions depend on the input alone. Failed runs
    and runs without the primary response are left out, and the reason says so. The session treats configurations that
    are pending, or chosen earlier in the same call, as runs with the predicted response, so that suggestions differ.
    Predictions come from a model of the runs alone.

    Raises:
        GreattunesMissingError: If the package is not installed.
        UnsupportedCombinationError: If the model does not go together with the acquisition function.
        Exception: Any error that BoTorch raises if a model cannot be fitted to the data.
    """
    acq_func = DEFAULT_ACQUISITION if given.acq_func == "auto" else given.acq_func
    check_combination(given.model_type, acq_func)
    load_greattunes()
    data = data_of(given)
    n_used = len(data.configurations)
    if n_used < _LEAST_MEASURED:
        return initial_design(given, f"initial design, until {_LEAST_MEASURED} runs have measured {data.response}")
    if n_used + len(given.pending) < N_INITIAL:
        return initial_design(given, f"initial design, until greattunes has {N_INITIAL} configurations to learn from")
    seed = crc32(f"{given.seed}:{len(given.runs)}:{len(given.pending)}".encode())
    with _contained(seed):
        return _by_model(given, data, acq_func, seed)


@contextmanager
def _contained(seed: int) -> Iterator[None]:
    # greattunes and BoTorch draw from all three generators, and their warnings are about what the adapter handles.
    python_state, numpy_state, dtype = random.getstate(), np.random.get_state(), torch.get_default_dtype()
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            torch.set_default_dtype(torch.double)
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_default_dtype(dtype)


def _by_model(given: EngineInput, data: Data, acq_func: AcqFunc, seed: int) -> list[Suggestion]:
    columns = Columns(given.space, given.fixed, given.retired)
    rows = columns.encode(data.configurations)
    kept = representatives(rows.numpy(), data.responses, MAX_OBSERVATIONS)
    observations = (rows[torch.from_numpy(kept)], data.responses[kept], data.variances[kept])
    session = Session(columns, given.model_type, acq_func, *observations)
    model = session.model  # of the runs alone: responses that were not measured must not reduce a prediction's sd
    if given.pending:
        session = session.believing(columns.encode(given.pending))
    reason = _reason(given, data, acq_func)
    taken = Taken(columns, {columns.key(run.covars) for run in given.runs}, list(given.pending))
    chosen: list[Suggestion] = []
    while True:
        choice = choose(session, columns, taken, seed)
        row = columns.encode([choice.covars])
        mean, sd = (float(values[0]) for values in predict(model, row))
        why = f"{reason}; {choice.note}" if choice.note else reason
        predictions = {data.response: data.scale.from_model(mean, sd)}
        chosen.append(Suggestion(choice.covars, "model", why, predictions, choice.value, "greattunes"))
        if len(chosen) == given.n:
            return chosen
        taken.pending.append(choice.covars)
        session.tell(row, mean)


def _reason(given: EngineInput, data: Data, acq_func: AcqFunc) -> str:
    parts = [f"greattunes, {given.model_type} with {acq_func}, after {len(data.configurations)} observations"]
    if len(data.configurations) > MAX_OBSERVATIONS:
        parts.append(f"of which the model uses {MAX_OBSERVATIONS}")
    if given.pending:
        n_pending = len(given.pending)
        parts.append(f"with {n_pending} suggestion{'s' if n_pending > 1 else ''} pending")
    return ", ".join([*parts, data.left_out] if data.left_out else parts)

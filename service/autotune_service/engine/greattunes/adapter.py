"""The greattunes engine: what the package would try next, given the runs of a problem."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np
import torch

from autotune_service.engine.greattunes.columns import Columns
from autotune_service.engine.greattunes.combinations import DEFAULT_ACQUISITION, check_combination
from autotune_service.engine.greattunes.data import Data, data_of
from autotune_service.engine.greattunes.loading import load_greattunes
from autotune_service.engine.greattunes.proposal import Taken, propose
from autotune_service.engine.greattunes.session import Session, predict
from autotune_service.engine.initial import N_INITIAL, initial_design
from autotune_service.engine.interface import Problem, Recommendation
from autotune_service.engine.model.subset import representatives
from autotune_wire.experiments import AcqFunc

MAX_OBSERVATIONS = 400
"""Observations that a session learns from; of more, representatives: its models take seconds from here on."""

_LEAST_MEASURED = 2  # of one value alone it cannot tell a scale


def recommend_greattunes(problem: Problem) -> list[Recommendation]:
    """Give the n configurations that greattunes would try next.

    A tuning session is built of the runs anew on every call, so the answer depends on the problem alone. Failed runs
    and runs without the primary response are left out, and the reason says so. What is pending, and what was chosen
    before in the same call, is told to greattunes with the response that the model expects of it, so that suggestions
    differ. Predictions come from the model of the runs alone.

    Raises:
        GreattunesMissingError: If the package is not installed.
        UnsupportedCombinationError: If the model and the acquisition do not go together.
        Exception: Whatever BoTorch raises where a model cannot be fitted to the data.
    """
    acq_func = DEFAULT_ACQUISITION if problem.acq_func == "auto" else problem.acq_func
    check_combination(problem.model_type, acq_func)
    load_greattunes()
    data = data_of(problem)
    n_used = len(data.configurations)
    if n_used < _LEAST_MEASURED:
        return initial_design(problem, f"initial design, until {_LEAST_MEASURED} runs have measured {data.response}")
    if n_used + len(problem.pending) < N_INITIAL:
        return initial_design(problem, f"initial design, until greattunes has {N_INITIAL} configurations to learn from")
    seed = crc32(f"{problem.seed}:{len(problem.runs)}:{len(problem.pending)}".encode())
    with _contained(seed):
        return _by_model(problem, data, acq_func, seed)


@contextmanager
def _contained(seed: int) -> Iterator[None]:
    # Between them greattunes and BoTorch draw from all three generators, and warn of what is handled here.
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


def _by_model(problem: Problem, data: Data, acq_func: AcqFunc, seed: int) -> list[Recommendation]:
    columns = Columns(problem.space, problem.fixed, problem.retired)
    rows = columns.encode(data.configurations)
    kept = representatives(rows.numpy(), data.responses, MAX_OBSERVATIONS)
    told = (rows[torch.from_numpy(kept)], data.responses[kept], data.variances[kept])
    session = Session(columns, problem.model_type, acq_func, *told)
    model = session.model  # of the runs alone: what is only believed makes no prediction surer
    if problem.pending:
        session = session.believing(columns.encode(problem.pending))
    reason = _reason(problem, data, acq_func)
    taken = Taken(columns, {columns.key(run.covars) for run in problem.runs}, list(problem.pending))
    chosen: list[Recommendation] = []
    while True:
        proposal = propose(session, columns, taken, seed)
        row = columns.encode([proposal.covars])
        mean, sd = (float(values[0]) for values in predict(model, row))
        why = f"{reason}; {proposal.note}" if proposal.note else reason
        predictions = {data.response: data.scale.from_model(mean, sd)}
        chosen.append(Recommendation(proposal.covars, "model", why, predictions, proposal.value, "greattunes"))
        if len(chosen) == problem.n:
            return chosen
        taken.pending.append(proposal.covars)
        session.tell(row, mean)


def _reason(problem: Problem, data: Data, acq_func: AcqFunc) -> str:
    parts = [f"greattunes, {problem.model_type} with {acq_func}, after {len(data.configurations)} observations"]
    if len(data.configurations) > MAX_OBSERVATIONS:
        parts.append(f"for which {MAX_OBSERVATIONS} of them stand")
    if problem.pending:
        parts.append(f"with {len(problem.pending)} suggestions pending")
    return ", ".join([*parts, data.left_out] if data.left_out else parts)

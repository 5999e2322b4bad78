"""Executors of several kinds, which all run a function and return a future of ``concurrent.futures``."""

import pickle  # nosec B403 # nothing is read, only written
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import ProcessPoolExecutor
from typing import Any

from autotune.errors import InvalidInputError
from autotune.running.in_turn import Function, Returned

DEFAULT_WORKERS = 4

Submit = Callable[[Function, dict[str, Any]], Future[Returned]]


def submit_of(executor: Any) -> Submit:
    """Return the call that hands one run to an executor.

    Nothing is submitted to find out: whatever is derived from ``concurrent.futures.Executor`` returns futures that can
    be waited for together, and so do the pools of pebble.

    Raises:
        InvalidInputError: If the executor is of another kind; the message says what to pass instead.
    """
    if is_of(executor, "pebble") and callable(getattr(executor, "schedule", None)):
        return lambda function, configuration: executor.schedule(function, args=[configuration])
    if not isinstance(executor, Executor):
        raise InvalidInputError(_what_to_pass(executor))
    # Dask would reuse what an earlier call with the same configuration returned, but each run must measure anew.
    options = {"pure": False} if is_of(executor, "distributed") else {}

    def submit(function: Function, configuration: dict[str, Any]) -> Future[Returned]:
        future = executor.submit(function, configuration, **options)
        if not isinstance(future, Future):
            kind = type(executor).__name__
            says = f"{kind}.submit() returned {type(future).__name__}, not a concurrent.futures.Future"
            raise InvalidInputError(f"executor cannot be used: {says}. {_IN_THREADS}")
        return future

    return submit


def n_workers_of(executor: Any) -> int:
    """Return how many workers an executor has, or a default if the executor does not say."""
    # The executors of Python, Dask and pebble have no public name for the number of their workers.
    for n in (getattr(executor, "_max_workers", None), getattr(getattr(executor, "_context", None), "workers", None)):
        if isinstance(n, int):
            return n
    n_cores = getattr(getattr(executor, "_client", None), "ncores", None)
    return (sum(n_cores().values()) if callable(n_cores) else 0) or DEFAULT_WORKERS


def require_sendable(function: Function, executor: Any) -> None:
    """Check that the function can be sent to another process, before anything is taken for it.

    Raises:
        InvalidInputError: If the function cannot be sent; the message says how it can.
    """
    if not isinstance(executor, ProcessPoolExecutor):
        return
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        says = f"the function cannot be sent to another process: {error}; define the function at the top of a module"
        raise InvalidInputError(says) from None


def is_of(executor: Any, package: str) -> bool:
    """Return whether the class of an executor, or one of its base classes, belongs to a package."""
    return any(kind.__module__.partition(".")[0] == package for kind in type(executor).__mro__)


_IN_THREADS = (
    "Pass a ThreadPoolExecutor(n) of concurrent.futures, and a function that waits for its job, such as "
    "`lambda configuration: executor.submit(function, configuration).result()`"
)


def _what_to_pass(executor: Any) -> str:
    if isinstance(executor, type):
        return f"executor must be one of concurrent.futures, not a class: write {executor.__name__}(4)"
    says = f"executor must be one of concurrent.futures, not {type(executor).__name__}"
    if is_of(executor, "distributed") and callable(getattr(executor, "get_executor", None)):
        return f"{says} of Dask: pass client.get_executor()"
    if not callable(getattr(executor, "submit", None)):
        return f"{says}; pass for example ThreadPoolExecutor(4)"
    return f"{says}, whose submit() may return futures of its own. {_IN_THREADS}"

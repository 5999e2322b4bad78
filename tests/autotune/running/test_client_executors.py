import random
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from types import SimpleNamespace

import objectives
import pytest

from autotune.errors import InvalidInputError
from autotune.running import parallel


def _states(service) -> list[str]:
    return [suggestion["state"] for suggestion in service.suggestions.values()]


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2) as pool:
        yield pool


def test_run_on_processes(experiment, service, processes):
    assert experiment.run(objectives.doubled, 4, executor=processes).response == 1.0
    assert len(service.runs) == 4


def test_run_on_processes_tells_a_failure(experiment, service, processes):
    experiment.run(objectives.not_there, 2, executor=processes)
    assert [run["status"] for run in service.runs] == ["failed"] * 2


def test_run_on_processes_ends_with_the_function_s_error(experiment, processes):
    with pytest.raises(LookupError, match="a bug"):
        experiment.run(objectives.wrong, 9, executor=processes)


def test_run_on_processes_refuses_a_function_that_they_cannot_get(experiment, service, processes):
    with pytest.raises(InvalidInputError, match="cannot be sent to another process"):
        experiment.run(lambda _: 1.0, 1, executor=processes)
    assert service.suggestions == {}


def test_run_whose_process_dies_abandons_what_was_at_work(experiment, service):
    with ProcessPoolExecutor(1) as pool, pytest.raises(BrokenExecutor):
        experiment.run(objectives.deadly, 9, executor=pool)
    assert (_states(service), service.runs) == (["abandoned"], [])
    [suggestion] = service.suggestions.values()
    assert suggestion["abandoned_because"] == "cut off by BrokenProcessPool"


@pytest.fixture(scope="module")
def dask():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        yield executor


def test_run_on_dask_measures_equal_configurations_anew(experiment, service, dask):
    experiment.run(lambda _: random.random(), 6, executor=dask)
    assert len({run["response"] for run in service.runs}) == 6


def test_run_on_dask_takes_as_many_workers_as_there_are_cores(dask):
    assert parallel.crew_of(dask, None).n_workers == 2


def test_run_on_dask_tells_failures_and_ends_with_an_error(experiment, service, dask):
    experiment.run(objectives.not_there, 2, executor=dask)
    with pytest.raises(LookupError, match="a bug"):
        experiment.run(objectives.wrong, 9, executor=dask, n_workers=1)
    assert [run["status"] for run in service.runs] == ["failed"] * 2
    assert _states(service) == ["told", "told", "abandoned"]


def _given_by(package: str, name: str, *bases: type, **members) -> object:
    """Return an executor whose class looks like one of that package."""
    return type(name, bases, {"__module__": f"{package}.core", **members})()


def _counting(submitted: list[object]):
    def submit(self, function, *given):
        submitted.append(function)
        return object()

    return submit


@pytest.mark.parametrize(
    ("package", "name", "members", "message"),
    [
        ("distributed", "Client", {"get_executor": id}, r"not Client of Dask: pass client.get_executor\(\)"),
        ("submitit", "AutoExecutor", {}, r"not AutoExecutor, whose submit\(\) may return .* Pass a ThreadPoolExecutor"),
        ("mine", "Cluster", {}, r"`lambda configuration: executor.submit\(function, configuration\).result\(\)`"),
    ],
)
def test_run_refuses_executors_with_futures_of_their_own_before_anything_is_taken(
    experiment, service, package, name, members, message
):
    submitted: list[object] = []
    executor = _given_by(package, name, submit=_counting(submitted), **members)
    with pytest.raises(InvalidInputError, match=message):
        experiment.run(objectives.doubled, 3, executor=executor)
    assert (submitted, service.suggestions) == ([], {})


def test_run_on_an_executor_that_is_not_what_it_says_leaves_nothing_leased(experiment, service):
    executor = _given_by("mine", "Odd", Executor, submit=_counting([]))
    with pytest.raises(InvalidInputError, match=r"Odd.submit\(\) returned object, not a concurrent.futures.Future"):
        experiment.run(objectives.doubled, 3, executor=executor, n_workers=3)
    assert _states(service) == ["abandoned"] * 3


def test_run_waits_for_jobs_in_threads_as_the_refusal_says(experiment, service, processes):
    with ThreadPoolExecutor(2) as threads:
        experiment.run(lambda found: processes.submit(objectives.doubled, found).result(), 3, executor=threads)
    assert [run["response"] for run in service.runs] == [1.0] * 3


def test_run_on_a_pool_of_pebble(experiment, service):
    """The pools of pebble are no executors: their submit() takes a timeout before the function's arguments."""
    with ThreadPoolExecutor(3) as threads:

        def schedule(self, function, args=(), kwargs=None):
            return threads.submit(function, *args, **(kwargs or {}))

        pool = _given_by("pebble", "ProcessPool", schedule=schedule, _context=SimpleNamespace(workers=3))
        experiment.run(objectives.doubled, 4, executor=pool)
    assert [run["response"] for run in service.runs] == [1.0] * 4
    assert parallel.crew_of(pool, None).n_workers == 3

"""Which runs of a table an experiment has already, so that a table that grows can be loaded again and again."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType

from autotune.inputs.loading import Runs
from autotune.views.shown import Observation, counted
from autotune_wire.base import Value
from autotune_wire.observations import ObservationVersion, Told
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import GRID_SLACK, ContCovariate, Covariate, Space, backfilled

_DIGITS = 12
"""How many digits of two numbers must agree: text with 15 digits, as spreadsheets write, is exact enough."""


async def new_runs(
    runs: Runs,
    stored: Sequence[Observation],
    versions_of: Callable[[Observation], Awaitable[Iterable[ObservationVersion]]],
    space: Space,
    responses: Responses,
    backfill: Mapping[str, Value] = MappingProxyType({}),
    reported: str | None = None,
) -> Runs:
    """Leave out the runs that are stored already, with a notice.

    A run is known if a stored observation has the same configuration and the same outcome, or had them before it was
    corrected. Each observation makes one run known: of two equal runs, of which one is stored, the other is a repeat.
    An excluded observation makes its run known, too: telling it again would undo the exclusion.

    Args:
        runs: The runs of a table.
        stored: All observations of the experiment.
        versions_of: Returns the versions of an observation; called for corrected ones that match no run as they are.
        space: The covariates.
        responses: The responses.
        backfill: The values that stored runs had of the covariates that were added after them.
        reported: The response that runs report; the primary one if not given.
    """
    last = reported or primary_of(responses)[0]
    keys = [_key(told, space, responses, last) for told in runs.told]
    matches = _matches(keys, [[_key(observation, space, responses, last, backfill)] for observation in stored])
    rest = [index for index in range(len(keys)) if index not in matches]
    corrected = [i for i in sorted({*range(len(stored))} - {*matches.values()}) if stored[i].version > 1]
    if rest and corrected:
        former = [
            [_key(version, space, responses, last, backfill) for version in await versions_of(stored[i])]
            for i in corrected
        ]
        found = _matches([keys[index] for index in rest], former)
        matches |= {rest[index]: corrected[i] for index, i in found.items()}
    if not matches:
        return runs
    kept = [index for index in range(len(keys)) if index not in matches]
    n_excluded = sum(stored[i].is_excluded for i in matches.values())
    notice = f"{counted(len(matches), 'run')}, known already: not told again"
    if n_excluded:
        notice += f"; {n_excluded} of them excluded: restore() makes such runs count"
    return runs._replace(
        told=[runs.told[index] for index in kept],
        places=[runs.places[index] for index in kept],
        notices=[*runs.notices, notice],
    )


def _matches(keys: Sequence[Hashable], stored: Sequence[Iterable[Hashable]]) -> dict[int, int]:
    """Match each key with an element of ``stored`` that holds it; no element is matched twice."""
    holders: dict[Hashable, list[int]] = defaultdict(list)
    for index in reversed(range(len(stored))):
        for key in set(stored[index]):
            holders[key].append(index)
    matches: dict[int, int] = {}
    used: set[int] = set()
    for position, key in enumerate(keys):
        same = holders.get(key, [])
        while same and same[-1] in used:
            same.pop()
        if same:
            matches[position] = same.pop()
            used.add(matches[position])
    return matches


def _key(
    run: Told | Observation | ObservationVersion,
    space: Space,
    responses: Responses,
    reported: str,
    backfill: Mapping[str, Value] = MappingProxyType({}),
) -> Hashable:
    measured, status = dict(run.responses or {}), "ok" if run.stopped_step is None else "stopped"
    if not isinstance(run, Told) and run.stopped_value is not None:
        measured[reported] = run.stopped_value
    if not measured and run.response is not None:
        measured = {primary_of(responses)[0]: run.response}
    covars = backfilled(space, run.covars, backfill)
    settings = {name: _setting(space[name], value) for name, value in covars.items()}
    parts = (settings, _rounded(measured), _rounded(run.sds or {}))
    status = "failed" if run.status == "failed" else status
    return (status, run.stopped_step, *(frozenset(part.items()) for part in parts))


def _setting(covariate: Covariate, value: Value) -> Value:
    if not isinstance(covariate, ContCovariate) or isinstance(value, str):
        return value
    number = float(value)
    # The service moves a number that rounding brought off the grid or beyond a bound back to where it belongs.
    near = min(max(number, covariate.min), covariate.max)
    if covariate.n_values is not None:
        near = covariate.value_at(covariate.index_near(number))
    is_near = abs(number - near) <= GRID_SLACK * (covariate.max - covariate.min)
    return _round(near if is_near else number)


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: _round(number) for name, number in numbers.items()}


def _round(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")

"""A sampler with which an Optuna study samples through the service, and a pruner that asks the service what to stop.

    from autotune.optuna import AutotuneSampler

    study = optuna.create_study(direction="maximize", sampler=AutotuneSampler())
    study.optimize(objective, n_trials=30)

With ``sampler = AutotuneSampler(early_stop="median")`` and ``pruner=AutotunePruner(sampler)`` the values of
``trial.report`` are reported to the service, and ``trial.should_prune`` returns its verdict.

Optuna must be installed: ``pip install "autotune-bo[optuna]"``.
"""

import math
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from autotune.calls.telling import add_runs
from autotune.client import Client, connect
from autotune.experiment import Experiment
from autotune.inputs.loading import Runs
from autotune.neighbours.optuna_import import told_trial
from autotune.neighbours.optuna_study import EXPERIMENT_ATTR
from autotune.neighbours.param_space import ParamSpace
from autotune.transport.coroutines import result_of
from autotune.views.shown import Suggestion
from autotune_wire.reports import EarlyStop, EarlyStopRule
from autotune_wire.responses import objectives_of

_FINISHED = (TrialState.COMPLETE, TrialState.FAIL)


class AutotuneSampler(BaseSampler):  # type: ignore[misc]  # Optuna's types are not followed
    """A sampler that asks AutoTune for the parameters of each trial, and tells it how the trial ended.

    A study has one experiment, whose uuid is among the study's attributes, so a study that is loaded again goes on with
    the same experiment. The space is that of ``search_space``, or else of the parameters that all trials so far had:
    then the first trial is sampled at random, and so is every parameter that comes later. Trials that ended before the
    experiment began are told it, too. A trial that fails is told as a failed run. A trial that is pruned, by whatever
    pruner, is told as a run that was stopped early, with its last intermediate value and its step; without a value the
    suggestion is abandoned.

    Args:
        search_space: The distributions of the parameters by name.
        client: The connection to the service; if not given, ``autotune.connect()`` opens one as the environment says.
        independent_sampler: Samples what the experiment does not have; if not given, at random.
        seed: The seed of the suggestions and of the random parameters.
        early_stop: The rule of the experiment that stops runs early, as for ``Client.new``; ``AutotunePruner`` asks it.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        *,
        client: Client | None = None,
        independent_sampler: BaseSampler | None = None,
        seed: int | None = None,
        early_stop: EarlyStopRule | EarlyStop | Mapping[str, Any] | None = None,
    ) -> None:
        self._early_stop = early_stop
        self._search_space = None if search_space is None else dict(search_space)
        self._client = client
        self._independent = RandomSampler(seed=seed) if independent_sampler is None else independent_sampler
        self._seed = seed
        self._lock = Lock()  # trials of one study may run in several threads
        self._experiment: Experiment | None = None
        self._suggestions: dict[int, Suggestion] = {}

    @property
    def experiment(self) -> Experiment | None:
        """The experiment of the study; None before the first trial whose space is known."""
        return self._experiment

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the space of the experiment; empty while it is not known."""
        with self._lock:
            if self._search_space is None:
                found = intersection_search_space(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
                self._search_space = {name: found[name] for name in sorted(found)} or None
        return self._search_space or {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Take a suggestion, and return its parameters."""
        space = ParamSpace(search_space, name="search_space")
        if not space.covars:
            return {}
        with self._lock:
            if self._experiment is None:
                self._experiment = self._found(study) or self._begun(study, space)
        [suggestion] = self._experiment.ask(1, worker=f"trial {trial.number}")
        self._suggestions[trial.number] = suggestion
        return space.params_of(suggestion.covars)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample a parameter that the experiment does not have."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell how a trial ended."""
        suggestion = self._suggestions.pop(trial.number, None)
        if self._experiment is None or suggestion is None:
            return
        if state == TrialState.PRUNED and values is None:
            self._experiment.abandon(suggestion, "the trial was pruned")
            return
        if values is None or not all(map(math.isfinite, values)):
            self._experiment.fail(suggestion)
            return
        named = dict(zip(objectives_of(self._experiment.responses), values, strict=True))
        if state == TrialState.PRUNED:
            self._experiment.tell_stopped(suggestion, named, step=trial.last_step)
        else:
            self._experiment.tell(suggestion, named)

    def should_stop(self, trial: FrozenTrial) -> bool:
        """Report the last intermediate value of a trial, and return whether the service says to stop its run."""
        suggestion, step = self._suggestions.get(trial.number), trial.last_step
        if self._experiment is None or suggestion is None or step is None:
            return False
        value = trial.intermediate_values[step]
        return math.isfinite(value) and self._experiment.report(suggestion, step, value).should_stop

    def reseed_rng(self) -> None:
        """Seed the random parameters anew, in a thread of a study that runs several."""
        self._independent.reseed_rng()

    def _found(self, study: Study) -> Experiment | None:
        exp_uuid = study.user_attrs.get(EXPERIMENT_ATTR)
        return None if exp_uuid is None else self._connected().experiment(exp_uuid)

    def _begun(self, study: Study, space: ParamSpace) -> Experiment:
        goals = [direction.name.lower() for direction in study.directions]
        names = study.metric_names or [f"value {index}" for index in range(len(goals))]
        is_nameless = study.metric_names is None and len(goals) == 1
        self._experiment = self._connected().new(
            study.study_name,
            space.covars,
            responses=None if is_nameless else dict(zip(names, goals, strict=True)),
            direction=goals[0] if is_nameless else None,
            seed=self._seed,
            early_stop=self._early_stop,
            say=None,
        )
        study.set_user_attr(EXPERIMENT_ATTR, str(self._experiment.exp_uuid))
        earlier = [one for one in study.get_trials(states=_FINISHED) if set(space.params) <= set(one.params)]
        told = [told_trial(one, space, self._experiment.covars, self._experiment.responses) for one in earlier]
        runs = Runs(f"the study {study.study_name}", told, [f"trial {one.number}" for one in earlier])
        result_of(add_runs(self._experiment.connection, self._experiment.exp_uuid, runs, None))
        return self._experiment

    def _connected(self) -> Client:
        return connect() if self._client is None else self._client

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())


class AutotunePruner(BasePruner):  # type: ignore[misc]  # as above
    """A pruner that reports a trial's values to AutoTune and prunes it where the rule of the experiment says so.

    Args:
        sampler: The sampler of the same study.
    """

    def __init__(self, sampler: AutotuneSampler) -> None:
        self._sampler = sampler

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether the trial should be pruned at the step that it reported last."""
        return self._sampler.should_stop(trial)

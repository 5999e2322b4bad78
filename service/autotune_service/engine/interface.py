"""What the engine is given and what it returns; importing this module loads neither torch nor numpy."""

from dataclasses import dataclass, field

from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import AcqFunc, EngineName, ModelType
from autotune_wire.responses import Responses
from autotune_wire.space import Space
from autotune_wire.suggestions import AcquisitionKind, Source


@dataclass(frozen=True, slots=True)
class Run:
    """A configuration that was run and what came of it.

    Args:
        covars: A value for every covariate that was active.
        responses: What was measured, in its own unit; a response that was not measured is missing.
        sds: Standard deviations of the measurements, for the responses where it was told; 0 is noiseless.
        is_failed: Whether the run gave nothing because the configuration does not work.
    """

    covars: Configuration
    responses: dict[str, float] = field(default_factory=dict)
    sds: dict[str, float] = field(default_factory=dict)
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class EngineInput:
    """Everything that the next suggestions depend on.

    Args:
        space: The d covariates, in column order.
        responses: What is measured and wanted; the first objective is the primary one.
        runs: What was run, oldest first.
        seed: Makes the suggestions a function of the input.
        constraints: Which configurations may be suggested.
        pending: Configurations that are suggested but not told yet.
        fixed: Values that this ask fixes, contexts included; a suggestion has them, and is chosen given them.
        retired: Options that runs have but that the space has no more, by covariate.
        engine: Who suggests: our own models or the greattunes package.
        model_type: The surrogate's name.
        acq_func: The acquisition's name.
        n: How many suggestions are wanted.
    """

    space: Space
    responses: Responses
    runs: list[Run]
    seed: int
    constraints: list[Constraint] = field(default_factory=list)
    pending: list[Configuration] = field(default_factory=list)
    fixed: Configuration = field(default_factory=dict)
    retired: dict[str, list[Value]] = field(default_factory=dict)
    engine: EngineName = "autotune"
    model_type: ModelType = "SingleTaskGP"
    acq_func: AcqFunc = "auto"
    n: int = 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted mean and standard deviation, in the response's own unit."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A configuration to try, where it comes from and what the model expects of it.

    Args:
        covars: A value for every covariate that is active.
        source: Where it comes from.
        reason: Why this one, in a sentence.
        predictions: What the model expects, by response; empty where there is no model.
        acquisition: The acquisition's value there, None where no model chose.
        acquisition_kind: What that value tells, and in which unit.
    """

    covars: Configuration
    source: Source
    reason: str
    predictions: dict[str, Prediction] = field(default_factory=dict)
    acquisition: float | None = None
    acquisition_kind: AcquisitionKind | None = None


@dataclass(frozen=True, slots=True)
class Insights:
    """What the data and the models say.

    Args:
        leave_one_out: By response, for each run what the others foretell; None where it did not measure the response.
        importance: By response, each covariate's share in what varies; a response whose model is flat is missing.
        slices: By response and covariate, the model along that covariate through the best point.
        pareto: The places of the runs that no other beats; with one objective, of the best.
        hypervolume: What they cover beyond the reference, in the product of the units; None with one objective.
        reference: The hypervolume's reference point, by objective.
        best_predicted: The run that the model expects most of, and what.
        feasible_share: The share of the space predicted to work and to meet every threshold; None where nothing failed
            and there are no thresholds.
    """

    leave_one_out: dict[str, list[Prediction | None]]
    importance: dict[str, dict[str, float]]
    slices: dict[str, dict[str, list[tuple[Value, Prediction]]]]
    pareto: list[int]
    hypervolume: float | None
    reference: dict[str, float] | None
    best_predicted: tuple[Configuration, Prediction] | None
    feasible_share: float | None

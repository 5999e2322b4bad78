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
    """A configuration that was run, with its outcome.

    Args:
        covars: A value for every covariate that was active.
        responses: The measured responses by name, each in its own unit; a response that was not measured is missing.
        sds: Standard deviations of the measurements by response, in the same units; a response whose standard
            deviation was not told is missing, and 0 means no noise.
        is_failed: Whether the run failed because its configuration does not work.
        expected: Of a run that was stopped early, what responses that it did not measure to the end would have come to.
            The model learns from them, and the run is neither the best nor on the front.
        is_stopped: Whether the run was stopped early.
    """

    covars: Configuration
    responses: dict[str, float] = field(default_factory=dict)
    sds: dict[str, float] = field(default_factory=dict)
    is_failed: bool = False
    expected: dict[str, "Prediction"] = field(default_factory=dict)
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class EarlierExperiment:
    """What an earlier experiment measured, in the covariates and responses of the one that learns from it.

    Args:
        name: The earlier experiment's name.
        runs: Its runs, oldest first; responses that this experiment does not have are missing.
    """

    name: str
    runs: list[Run]


@dataclass(frozen=True, slots=True)
class CandidateBlock:
    """Rows of a list that follow each other.

    Args:
        first: The number of its first row.
        n: How many rows it has.
        covars: The rows' values by columns, as the JSON of an object of lists; null where a covariate is not active.
        withdrawn: The numbers of the rows that are withdrawn.
    """

    first: int
    n: int
    covars: str
    withdrawn: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candidates:
    """A list of rows: every suggestion is one of them.

    Args:
        blocks: The rows.
        used: The numbers of the rows that were run or are pending, as often as they are.
    """

    blocks: list[CandidateBlock]
    used: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EngineInput:
    """Everything that the next suggestions depend on.

    Args:
        space: The d covariates, in column order.
        responses: The responses by name, each with its goal; the first objective is the primary one.
        runs: The runs so far, oldest first.
        seed: The seed of every random draw: the same input gives the same suggestions.
        constraints: The constraints that a suggestion meets.
        pending: Configurations that are suggested but not told yet.
        fixed: Values that this ask fixes, contexts included. Every suggestion has these values, and the search varies
            the other covariates only.
        retired: Options that runs have but that the space does not offer, by covariate, those of earlier experiments
            included; of a number that is held at one value, the ends of its former ranges.
        earlier: The experiments that this one learns from.
        engine: The engine that suggests: our own models or the greattunes package.
        model_type: The surrogate's name.
        acq_func: The acquisition function's name.
        n: The number of suggestions wanted.
        candidates: The list that suggestions are taken from; None if any configuration may be suggested.
    """

    space: Space
    responses: Responses
    runs: list[Run]
    seed: int
    constraints: list[Constraint] = field(default_factory=list)
    pending: list[Configuration] = field(default_factory=list)
    fixed: Configuration = field(default_factory=dict)
    retired: dict[str, list[Value]] = field(default_factory=dict)
    earlier: list[EarlierExperiment] = field(default_factory=list)
    engine: EngineName = "autotune"
    model_type: ModelType = "SingleTaskGP"
    acq_func: AcqFunc = "auto"
    n: int = 1
    candidates: Candidates | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted mean and standard deviation, in the response's own unit."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A configuration to try, with its origin and the predicted responses.

    Args:
        covars: A value for every covariate that is active.
        source: Whether the configuration is the guess, a Sobol point or the model's choice.
        reason: Why this configuration was chosen, in a sentence for the user.
        predictions: The predicted responses by name; empty for a Sobol point and while no response was measured.
        acquisition: The acquisition function's value at the configuration, None if no model chose it.
        acquisition_kind: The quantity that this value measures, which decides its unit.
        candidate: The number of the row of the list; None without a list.
    """

    covars: Configuration
    source: Source
    reason: str
    predictions: dict[str, Prediction] = field(default_factory=dict)
    acquisition: float | None = None
    acquisition_kind: AcquisitionKind | None = None
    candidate: int | None = None


@dataclass(frozen=True, slots=True)
class RankedRow:
    """A row of the list that is left: its number, and the prediction of the primary response there."""

    number: int
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Best:
    """The configuration whose predicted primary objective is best, with the prediction of every measured response."""

    covars: Configuration
    predictions: dict[str, Prediction]


@dataclass(frozen=True, slots=True)
class SlicePoint:
    """The prediction at one value of one covariate.

    Args:
        value: The covariate's value.
        prediction: The prediction there.
        why_not: The constraint or threshold that a run there breaks; None if it breaks none.
    """

    value: Value
    prediction: Prediction
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class HealthNote:
    """Something that makes the model or the experiment less useful than it could be, and what to do about it.

    Args:
        kind: A short name of the finding.
        finding: What is found, in a sentence.
        advice: What to do about it, in a sentence.
        response: The response that the finding is about; None if it is about none.
    """

    kind: str
    finding: str
    advice: str
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Insights:
    """What the data and the models show about an experiment.

    Args:
        leave_one_out: By response, the prediction of each run's measurement from the other runs; None for a run that
            did not measure the response, and for every run if fewer than two did.
        importance: By response, each covariate's share of the model's variation; a response whose model is flat is
            missing.
        descriptors: By response and covariate with descriptors, each descriptor's share in how unlike options are.
        not_varied: The covariates that had one value in all runs, or none.
        slices: By response and covariate, the predictions along that covariate, through the best predicted
            configuration, or through the guess if there is none.
        pareto: The indices of the runs that no other run dominates; with one objective, of the best runs.
        hypervolume: The volume that these runs dominate above the reference point, in the product of the objectives'
            units; None with one objective, without such runs, or if the product is too large for a float.
        reference: The hypervolume's reference point, by objective; None with one objective or without such runs.
        best_predicted: The configuration whose predicted primary objective is best; None if no run counts.
        best_by_context: The same in each context, that of the newest run first; empty without contexts.
        feasible_share: The share of the space predicted to work and to meet every threshold; None if no run failed
            and no threshold was measured, or if no configuration that meets the constraints was found.
        noise_sds: By response, the standard deviation between repeats of one run that the model expects.
        n_used: How many runs the models are conditioned on: of very many, representatives.
        verdict: What the experiment has found so far, in a sentence or two.
        health: What could be better, the gravest first.
        earlier: By response, the weight of each earlier experiment and its standard deviation; None for one that did
            not measure the response. Empty without earlier experiments.
        candidates: The best predicted rows of the list that are left, the best first; empty without a list.
    """

    leave_one_out: dict[str, list[Prediction | None]]
    importance: dict[str, dict[str, float]]
    descriptors: dict[str, dict[str, dict[str, float]]]
    not_varied: list[str]
    slices: dict[str, dict[str, list[SlicePoint]]]
    pareto: list[int]
    hypervolume: float | None
    reference: dict[str, float] | None
    best_predicted: Best | None
    best_by_context: list[tuple[Configuration, Best]]
    feasible_share: float | None
    noise_sds: dict[str, float]
    n_used: int
    verdict: str
    health: list[HealthNote]
    earlier: dict[str, list[tuple[float, float] | None]] = field(default_factory=dict)
    candidates: list[RankedRow] = field(default_factory=list)

"""Which name is served by what; importing this loads no torch."""

from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.suggestions import AcquisitionKind

MODELS_SERVED_BY: dict[ModelType, str] = {
    "SingleTaskGP": "our Gaussian process: a length scale for each covariate, one noise for all runs, all inferred",
    "FixedNoiseGP": "the same with the noise that is told; where none is, a standard deviation of 1 % of the "
    "responses' own. It is never inferred",
    "HeteroskedasticSingleTaskGP": "the same with a noise for each run, told or else predicted by a second process "
    "over its logarithm (Kersting et al. 2007)",
    "SimpleCustomMaternGP": "the same with one length scale for all covariates, as in greattunes' example of a user's "
    "own model",
}
"""Surrogates of engine autotune."""

SERVED_BY: dict[AcqFunc, str] = {
    "auto": "ExpectedImprovement, where options have no order every second time over a higher aim; with several "
    "objectives the expected hypervolume improvement, ours too",
    "ExpectedImprovement": "ours, its logarithm; equal to BoTorch's LogExpectedImprovement",
    "NoisyExpectedImprovement": "ours, its logarithm; equal to BoTorch's LogNoisyExpectedImprovement",
    "PosteriorMean": "botorch.acquisition.PosteriorMean",
    "ProbabilityOfImprovement": "botorch.acquisition.analytic.LogProbabilityOfImprovement, of at least 1 % of the "
    "responses' standard deviation",
    "UpperConfidenceBound": "botorch.acquisition.UpperConfidenceBound with beta = 4: mean plus two standard deviations",
    "qExpectedImprovement": "botorch.acquisition.qLogExpectedImprovement",
    "qNoisyExpectedImprovement": "botorch.acquisition.qLogNoisyExpectedImprovement",
    "qProbabilityOfImprovement": "botorch.acquisition.qProbabilityOfImprovement, its logarithm, of at least as much",
    "qSimpleRegret": "botorch.acquisition.qSimpleRegret",
    "qUpperConfidenceBound": "botorch.acquisition.qUpperConfidenceBound with beta = 4",
    "qKnowledgeGradient": "ours over the rows that promise most, its logarithm: BoTorch's needs gradients by the final "
    "choice, which options have none of",
    "qMaxValueEntropy": "botorch.acquisition.max_value_entropy_search.qMaxValueEntropy, its logarithm",
    "qMultiFidelityMaxValueEntropy": "botorch.acquisition.max_value_entropy_search.qMultiFidelityMaxValueEntropy per "
    "cost, its logarithm",
}
"""Acquisitions of engine autotune."""

KINDS: dict[AcqFunc, AcquisitionKind] = {
    "auto": "expected_improvement",
    "ExpectedImprovement": "expected_improvement",
    "NoisyExpectedImprovement": "expected_improvement",
    "PosteriorMean": "mean",
    "ProbabilityOfImprovement": "probability_of_improvement",
    "UpperConfidenceBound": "confidence_bound",
    "qExpectedImprovement": "expected_improvement",
    "qNoisyExpectedImprovement": "expected_improvement",
    "qProbabilityOfImprovement": "probability_of_improvement",
    "qSimpleRegret": "mean",
    "qUpperConfidenceBound": "confidence_bound",
    "qKnowledgeGradient": "knowledge_gradient",
    "qMaxValueEntropy": "information",
    "qMultiFidelityMaxValueEntropy": "information_per_cost",
}
"""What the value of each acquisition tells, of one objective and where no run failed."""

_OWN: frozenset[AcqFunc] = frozenset({"auto", "ExpectedImprovement"})


def is_named(acq_func: AcqFunc) -> bool:
    """Whether another acquisition is asked for than our expected improvement."""
    return acq_func not in _OWN


def title_of(acq_func: AcqFunc, n_objectives: int) -> str:
    """Name what a suggestion is the highest of.

    Args:
        acq_func: The acquisition's name.
        n_objectives: How many objectives were measured.
    """
    if n_objectives > 1:
        return "expected hypervolume improvement"
    return acq_func if is_named(acq_func) else "expected improvement"

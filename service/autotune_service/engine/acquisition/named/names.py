"""The names of surrogates and acquisition functions, and what computes each of them; importing this loads no torch."""

from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.suggestions import AcquisitionKind

MODELS_SERVED_BY: dict[ModelType, str] = {
    "SingleTaskGP": "our Gaussian process: a length scale for each covariate, one noise for all runs, all inferred",
    "FixedNoiseGP": "the same with the noise that is told; a measurement without one gets a standard deviation of 1 % "
    "of the responses' own. The noise is never inferred",
    "HeteroskedasticSingleTaskGP": "the same with a noise for each run, either told or predicted by a second "
    "process over the logarithm of the noise (Kersting et al. 2007)",
    "SimpleCustomMaternGP": "the same with one length scale for all covariates, as in greattunes' example of a user's "
    "own model",
}
"""What computes each surrogate of engine autotune."""

SERVED_BY: dict[AcqFunc, str] = {
    "auto": "ExpectedImprovement, averaged over samples of the hyperparameters. With several objectives the expected "
    "hypervolume improvement, our own too, and at a third of the suggestions the improvement of one objective alone",
    "ExpectedImprovement": "our own, its logarithm; equal to BoTorch's LogExpectedImprovement",
    "NoisyExpectedImprovement": "our own, its logarithm; equal to BoTorch's LogNoisyExpectedImprovement",
    "PosteriorMean": "botorch.acquisition.PosteriorMean",
    "ProbabilityOfImprovement": "botorch.acquisition.analytic.LogProbabilityOfImprovement, of an improvement by at "
    "least 1 % of the responses' standard deviation",
    "UpperConfidenceBound": "botorch.acquisition.UpperConfidenceBound with beta = 4: mean plus two standard deviations",
    "qExpectedImprovement": "botorch.acquisition.qLogExpectedImprovement",
    "qNoisyExpectedImprovement": "botorch.acquisition.qLogNoisyExpectedImprovement",
    "qProbabilityOfImprovement": "botorch.acquisition.qProbabilityOfImprovement, its logarithm, of the same "
    "least improvement",
    "qSimpleRegret": "botorch.acquisition.qSimpleRegret",
    "qUpperConfidenceBound": "botorch.acquisition.qUpperConfidenceBound with beta = 4",
    "qKnowledgeGradient": "our own, its logarithm, over the rows of the highest mean plus standard deviation: "
    "BoTorch's needs gradients by the final choice, and options have none",
    "qMaxValueEntropy": "botorch.acquisition.max_value_entropy_search.qMaxValueEntropy, its logarithm",
    "qMultiFidelityMaxValueEntropy": "botorch.acquisition.max_value_entropy_search.qMultiFidelityMaxValueEntropy per "
    "cost, its logarithm",
}
"""What computes each acquisition function of engine autotune."""

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
"""The quantity that each acquisition function's value measures, with one objective and no failed runs."""

_OWN: frozenset[AcqFunc] = frozenset({"auto", "ExpectedImprovement"})


def is_named(acq_func: AcqFunc) -> bool:
    """Return whether the name stands for another acquisition function than our expected improvement."""
    return acq_func not in _OWN


def title_of(acq_func: AcqFunc, n_objectives: int) -> str:
    """Return the name, for the user, of the quantity that a suggestion maximises.

    Args:
        acq_func: The acquisition function's name.
        n_objectives: The number of objectives that were measured.
    """
    if n_objectives > 1:
        return "expected hypervolume improvement"
    return acq_func if is_named(acq_func) else "expected improvement"

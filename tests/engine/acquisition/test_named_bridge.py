"""Our processes against BoTorch's own model of the same kernel: the same numbers, so the same acquisitions."""

import numpy as np
import pytest
import torch
from botorch.acquisition import analytic
from botorch.models import SingleTaskGP
from gpytorch import ExactMarginalLogLikelihood
from gpytorch.kernels import LinearKernel, MaternKernel, ScaleKernel
from gpytorch.means import ConstantMean

from autotune_service.engine.acquisition.functions import LogExpectedImprovement
from autotune_service.engine.acquisition.named.bridge import ProcessModel, TorchAcquisition, tensor
from autotune_service.engine.acquisition.named.noisy import improvement_over
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.sampled import SampledProcess

KINDS = Kinds(np.array([False, True, False]))
N_CODES = 4


def rows(n, seed):
    rng = np.random.default_rng(seed)
    return np.stack([rng.random(n), rng.integers(N_CODES, size=n).astype(float), rng.random(n)], axis=1)


KNOWN = rows(12, seed=1)
TARGETS = np.sin(5 * KNOWN[:, 0]) + KNOWN[:, 1] / 3 - KNOWN[:, 2] ** 2
NOISES = np.random.default_rng(2).uniform(1e-4, 1e-1, size=12)
OWN = GaussianProcess(
    KNOWN, TARGETS, NOISES, Hyperparameters(np.array([3.0, 0.4, 0.7]), 1.3, 0.01, np.array([0.6])), KINDS
)
NEW = rows(9, seed=3)
NEAR = 1e-6  # both are exact but for rounding, which the condition of the covariance raises


def features(at):
    """Numbers as they are, codes one-hot over the root of two: then two that differ are 1 apart, as in our kernel."""
    at = torch.as_tensor(at)
    codes = torch.nn.functional.one_hot(at[..., 1].detach().long(), N_CODES) / 2**0.5
    return torch.cat([at[..., :1], codes, at[..., 2:]], dim=-1)


@pytest.fixture(scope="module")
def theirs():
    precisions = torch.tensor(np.repeat(OWN.hyperparameters.precisions, [1, N_CODES, 1]))
    together = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=len(precisions))).double()
    alone = LinearKernel(active_dims=tuple(range(1, 1 + N_CODES))).double()  # one-hot codes: 1/2 if equal, else 0
    mean = ConstantMean().double()
    model = SingleTaskGP(
        features(KNOWN),
        tensor(TARGETS)[:, None],
        tensor(NOISES)[:, None],
        covar_module=together + alone,
        mean_module=mean,
        outcome_transform=None,
    )
    together.base_kernel.lengthscale, together.outputscale = precisions**-0.5, OWN.hyperparameters.variance
    alone.variance = 2.0 * OWN.hyperparameters.effects[0]
    mean.constant = OWN.mean
    return model.eval()


def test_posterior_is_that_of_botorchs_own_model(theirs):
    means, variances = OWN.predict(NEW)
    with torch.no_grad():
        expected = theirs.posterior(features(NEW))
    assert means == pytest.approx(expected.mean[:, 0].numpy(), abs=NEAR)
    assert variances == pytest.approx(expected.variance[:, 0].numpy(), abs=NEAR)


def test_likelihood_is_that_of_gpytorch(theirs):
    theirs.train()
    with torch.no_grad():
        mll = ExactMarginalLogLikelihood(theirs.likelihood, theirs)
        per_observation = float(mll(theirs(*theirs.train_inputs), theirs.train_targets))
    theirs.eval()
    assert OWN.log_likelihood == pytest.approx(per_observation * len(TARGETS), abs=NEAR)


@pytest.mark.parametrize("q", [1, 3])
def test_bridge_gives_the_joint_posterior_of_botorchs_own_model(theirs, q):
    given = tensor(NEW).reshape(-1, q, 3)
    with torch.no_grad():
        found, expected = ProcessModel(OWN).posterior(given), theirs.posterior(features(given))
    assert torch.allclose(found.mean, expected.mean, atol=NEAR)
    assert torch.allclose(found.distribution.covariance_matrix, expected.distribution.covariance_matrix, atol=NEAR)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_rows_that_a_batch_shares_change_nothing_but_the_time(place):
    model, shared = ProcessModel(OWN), tensor(KNOWN[:2])
    batch = tensor(NEW).requires_grad_()
    joint = torch.stack([torch.cat([shared[:place], row[None], shared[place:]]) for row in batch])
    found = model.posterior(joint)
    one_by_one = [model.posterior(one.unsqueeze(0)) for one in joint]
    for read in (lambda given: given.mean, lambda given: given.distribution.covariance_matrix):
        expected = torch.cat([read(one) for one in one_by_one])
        assert torch.allclose(read(found), expected, atol=1e-10)
        slopes = [
            torch.autograd.grad(read_of.sum(), batch, retain_graph=True)[0] for read_of in (read(found), expected)
        ]
        assert torch.allclose(*slopes, atol=1e-8)


def test_gradient_of_a_batch_of_equal_rows_goes_to_each():
    at = TorchAcquisition(lambda rows: ProcessModel(OWN).posterior(rows).mean.flatten())
    gradients = at.values_with_gradients(np.repeat(NEW[:1], 3, axis=0))[1]
    assert gradients == pytest.approx(np.repeat(OWN.predict_with_gradients(NEW[:1])[2], 3, axis=0), abs=NEAR)


def test_option_that_no_run_had_is_as_far_as_any_other():
    novel = NEW.copy()
    novel[:, 1] = 7.0
    with torch.no_grad():
        found = ProcessModel(OWN).posterior(tensor(novel).unsqueeze(-2))
    means, variances = OWN.predict(novel)
    assert found.mean.flatten().numpy() == pytest.approx(means, abs=NEAR)
    assert found.variance.flatten().numpy() == pytest.approx(variances, abs=NEAR)


@pytest.mark.parametrize("best", [-1.0, 0.5, 1.5, 4.0])  # of all rows better, of some, of none by far
def test_expected_improvement_and_its_gradient_are_botorchs(theirs, best):
    values, gradients = LogExpectedImprovement(SampledProcess([OWN]), np.array([[best]])).values_with_gradients(NEW)
    given = tensor(NEW).requires_grad_()
    expected = analytic.LogExpectedImprovement(theirs, best_f=best)(features(given).unsqueeze(-2))
    (by_row,) = torch.autograd.grad(expected.sum(), given)
    assert values == pytest.approx(expected.detach().numpy(), rel=NEAR, abs=NEAR)
    # A logarithm of what is hopeless is steep: the gradient is as large as the value.
    assert gradients == pytest.approx(by_row.numpy(), rel=1e-5, abs=NEAR)


def test_noisy_expected_improvement_is_botorchs(theirs):
    torch.manual_seed(1)
    expected = analytic.LogNoisyExpectedImprovement(theirs, features(KNOWN), num_fantasies=8)
    ours = improvement_over(OWN, KNOWN, expected.model.train_targets.T.numpy(), np.ones(len(KNOWN), dtype=bool))
    with torch.no_grad():
        their_values = expected(features(NEW).unsqueeze(-2)).numpy()
    # Without noise, but for 1e-7, the covariance is ill-conditioned, and the hopeless rows' logarithms show it.
    assert ours.values(NEW) == pytest.approx(their_values, abs=1e-4)


def test_gradient_through_the_bridge_is_ours():
    found = TorchAcquisition(lambda given: ProcessModel(OWN).posterior(given).mean.flatten())
    values, gradients = found.values_with_gradients(NEW)
    means, _, mean_gradients, _ = OWN.predict_with_gradients(NEW)
    assert values == pytest.approx(means, abs=NEAR)
    assert gradients == pytest.approx(mean_gradients, abs=NEAR)
    assert not gradients[:, 1].any()


def test_gradient_at_a_known_row_is_a_number():
    found = TorchAcquisition(lambda given: ProcessModel(OWN).posterior(given).variance.flatten())
    gradients = found.values_with_gradients(KNOWN)[1]
    assert gradients == pytest.approx(OWN.predict_with_gradients(KNOWN)[3], abs=1e-5)

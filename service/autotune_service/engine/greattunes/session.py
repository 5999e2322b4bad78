"""A tuning session of greattunes: its own loop of ask and tell, over the columns of a space."""

from typing import Any

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from autotune_service.engine.greattunes.columns import Columns
from autotune_service.engine.greattunes.loading import load_greattunes
from autotune_service.engine.greattunes.noise import LEAST_VARIANCE
from autotune_wire.experiments import AcqFunc, ModelType

_MC_SAMPLES = 1024  # greattunes' default, which it passes as a number; today's BoTorch takes a size
_UNKNOWN_VARIANCE = 1e-4  # a standard deviation of 0.01, where that of the responses is 1


class Session:
    """A tuning session of greattunes, with its model fitted to data.

    Args:
        columns: The space.
        model_type: The surrogate's name.
        acq_func: The acquisition function's name.
        x: Rows of columns, shape (n, columns).
        y: The responses on the model's scale (more is better, mean 0 and variance 1), shape (n,).
        variances: Variances of the responses' noise, NaN if not known, shape (n,). For those not known, FixedNoiseGP
            takes the median of the known ones and HeteroskedasticSingleTaskGP estimates each; the other two models
            ignore all variances and estimate one.
    """

    def __init__(
        self,
        columns: Columns,
        model_type: ModelType,
        acq_func: AcqFunc,
        x: Tensor,
        y: NDArray[np.float64],
        variances: NDArray[np.float64],
    ) -> None:
        self._settings = (columns, model_type, acq_func)
        self._x, self._y = x, y
        self._variances = (_all_known(variances) if model_type == "FixedNoiseGP" else variances).tolist()
        greattunes = load_greattunes()
        import pandas as pd  # after load_greattunes, whose error names what to install

        self._tuner: Any = greattunes.TuneSession(
            covars=columns.covars,
            model=model_type,
            acq_func=acq_func,
            random_start=False,
            random_step_cadence=None,
            train_X=x,
            train_Y=torch.from_numpy(y).unsqueeze(-1),
            # greattunes takes a variance for each run only in the form of a function.
            train_Yvar=lambda _responses: pd.DataFrame(self._variances, dtype=np.float64),
            sampler=SobolQMCNormalSampler(torch.Size([_MC_SAMPLES])),
        )
        self._tuner.GP_kernel_mapping_covar_identification = columns.kernel_columns
        self._tuner.covar_bounds = columns.bounds
        self._tuner._set_GP_model(nu=None)

    @property
    def model(self) -> Model:
        """The fitted surrogate."""
        return self._tuner.model["model"]

    @property
    def acquisition(self) -> AcquisitionFunction:
        """The acquisition function of the last ask."""
        return self._tuner.acq_func["object"]

    def ask(self) -> Tensor:
        """Return the row that greattunes would try next, shape (columns,)."""
        self._tuner.ask()
        row: Tensor = self._tuner.proposed_X[-1].detach()
        return row

    def believing(self, rows: Tensor) -> "Session":
        """Return a session that has these rows, shape (m, columns), as further runs with the predicted responses."""
        means, _ = predict(self.model, rows)
        variances = [*self._variances, *(self._variance_at(row) for row in rows)]
        y = np.concatenate([self._y, means])
        return Session(*self._settings, torch.cat([self._x, rows]), y, np.array(variances, dtype=np.float64))

    def tell(self, row: Tensor, response: float) -> None:
        """Fit the model again, as if this row, of shape (1, columns), had been run after the last ask."""
        self._variances.append(self._variance_at(row[0]))
        self._tuner.tell(covar_obs=row, response_obs=torch.tensor([[response]], dtype=torch.double))

    def _variance_at(self, row: Tensor) -> float:
        if hasattr(self.model, "noise_at"):
            with torch.no_grad():
                return float(self.model.noise_at(row.unsqueeze(0)).item())
        return float(np.median(self._variances))


def predict(model: Model, rows: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and standard deviations at rows of shape (n, columns), each of shape (n,)."""
    with torch.no_grad():
        posterior = model.posterior(rows)
    return posterior.mean.squeeze(-1).numpy(), posterior.variance.sqrt().squeeze(-1).numpy()


def _all_known(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    known = variances[~np.isnan(variances)]
    unknown = float(np.median(known)) if len(known) else _UNKNOWN_VARIANCE
    return np.maximum(np.where(np.isnan(variances), unknown, variances), LEAST_VARIANCE)

"""greattunes' own loop of ask and tell, over the columns of a space."""

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

_MC_SAMPLES = 1024  # greattunes' own number, which it passes on in a form that BoTorch takes no more
_UNKNOWN_VARIANCE = 1e-4  # a standard deviation of a hundredth of the responses' own


class Session:
    """A tuning session of greattunes, its model fitted to data.

    Args:
        columns: The space.
        model_type: The surrogate's name.
        acq_func: The acquisition's name.
        x: Rows of columns, shape (n, columns).
        y: Responses, more is better, mean 0 and variance 1, shape (n,).
        variances: Variances of their noise, nan where not told, shape (n,). FixedNoiseGP takes the median of those told
            for the others, HeteroskedasticSingleTaskGP estimates them, and the other two estimate one for all.
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
        self._of = (columns, model_type, acq_func)
        self._x, self._y = x, y
        self._variances = (_all_known(variances) if model_type == "FixedNoiseGP" else variances).tolist()
        greattunes = load_greattunes()
        import pandas as pd  # only now: where it is missing, the line above says what to do

        self._tuner: Any = greattunes.TuneSession(
            covars=columns.covars,
            model=model_type,
            acq_func=acq_func,
            random_start=False,
            random_step_cadence=None,
            train_X=x,
            train_Y=torch.from_numpy(y).unsqueeze(-1),
            # A function is the one form in which greattunes takes a variance for each run.
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
        """The acquisition of the last ask."""
        return self._tuner.acq_func["object"]

    def ask(self) -> Tensor:
        """Return the row that greattunes would try next, shape (columns,)."""
        self._tuner.ask()
        row: Tensor = self._tuner.proposed_X[-1].detach()
        return row

    def believing(self, rows: Tensor) -> "Session":
        """Give a session for which rows of shape (m, columns) were run too, with the responses this model expects."""
        means, _ = predict(self.model, rows)
        variances = [*self._variances, *(self._variance_at(row) for row in rows)]
        y = np.concatenate([self._y, means])
        return Session(*self._of, torch.cat([self._x, rows]), y, np.array(variances, dtype=np.float64))

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
    """Give means and standard deviations at rows of shape (n, columns), each of shape (n,)."""
    with torch.no_grad():
        posterior = model.posterior(rows)
    return posterior.mean.squeeze(-1).numpy(), posterior.variance.sqrt().squeeze(-1).numpy()


def _all_known(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    told = variances[~np.isnan(variances)]
    unknown = float(np.median(told)) if len(told) else _UNKNOWN_VARIANCE
    return np.maximum(np.where(np.isnan(variances), unknown, variances), LEAST_VARIANCE)

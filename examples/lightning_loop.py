"""Tune a Lightning module: each run fits one, and returns the loss that its validation logged last.

pip install autotune-bo lightning
AUTOTUNE_USERNAME=test@test.com AUTOTUNE_PASSWORD=CHANGEME python examples/lightning_loop.py

A run whose loss is not a number is told as a failed run, so the model learns where training diverges.
"""

import logging
import math
import sys
import warnings

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

import autotune

SPACE = {
    "rate": {"vtype": "cont", "min": 1e-4, "max": 1.0, "guess": 1e-2, "log": True},
    "width": {"vtype": "int", "min": 4, "max": 128, "guess": 16, "log": True},
    "batch": {"vtype": "cat", "options": [16, 32, 64, 128], "ordered": True, "guess": 32},
}


class Network(lightning.LightningModule):
    """A network with one hidden layer, and the optimizer of a configuration."""

    def __init__(self, configuration: dict) -> None:
        super().__init__()
        width = configuration["width"]
        self.rate = configuration["rate"]
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))

    def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
        """Return the loss of a batch."""
        points, values = batch
        return torch.nn.functional.mse_loss(self.layers(points), values)

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        """Log the loss of a batch that the network was not trained with."""
        self.log("val_loss", self.training_step(batch, index))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=self.rate)


def hills(n: int, seed: int) -> TensorDataset:
    """Draw points and the heights of a hilly landscape there."""
    points = 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(seed)) - 1
    return TensorDataset(points, (points * 4).sin().prod(1, keepdim=True))


def train(configuration: dict) -> float:
    """Fit a network as a configuration says, and return its loss on data that it has not seen."""
    lightning.seed_everything(0, verbose=False)
    trainer = lightning.Trainer(
        max_epochs=5, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    batches = DataLoader(hills(512, seed=1), batch_size=configuration["batch"], shuffle=True)
    trainer.fit(Network(configuration), batches, DataLoader(hills(512, seed=2), batch_size=512))
    loss = trainer.callback_metrics["val_loss"].item()
    if math.isnan(loss):
        raise autotune.RunFailed
    return loss


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with autotune.connect() as client:
        experiment = client.new("hills", SPACE, direction="minimize")
        print(experiment.run(train, n_runs))

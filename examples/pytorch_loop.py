"""Tune a small PyTorch network: each run trains one, and returns its accuracy on data that it has not seen.

    pip install autotune-bo torch
    AUTOTUNE_USERNAME=test@test.com AUTOTUNE_PASSWORD=CHANGEME python examples/pytorch_loop.py

To share the work between processes or machines, let each take the same experiment, by ``client.experiment(exp_uuid)``
in place of ``client.new``: each gets suggestions of its own.
"""

import sys

import torch
from torch import nn

import autotune

SPACE = {
    "rate": {"vtype": "cont", "min": 1e-4, "max": 1.0, "guess": 1e-2, "log": True},
    "width": {"vtype": "int", "min": 4, "max": 128, "guess": 16, "log": True},
    "activation": {"vtype": "cat", "options": ["relu", "tanh"], "guess": "relu"},
    "momentum": {"vtype": "cont", "min": 0.0, "max": 0.99, "guess": 0.9},
}


def spirals(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw points of two spirals that wind around each other, and say of each which one it is of."""
    draw = torch.Generator().manual_seed(seed)
    turn = torch.sqrt(torch.rand(n, generator=draw)) * 2 * torch.pi
    label = torch.arange(n) % 2
    angle = turn + torch.pi * label
    noise = 0.1 * torch.randn(n, 2, generator=draw)
    return torch.stack([turn * angle.cos(), turn * angle.sin()], 1) / 10 + noise, label


def train(configuration: dict) -> float:
    """Train a network as a configuration says, and return its accuracy."""
    torch.manual_seed(0)
    points, labels = spirals(1000, seed=1)
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[configuration["activation"]]
    width = configuration["width"]
    model = nn.Sequential(nn.Linear(2, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=configuration["rate"], momentum=configuration["momentum"])
    for _ in range(200):
        loss = nn.functional.cross_entropy(model(points), labels)
        if not torch.isfinite(loss):
            raise autotune.RunFailed  # the model learns where training diverges
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    unseen, truth = spirals(1000, seed=2)
    return (model(unseen).argmax(1) == truth).float().mean().item()


if __name__ == "__main__":
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with autotune.connect() as client:
        experiment = client.new("spirals", SPACE)
        print(experiment.run(train, n_runs))

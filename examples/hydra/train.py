"""A program that Hydra configures and AutoTune tunes.

pip install autotune-bo hydra-core
cd examples/hydra
python train.py                       # one run, as config.yaml says
python train.py --multirun            # as many as hydra.sweeper.n_runs says, with AUTOTUNE_USERNAME and so on set
python train.py --multirun kind=fast hydra.sweeper.n_runs=50
"""

import math

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=".", config_name="config")
def train(config: DictConfig) -> float:
    """Return a score that is best, 1, with the rate 0.1, the depth 5 and the kind ``fast``."""
    return 1 - (math.log10(config.rate) + 1) ** 2 / 9 - (config.depth - 5) ** 2 / 50 - (config.kind == "slow") / 4


if __name__ == "__main__":
    train()

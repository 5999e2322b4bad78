"""Ask and tell through Optuna's RDBStorage as fast as possible, in the environment of Optuna.

``tells.py`` starts this script. A turn is a line of JSON on the input; a line on the output has the number of trials
told.
"""

import json
import sys
import time

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import RDBStorage


def play(storage: RDBStorage, study_name: str, n_numbers: int, warm_s: float, seconds: float) -> int:
    """Ask and tell for so many seconds, and return how many trials were told after the warm-up."""
    study = optuna.create_study(
        storage=storage, study_name=study_name, sampler=RandomSampler(), direction="maximize", load_if_exists=True
    )
    started_s = time.perf_counter() + warm_s
    n_told = 0
    while time.perf_counter() < started_s + seconds:
        trial = study.ask()
        values = [trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(n_numbers)]
        study.tell(trial, sum(values))
        n_told += started_s <= time.perf_counter() < started_s + seconds
    return n_told


def main() -> None:
    """Make or open the tables, print the version, and play turns until the input ends."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = RDBStorage(sys.argv[1])
    print(optuna.__version__, flush=True)
    for line in sys.stdin:
        print(play(storage, **json.loads(line)), flush=True)


if __name__ == "__main__":
    main()

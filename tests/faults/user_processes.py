"""What users do with several processes: functions of a pool's workers, and a script that runs in several terminals.

    user_processes.py EXP_UUID N [HANG_AT]

The script prints each configuration when it begins and when it is done; it hangs in the run number HANG_AT. The service
and the credentials come from the environment, as everywhere.
"""

import sys
import time
from typing import Any
from uuid import UUID

import autotune

NOWHERE = UUID(int=0)


def tell(experiment: autotune.Experiment, i: int) -> tuple[int, Any, float | None]:
    """Tell a run, and give what the reply says was stored."""
    told = experiment.tell({"i": i}, float(i))
    return i, told.covars["i"], told.response


def fetch_nothing(client: autotune.Client) -> autotune.Experiment:
    return client.experiment(NOWHERE)


def main() -> None:
    exp_uuid, n, *hang_at = sys.argv[1:]
    n_begun = 0

    def measure(configuration: dict[str, Any]) -> float:
        nonlocal n_begun
        n_begun += 1
        print("begins", configuration["i"], flush=True)
        time.sleep(3600 if [str(n_begun)] == hang_at else 0.1)
        print("ran", configuration["i"], flush=True)
        return float(configuration["i"])

    with autotune.connect() as client:
        client.experiment(exp_uuid).run(measure, int(n), lease_s=600)


if __name__ == "__main__":
    main()

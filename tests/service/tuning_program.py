"""A user's program, as a process of its own that can be killed: it tunes on an executor whose workers are processes.

    tuning_program.py EXP_UUID N EXECUTOR

The service and the token come from AUTOTUNE_URL and AUTOTUNE_TOKEN, as everywhere.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack

import autotune


def weight_of(configuration):
    time.sleep(0.2)
    return configuration["weight"]


def main():
    exp_uuid, n, kind = sys.argv[1:]
    with ExitStack() as stack:
        client = stack.enter_context(autotune.connect())
        if kind == "dask":
            from distributed import Client, LocalCluster

            cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
            executor = stack.enter_context(stack.enter_context(Client(stack.enter_context(cluster))).get_executor())
        else:
            executor = stack.enter_context(ProcessPoolExecutor(2))
        experiment = client.experiment(exp_uuid)
        experiment.run(weight_of, int(n), lambda _: print("told", flush=True), executor=executor, lease_s=2)


if __name__ == "__main__":
    main()

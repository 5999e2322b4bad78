"""Compute what a load needs, from constants that were measured, and check the formulas by a simulation.

Run it as ``.venv/bin/python bench/service/model.py``, with options for your own load. ``docs/scaling.md`` explains
the constants and where they come from.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from statistics import mean

import rounds
from queues import Many, One, Simulation, Step, percentile_of

_MIB, _GIB = 2**20, 2**30
_MANY = 200
"""Number of clients in the simulation that finds the limit."""


@dataclass(frozen=True)
class Constants:
    """Costs of a tell, a push, a socket and an observation. Times are processor time unless said otherwise."""

    web_ms_tell: float = 3.5
    """Of a web process, for a tell."""
    locked_share: float = 0.4
    """Share of ``web_ms_tell`` from the experiment's row lock to the commit, by ``hot_spots.py``, rounded up."""
    postgres_ms_tell: float = 1.2
    """Of Postgres, for a tell."""
    commit_ms: float = 0.9
    """By the clock: how long a commit that notifies keeps all others waiting, most of it for the disk."""
    web_ms_read: float = 2.8
    """Of a web process, for an ask whose answer is ready, or for reading an experiment."""
    web_ms_delivery: float = 0.19
    """Of a web process, for an event sent to a socket."""
    engine_s: tuple[tuple[int, float], ...] = ((10, 0.04), (50, 0.06), (200, 0.18), (1000, 0.98))
    """Of a worker, for a fit, by the number of observations."""
    web_mib: float = 101.0
    worker_mib: float = 221.0
    """Of a worker with one engine process."""
    socket_kib: float = 58.0
    observation_bytes: float = 854.0
    """On the disk of Postgres, with its event and all indexes."""
    suggestion_bytes: float = 1360.0
    """On the disk of Postgres, likewise; runs that are told one at a time have a suggestion each."""

    def engine_s_at(self, n_observations: int) -> float:
        """Interpolate between the sizes that were measured; beyond them the nearest size counts."""
        points = self.engine_s
        for (n_below, below_s), (n_above, above_s) in pairwise(points):
            if n_below <= n_observations <= n_above:
                return below_s + (above_s - below_s) * (n_observations - n_below) / (n_above - n_below)
        return points[0][1] if n_observations < points[0][0] else points[-1][1]


@dataclass(frozen=True)
class Load:
    """A load; all numbers are of all users together."""

    tells: float = 20.0
    """A second."""
    asks: float = 20.0
    """A second, with other reads of one experiment."""
    experiments: int = 200
    """Experiments that are active at a time, all alike."""
    sockets: int = 400
    """Sockets that are open, spread over the experiments evenly."""
    observations: int = 200
    """Observations in an experiment that is active."""
    kept: int = 10_000_000
    """Observations that are kept, of all experiments ever."""


@dataclass(frozen=True)
class Machines:
    """Web processes, which use one core each, and the cores of Postgres."""

    web: int
    postgres: int


_CHECKED = ((Machines(1, 1), 200), (Machines(4, 1), 200), (Machines(12, 2), 200), (Machines(4, 2), 2))
"""Machines and numbers of experiments for which formulas and simulation are compared."""


@dataclass(frozen=True)
class Predicted:
    """Mean time of a tell in ms, by the formulas, and how busy each part is."""

    mean_ms: float
    busy: dict[str, float]


def capacity(own: Constants, has: Machines, n_experiments: int) -> dict[str, float]:
    """Return how many tells a second each part allows; the least of them is what the whole allows."""
    return {
        "web processes": 1000 * has.web / own.web_ms_tell,
        "Postgres's cores": 1000 * has.postgres / own.postgres_ms_tell,
        "commits that notify": 1000 / own.commit_ms,
        "row locks": 1000 * locked_rate(own, has, n_experiments),
    }


def locked_rate(own: Constants, has: Machines, n_experiments: int) -> float:
    """Return how many tells a millisecond get through if every experiment always has a tell that holds its lock.

    Such tells are a closed network with as many customers as experiments, solved by mean value analysis (Reiser and
    Lavenberg 1980). The c cores of Postgres count as one queue of c times the speed and a delay without a queue.
    """
    queues_ms = [own.web_ms_tell * own.locked_share / has.web] * has.web
    queues_ms += [own.postgres_ms_tell / has.postgres, own.commit_ms]
    unhurried_ms = own.postgres_ms_tell * (has.postgres - 1) / has.postgres
    waiting, rate = [0.0] * len(queues_ms), 0.0
    for n in range(1, n_experiments + 1):
        times_ms = [service_ms * (1 + before) for service_ms, before in zip(queues_ms, waiting, strict=True)]
        rate = n / (sum(times_ms) + unhurried_ms)
        waiting = [rate * time_ms for time_ms in times_ms]
    return rate


def predict(own: Constants, has: Machines, n_experiments: int, tells: float) -> Predicted:
    """Return the mean time of a tell in an open network of queues (Jackson 1957), each part as if alone.

    Web processes and the commit are M/M/1, Postgres's cores M/M/c by Erlang's C formula. A row lock is an M/M/1 whose
    service is all that is done while the lock is held; here the formulas only approximate, as that time depends on the
    other parts.
    """
    busy = {name: tells / limit for name, limit in capacity(own, has, n_experiments).items()}
    web_ms = _one_ms(own.web_ms_tell, busy["web processes"])
    commit_ms = _one_ms(own.commit_ms, busy["commits that notify"])
    postgres_ms = _many_ms(own.postgres_ms_tell, busy["Postgres's cores"], has.postgres)
    held_ms = web_ms * own.locked_share + postgres_ms + commit_ms
    # No more than one tell of each experiment holds its lock, however many wait.
    held_ms = min(held_ms, n_experiments / locked_rate(own, has, n_experiments))
    waiting_share = tells / n_experiments * held_ms / 1000
    return Predicted(web_ms * (1 - own.locked_share) + _one_ms(held_ms, waiting_share), busy)


def _one_ms(service_ms: float, busy: float) -> float:
    return service_ms / (1 - busy) if busy < 1 else math.inf


def _many_ms(service_ms: float, busy: float, n: int) -> float:
    if busy >= 1:
        return math.inf
    offered = busy * n
    terms = [offered**k / math.factorial(k) for k in range(n)]
    last = offered**n / math.factorial(n) / (1 - busy)
    return service_ms + last / (sum(terms) + last) * service_ms / (n * (1 - busy))


class Tells(Simulation):
    """A simulation of tells through the same parts, event by event.

    Tells come at random moments, or from clients who wait for each answer.

    Args:
        own: The constants; each service takes a random time with that mean (exponential).
        has: The machines.
        n_experiments: Each tell is for a random one.
        seconds: How long tells come.
        tells: How many come a second.
        n_clients: How many clients send a tell as soon as the last one is answered.
        seed: Seed of all that is drawn.
    """

    def __init__(
        self,
        own: Constants,
        has: Machines,
        n_experiments: int,
        seconds: float,
        *,
        tells: float = 0.0,
        n_clients: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self._own = own
        self._web = [Many(1) for _ in range(has.web)]
        self._postgres, self._commit = Many(has.postgres), Many(1)
        self._locks = [One() for _ in range(n_experiments)]
        self.times_ms: list[float] = []
        self.n_done_in_time = 0
        self._ends_ms = 1000 * seconds
        at_ms = 0.0
        while tells and at_ms < self._ends_ms:
            at_ms += self.draw.expovariate(tells / 1000)
            self.start(at_ms, self._tell())
        for _ in range(n_clients):
            self.start(0.0, self._client())

    def _client(self) -> Iterator[Step]:
        while self.now_ms < self._ends_ms:
            yield from self._tell()

    def _tell(self) -> Iterator[Step]:
        came_ms = self.now_ms
        own, web = self._own, self.draw.choice(self._web)
        lock = self.draw.choice(self._locks)
        yield web.use(self._takes(own.web_ms_tell * (1 - own.locked_share)))
        yield lock.take()
        yield web.use(self._takes(own.web_ms_tell * own.locked_share))
        yield self._postgres.use(self._takes(own.postgres_ms_tell))
        yield self._commit.use(self._takes(own.commit_ms))
        yield lock.give()
        self.times_ms.append(self.now_ms - came_ms)
        self.n_done_in_time += self.now_ms <= self._ends_ms

    def _takes(self, mean_ms: float) -> float:
        return self.draw.expovariate(1 / mean_ms) if mean_ms else 0.0


def check(own: Constants, n_rounds: int, seconds: float) -> str:
    """Compare formulas and simulation: the mean time at a half and at four fifths of the limit, and the limit."""
    means = [
        "| web processes | Postgres cores | experiments | tells a second | mean, ms: predicted | simulated | its p95 |"
    ]
    means.append("|---|---|---|---|---|---|---|")
    limits = ["\n| web processes | Postgres cores | experiments | what limits | predicted | simulated |"]
    limits.append("|---|---|---|---|---|---|")
    for has, n_experiments in _CHECKED:
        shape = f"| {has.web} | {has.postgres} | {n_experiments} |"
        # Row locks wait for the cores too: if both limits are the same, the cores are named.
        part, limit = min(capacity(own, has, n_experiments).items(), key=lambda part_limit: round(part_limit[1]))
        case = (own, has, n_experiments, seconds)
        for tells in (0.5 * limit, 0.8 * limit):
            runs = [Tells(*case, tells=tells, seed=seed).run().times_ms for seed in range(n_rounds)]
            times_ms = [time_ms for run in runs for time_ms in run]
            predicted_ms = predict(own, has, n_experiments, tells).mean_ms
            p95_ms = percentile_of(times_ms, 95)
            means.append(f"{shape} {tells:.0f} | {predicted_ms:.1f} | {mean(times_ms):.1f} | {p95_ms:.1f} |")
        full = [Tells(*case, n_clients=_MANY, seed=seed).run().n_done_in_time / seconds for seed in range(n_rounds)]
        limits.append(f"{shape} {part} | {limit:.0f} | {mean(full):.0f} |")
    return "\n".join([*means, *limits])


def needs(own: Constants, load: Load, *, busy: float, pool_size: int) -> dict[str, str]:
    """Return what a load needs, with every core busy for at most a share of its time."""
    events = 2 * load.tells  # the observation, and the suggestion that follows; a new best is rare
    deliveries = events * load.sockets / load.experiments
    web_cores = (load.tells * own.web_ms_tell + load.asks * own.web_ms_read + deliveries * own.web_ms_delivery) / 1000
    fit_s = own.engine_s_at(load.observations)
    # A tell that comes during a fit shares the next fit with all other such tells.
    fits = load.experiments * min(load.tells / load.experiments, 1 / fit_s)
    n_web, n_workers = math.ceil(web_cores / busy), math.ceil(fits * fit_s / busy)
    postgres_cores = (load.tells + fits) * own.postgres_ms_tell / 1000
    memory_mib = n_web * own.web_mib + n_workers * own.worker_mib + load.sockets * own.socket_kib / 1024
    kept_bytes = own.observation_bytes + own.suggestion_bytes
    return {
        "web cores used": f"{web_cores:.2f}",
        "web processes (serve --no-worker)": str(n_web),
        "engine cores used": f"{fits * fit_s:.2f}",
        "engine processes": str(n_workers),
        "Postgres cores used": f"{postgres_cores:.2f}",
        "Postgres cores": str(math.ceil(postgres_cores / busy)),
        "commits that notify, share of their limit": f"{(load.tells + fits) * own.commit_ms / 1000:.0%}",
        "tells a second of one experiment, share of its limit": (
            f"{load.tells / load.experiments / capacity(own, Machines(1, 1), 1)['row locks']:.1%}"
        ),
        "memory beside Postgres, GiB": f"{memory_mib * _MIB / _GIB:.1f}",
        "disk of Postgres for what is kept, GiB": f"{load.kept * kept_bytes / _GIB:.1f}",
        # Each process has its pool and one LISTEN; engine processes share the pool of the worker that runs them.
        "connections to Postgres, one worker": str((n_web + 1) * (pool_size + 1)),
    }


def main() -> None:
    """Print what the load needs, and the check of the formulas."""
    parser = rounds.options("What a load needs.", rounds=3, seconds=200)
    parser.add_argument("--busy", type=float, default=0.6, help="to what share of its time a core may be busy (0.6)")
    parser.add_argument("--pool-size", type=int, default=10, help="AUTOTUNE_DATABASE_POOL_SIZE (10)")
    for field in fields(Load):
        kind = type(field.default)
        parser.add_argument(f"--{field.name}", type=kind, default=field.default, help=f"({field.default})")
    for field in fields(Constants):
        if isinstance(field.default, float):
            name = f"--{field.name.replace('_', '-')}"
            parser.add_argument(name, type=float, default=field.default, help=f"a constant ({field.default:g})")
    options = vars(parser.parse_args())
    load = Load(**{field.name: options[field.name] for field in fields(Load)})
    own = replace(
        Constants(), **{field.name: options[field.name] for field in fields(Constants) if field.name in options}
    )
    print(f"{load}\n\n| needed | |\n|---|---|")
    for name, value in needs(own, load, busy=options["busy"], pool_size=options["pool_size"]).items():
        print(f"| {name} | {value} |")
    print(f"\nFormulas and simulation, {options['rounds']} runs of {options['seconds']:g} simulated s:\n")
    print(check(own, options["rounds"], options["seconds"]))


if __name__ == "__main__":
    main()

"""Histories that a model can stumble over, by what is hostile in them."""

import numpy as np

from autotune_service.engine.interface import EngineInput, Run
from generated import constraints_of, responses_of, space_of

X, N = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}, {"vtype": "int", "guess": 5, "min": 0, "max": 9}
C = {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]}
SPACE = space_of({"x": X, "n": N, "c": C})
MAXIMIZE = responses_of(y="maximize")


def places(n, options="ab"):
    return [{"x": (0.37 + 0.618 * k) % 1.0, "n": 3 * k % 10, "c": options[k % len(options)]} for k in range(n)]


def told(responses, sds=None, at=None):
    at = places(len(responses)) if at is None else at
    sds = sds or [{}] * len(responses)
    return [Run(covars, {"y": y}, sd) for covars, y, sd in zip(at, responses, sds, strict=True)]


def problem(runs, space=SPACE, responses=MAXIMIZE, **fields):
    return EngineInput(space=space, responses=responses, runs=runs, seed=11, **fields)


def shares(n_shares=5):
    """Shares that sum to 1 less a hundredth of a whole number: next to nothing of the cube meets that."""
    space = {f"s{k}": {"vtype": "cont", "guess": 0.19, "min": 0.0, "max": 1.0} for k in range(n_shares)}
    space["n"] = {"vtype": "int", "guess": 5, "min": 0, "max": 20}
    weights = {f"s{k}": 1.0 for k in range(n_shares)} | {"n": 0.01}
    return space_of(space), constraints_of({"ctype": "linear", "weights": weights, "relation": "==", "bound": 1.0})


def thin():
    space, limits = shares()
    runs = [
        Run({"s0": 0.9 - 0.1 * k, "s1": 0.1 * k, "s2": 0.0, "s3": 0.05, "s4": 0.0, "n": 5}, {"y": -((k - 4) ** 2)})
        for k in range(8)
    ]
    return problem(runs, space, constraints=limits)


def many():
    space = space_of({f"x{k}": X for k in range(100)})
    rng = np.random.default_rng(1)
    rows = [{f"x{k}": float(value) for k, value in enumerate(row)} for row in rng.random((12, 100))]
    return problem([Run(row, {"y": -sum(row.values())}) for row in rows], space)


def alike():
    at = [{"x": 0.5 + k * 1e-12, "n": 5, "c": "a"} for k in range(8)]
    return problem(told([1.0, -1.0, 0.5, 0.2, 0.9, -0.3, 0.0, 0.1], at=at))


HOSTILE = {
    "all responses equal": problem(told([3.0] * 8)),
    "all responses zero": problem(told([0.0] * 8)),
    "huge": problem(told([1e300, -1e300, 5e299, 0.0, 2e299, 1e298, 3e299, -1e299])),
    "at the end of the numbers": problem(told([1.7e308, -1.7e308, 1.0, 0.0, 1e308, 5e307, -1e308, 2.0])),
    "tiny": problem(told([1e-300, -1e-300, 3e-300, 0.0, 2e-300, 1e-301, -2e-300, 5e-301])),
    "subnormal": problem(told([5e-324, 0.0, 1e-320, 0.0, 5e-324, 1e-322, 1e-321, 0.0])),
    "huge and tiny among ordinary ones": problem(told([1e300, 1e-300, 1.0, 2.0, -1.0, 0.5, 0.7, 1.5])),
    "one hopeless": problem(told([1.0, 2.0, -1e300, 1.5, 0.2, 0.7, 0.9, 0.4])),
    "one place, two responses": problem(told([1.0, -1.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=places(4) * 2)),
    "one place only": problem(told([1.0, -1.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=places(1) * 8)),
    "one observation": problem(told([1.0]), pending=places(8)[1:]),
    "all failed": problem([Run(covars, is_failed=True) for covars in places(8)]),
    "all but one failed": problem([*told([1.0]), *(Run(covars, is_failed=True) for covars in places(8)[1:])]),
    "a category never seen": problem(told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=places(8, "a"))),
    "nearly the same rows": alike(),
    "100 covariates": many(),
    "a thin region": thin(),
    "noiseless": problem(told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], [{"y": 0.0}] * 8)),
    "noiseless and contradictory": problem(
        told([1.0, -1.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], [{"y": 0.0}] * 8, places(4) * 2)
    ),
    "drowned in noise": problem(told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], [{"y": 1e300}] * 8)),
    "noise of every size": problem(
        told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], [{"y": 10.0**k} for k in (-300, -8, 0, 3, 150, 308, -1, 1)])
    ),
    "outside a narrowed space": problem(
        told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1]),
        space_of({"x": X | {"min": 0.98, "guess": 0.99}, "n": N, "c": C}),
    ),
    "a retired option": problem(
        told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=places(8, ["gone", "a"])), retired={"c": ["gone"]}
    ),
    "a retired step of a scale": problem(
        told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=places(8, ["gone", "a"])),
        space_of({"x": X, "n": N, "c": C | {"ordered": True}}),
        retired={"c": ["gone"]},
    ),
    "a context that never changed": problem(
        told([1.0, 2.0, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1], at=[one | {"n": 4, "c": "a"} for one in places(8)]),
        space_of({"x": X, "n": N | {"role": "context"}, "c": C | {"role": "context"}}),
        fixed={"n": 4, "c": "a"},
    ),
    "only the threshold was measured": problem(
        [Run(covars, {"z": float(k)}) for k, covars in enumerate(places(8))],
        responses=responses_of(y="maximize", z=(">=", 3.0)),
    ),
    "a threshold beyond all that was measured": problem(
        [Run(covars, {"y": 1.0 * k, "z": 1e-300 * k}) for k, covars in enumerate(places(8))],
        responses=responses_of(y="maximize", z=("<=", -1e300)),
    ),
    "logarithms that are all the same": problem(
        [Run({"x": 1e10 + k * 1e-5}, {"y": 1.0 * k}) for k in range(8)],
        space_of({"x": {"vtype": "cont", "log": True, "guess": 1e10, "min": 1e10, "max": 1e10 + 1e-4}}),
    ),
    "a choice of one": problem(
        [Run({"x": k / 8, "only": "a"}, {"y": -k}) for k in range(8)],
        space_of({"x": X, "only": {"vtype": "cat", "guess": "a", "options": ["a"]}}),
    ),
}

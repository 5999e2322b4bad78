"""Histories that a model can stumble over, by what is hostile in them."""

import numpy as np

from autotune_service.engine.interface import EngineInput, Run
from generated import constraints_of, responses_of, space_of

X, N = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}, {"vtype": "int", "guess": 5, "min": 0, "max": 9}
C = {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]}
SPACE = space_of({"x": X, "n": N, "c": C})
MAXIMIZE = responses_of(y="maximize")
BOTH = responses_of(y="maximize", z="minimize")
END = 1.7e308
"""Next to the largest number: the sum of two of it is none."""
NOISE, MORE_NOISE = np.random.default_rng(24).normal(size=(2, 24)).tolist()


def places(n, options="ab"):
    return [{"x": (0.37 + 0.618 * k) % 1.0, "n": 3 * k % 10, "c": options[k % len(options)]} for k in range(n)]


def told(responses, sds=None, at=None):
    at = places(len(responses)) if at is None else at
    sds = sds or [{}] * len(responses)
    return [Run(covars, {"y": y}, sd) for covars, y, sd in zip(at, responses, sds, strict=True)]


def told_both(ys, zs, at=None):
    """Give runs with two responses; None stands for one that was not measured."""
    at = places(len(ys), "abc") if at is None else at
    pairs = zip(at, ys, zs, strict=True)
    return [Run(covars, {name: v for name, v in (("y", y), ("z", z)) if v is not None}) for covars, y, z in pairs]


def failing(runs, is_failed):
    """Give the runs, those failed whose number a condition holds for."""
    return [Run(run.covars, is_failed=True) if is_failed(k) else run for k, run in enumerate(runs)]


def problem(runs, space=SPACE, responses=MAXIMIZE, **fields):
    return EngineInput(space=space, responses=responses, runs=runs, seed=11, **fields)


def shares(n_shares=5):
    """Shares that sum to 1 less a hundredth of a whole number: next to nothing of the cube meets that."""
    space = {f"s{k}": {"vtype": "cont", "guess": 0.19, "min": 0.0, "max": 1.0} for k in range(n_shares)}
    space["n"] = {"vtype": "int", "guess": 5, "min": 0, "max": 20}
    weights = {f"s{k}": 1.0 for k in range(n_shares)} | {"n": 0.01}
    return space_of(space), constraints_of({"ctype": "linear", "weights": weights, "relation": "==", "bound": 1.0})


def thin(n=8):
    space, limits = shares()
    moved = [0.8 * k / n for k in range(n)]
    runs = [
        Run({"s0": 0.9 - s1, "s1": s1, "s2": 0.0, "s3": 0.05, "s4": 0.0, "n": 5}, {"y": -((10 * s1 - 4) ** 2)})
        for s1 in moved
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

LONG = {
    "many, all responses equal": problem(told([3.0] * 20)),
    "many, from end to end of the numbers": problem(told([END, -END] * 12, at=places(24, "abc"))),
    "many, one far above and one far below": problem(told([*NOISE, 1e300, -1e300], at=places(26, "abc"))),
    "many, nothing but noise in four places": problem(told(NOISE, at=places(4) * 6)),
    "many, one place only": problem(told(NOISE, at=places(1) * 24)),
    "many, contradictory and said to be exact": problem(told(NOISE, [{"y": 0.0}] * 24, places(4) * 6)),
    "many, told sds larger than all differences": problem(told(NOISE, [{"y": 50.0}] * 24)),
    "many, with noises of every size": problem(
        told(NOISE, [{"y": 10.0**k} for k in (-300, -8, 0, 3, 150, 308)] * 4), model_type="HeteroskedasticSingleTaskGP"
    ),
    "many, most of them failed": problem(
        failing(told([float(k) for k in range(60)], at=places(60, "abc")), lambda k: k % 10 > 2)
    ),
    "many in a thin region": thin(20),
    "many, a target across all numbers": problem(told([END] * 20), responses=responses_of(y=("match", -END))),
    "many, thresholds across all numbers": problem(
        told_both([END, -END] * 12, [-END, END, END] * 8), responses=responses_of(y="maximize", z=(">=", END))
    ),
}
"""From so many measurements on, expected improvement is averaged over samples of the hyperparameters."""

SEVERAL = {
    "two objectives, one constant, whose turn it is": problem(told_both(NOISE[:23], [3.0] * 23), responses=BOTH),
    "two objectives, one constant, the other's turn": problem(told_both(NOISE[:18], [3.0] * 18), responses=BOTH),
    "two objectives, 1e300 apart": problem(told_both([1e300 * y for y in NOISE], MORE_NOISE), responses=BOTH),
    "two objectives from end to end of the numbers": problem(
        told_both([END, -END] * 12, [END, END, -END, -END] * 6), responses=BOTH
    ),
    "two objectives, 1e600 apart, the larger one's turn": problem(
        told_both([1e300 * y for y in NOISE[:18]], [1e-300 * z for z in MORE_NOISE[:18]]), responses=BOTH
    ),
    "two objectives, never measured together": problem(
        told_both([NOISE[k] if k % 2 else None for k in range(23)], [None if k % 2 else NOISE[k] for k in range(23)]),
        responses=BOTH,
    ),
    "two objectives, much not measured and much failed": problem(
        failing(
            told_both(
                [None if k % 3 == 1 else y for k, y in enumerate(NOISE)],
                [None if k % 3 == 2 else z for k, z in enumerate(MORE_NOISE)],
            ),
            lambda k: k % 5 == 2,
        ),
        responses=BOTH,
    ),
    "two objectives that are one": problem(told_both(NOISE, [-y for y in NOISE]), responses=BOTH),
}

HOSTILE |= LONG | SEVERAL

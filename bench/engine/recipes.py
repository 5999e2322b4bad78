"""One maker for each class of test problems; each draws the covariates and a surface over them."""

from typing import Any

import numpy as np
import shapes
from drafts import CONTEXT, Draft, Narrowing, box, cat_column, cont_column, int_column, shuffled
from shapes import Rows, Surface


def smooth(rng: np.random.Generator, index: int) -> Draft:
    """Draw a path of a Gaussian process, every other time with a trend."""
    d = int(rng.integers(2, 7))
    return Draft(box(rng, d), shapes.with_trend(rng, d, shapes.gp_path(rng, d)))


def hills(rng: np.random.Generator, index: int) -> Draft:
    """Draw three to eight rotated bumps."""
    d = int(rng.integers(2, 7))
    surface, centres = shapes.bumps(rng, d, int(rng.integers(3, 9)), is_rotated=True)
    return Draft(box(rng, d), surface, list(centres))


def valley(rng: np.random.Generator, index: int) -> Draft:
    """Draw a curved valley, or products of warped inputs; the tail may be heavy."""
    d, kind = int(rng.integers(2, 7)), rng.random()
    if kind < 0.5:
        surface, best = shapes.curved_valley(rng, d)
        return Draft(box(rng, d), surface, [best], is_exact=True)
    return Draft(box(rng, d), shapes.waved_valley(rng, d) if kind < 0.8 else shapes.bilinear(rng, d))


def multimodal(rng: np.random.Generator, index: int) -> Draft:
    """Draw a funnel with ripples, of five to ten inputs."""
    d = int(rng.integers(5, 11))
    surface, best, is_exact = shapes.rippled(rng, d)
    return Draft(box(rng, d), surface, [best], is_exact)


def multimodal20(rng: np.random.Generator, index: int) -> Draft:
    """Draw a funnel with ripples, of 20 inputs."""
    surface, best, is_exact = shapes.rippled(rng, 20)
    return Draft(box(rng, 20), surface, [best], is_exact)


def highdim(rng: np.random.Generator, index: int) -> Draft:
    """Draw a smooth surface of 20 inputs of which four to eight matter."""
    used = rng.permutation(20)[: rng.integers(4, 9)]
    path = shapes.with_trend(rng, len(used), shapes.gp_path(rng, len(used), (0.3, 1.5)))
    return Draft(box(rng, 20), lambda u: path(u[:, used]))


def mixed(rng: np.random.Generator, index: int) -> Draft:
    """Draw a process recipe: each option has its own best place, height and width, and there is a ripple."""
    n_ints, n_conts, sizes = int(rng.integers(1, 4)), int(rng.integers(2, 5)), rng.integers(2, 7, rng.integers(1, 3))
    d = n_ints + n_conts
    columns = {f"n{j}": int_column(rng, int(rng.integers(4, 22))) for j in range(n_ints)} | box(rng, n_conts)
    columns |= {f"c{j}": cat_column(int(n)) for j, n in enumerate(sizes)}
    base, shifts = rng.uniform(0.2, 0.8, d), [rng.uniform(-0.5, 0.5, (n, d)) for n in sizes]
    heights = [rng.permutation(np.append(1, rng.uniform(0.4, 0.9, n - 1))) for n in sizes]
    widths = [shapes.log_uniform(rng, 0.7, 1.5, n) for n in sizes]
    frame = shapes.rotation(rng, d) / shapes.log_uniform(rng, 0.2, 0.9, d)
    ripple, turns, phases = rng.uniform(0, 0.08), rng.uniform(1, 4, d), rng.uniform(0, 2 * np.pi, d)
    product = rng.normal(0, 0.1, (d, d))

    def surface(rows: Rows) -> Rows:
        u, options = rows[:, :d], rows[:, d:].astype(int)
        centre, height, width = base, 1.0, 1.0
        for j in range(len(sizes)):
            centre = centre + shifts[j][options[:, j]]
            height, width = height * heights[j][options[:, j]], width * widths[j][options[:, j]]
        away = ((u - np.clip(centre, 0.02, 0.98)) @ frame) / np.reshape(width, (-1, 1))
        bump = height * np.exp(-0.5 * (away**2).sum(1))
        return bump + ripple * np.sin(2 * np.pi * turns * u + phases).mean(1) + ((u @ product) * u).sum(1) / d

    return shuffled(rng, Draft(columns, surface))


def categories(rng: np.random.Generator, index: int) -> Draft:
    """Draw five to eight categories, tables of values for each and for some pairs, and up to two numbers.

    The best place of a number depends on the option of the first category.
    """
    sizes, n_conts = rng.integers(3, 7, rng.integers(5, 9)), int(rng.integers(0, 3))
    n, share = len(sizes), rng.uniform(0.3, 1)
    columns = {f"c{j}": cat_column(int(size)) for j, size in enumerate(sizes)} | box(rng, n_conts)
    mains = [rng.normal(size=size) for size in sizes]
    couples = [(i, j) for i in range(n) for j in range(i) if rng.random() < 2 / n]
    tables = [share * rng.normal(size=(sizes[i], sizes[j])) for i, j in couples]
    best, weights = rng.uniform(0.1, 0.9, (int(sizes[0]), n_conts)), shapes.log_uniform(rng, 1, 10, n_conts)

    def surface(rows: Rows) -> Rows:
        options = rows[:, :n].astype(int)
        total = sum(main[options[:, j]] for j, main in enumerate(mains))
        for (i, j), table in zip(couples, tables, strict=True):
            total = total + table[options[:, i], options[:, j]]
        return total - (rows[:, n:] - best[options[:, 0]]) ** 2 @ weights

    return shuffled(rng, Draft(columns, surface))


def ints(rng: np.random.Generator, index: int) -> Draft:
    """Draw a funnel with ripples whose periods are a few steps of the integers."""
    n_ints = int(rng.integers(2, 4))
    columns: dict[str, dict[str, Any]] = {}
    for j in range(3):
        low = round(rng.uniform(-10, 0), 1)
        columns[f"x{j}"] = {"vtype": "cont", "min": low, "max": low + round(rng.uniform(6, 16), 1)}
    columns |= {f"n{j}": int_column(rng, int(rng.integers(8, 21))) for j in range(n_ints)}
    widths = np.array([c["max"] - c["min"] for c in columns.values()])
    best = rng.uniform(0.12, 0.88, 3 + n_ints)
    best[3:] = np.rint(best[3:] * widths[3:]) / widths[3:]
    periods, power = shapes.log_uniform(rng, 0.8, 4, 3 + n_ints), rng.uniform(0.7, 2)
    depth, rate, kind = shapes.log_uniform(rng, 0.1, 0.5), rng.uniform(0.1, 0.4), rng.integers(3)

    def surface(u: Rows) -> Rows:
        y = (u - best) * widths
        r, turn = np.sqrt((y**2).mean(1)), 2 * np.pi * y / periods
        if kind == 0:
            return np.expm1(-rate * r) - depth * (1 - np.exp(np.cos(turn).mean(1) - 1))
        if kind == 1:
            return -((r / 4) ** power) - depth * (1 - np.cos(turn)).mean(1)
        return -np.log1p(r) - depth * (1 - np.cos(turn).prod(1))

    return shuffled(rng, Draft(columns, surface, [best], is_exact=True))


def noisy(rng: np.random.Generator, index: int) -> Draft:
    """Draw a smooth surface, or rotated or straight bumps, of four to six inputs; noise is 3 to 10 % of the range."""
    d, kind = int(rng.integers(4, 7)), rng.integers(3)
    noise = rng.uniform(0.03, 0.1)
    if kind == 0:
        return Draft(box(rng, d), shapes.with_trend(rng, d, shapes.gp_path(rng, d, (0.25, 1.5))), noise=noise)
    surface, centres = shapes.bumps(rng, d, int(rng.integers(3, 7)), is_rotated=bool(kind == 1))
    return Draft(box(rng, d), surface, list(centres), noise=noise)


def logscale(rng: np.random.Generator, index: int) -> Draft:
    """Draw covariates and values over decades; the space says ``log: true`` at even indices only."""
    d, is_told = int(rng.integers(2, 6)), index % 2 == 0
    decades = rng.uniform(3, 5, d) if is_told else rng.uniform(1.5, 2.5, d)
    is_log = rng.random(d) < 0.8
    columns = {}
    for j in range(d):
        low = float(f"{10 ** rng.uniform(-5, 0):.2g}")
        columns[f"x{j}"] = (
            {"vtype": "cont", "min": low, "max": low * 10 ** decades[j]} if is_log[j] else cont_column(rng)
        )
        if is_log[j] and is_told:
            columns[f"x{j}"]["log"] = True
    ratio = np.where(is_log, 10**decades - 1, 1)
    path = shapes.with_trend(rng, d, shapes.gp_path(rng, d, (0.3, 1.5)))
    rate = rng.uniform(1, 3) * rng.choice([-1, 1])

    def surface(u: Rows) -> Rows:
        t = u if is_told else np.where(is_log, np.log1p(u * ratio) / np.log1p(ratio), u)
        return np.sign(rate) * np.exp(rate * path(t))

    return Draft(columns, surface)


def parallel(rng: np.random.Generator, index: int) -> Draft:
    """Draw a smooth one at even indices, a mixed one at odd indices; runs keep eight configurations out."""
    return mixed(rng, index) if index % 2 else smooth(rng, index)


def contexts(rng: np.random.Generator, index: int) -> Draft:
    """Draw a smooth surface for each of two to four contexts, at levels so far apart that none reaches another.

    The context is an option at even indices, a number at odd ones. The nearer two contexts are, the more their surfaces
    have the same shape.
    """
    d, n = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    places = (np.arange(n) + rng.uniform(0.2, 0.8, n)) / n
    path = shapes.with_trend(rng, d + 1, shapes.gp_path(rng, d + 1, (0.3, 1.5)))
    apart = rng.uniform(1.5, 4) * rng.choice([-1, 1]) * _spread(rng, path, d, places)
    if index % 2:
        context = cont_column(rng)
        slope = apart / np.diff(places).min()
        values = [float(f"{context['min'] + place * (context['max'] - context['min']):.6g}") for place in places]
        draft = Draft(box(rng, d), lambda rows: path(rows) + slope * rows[:, d], contexts=values)
    else:
        places, levels = rng.permutation(places), apart * rng.permutation(n)
        context = cat_column(n)

        def surface(rows: Rows) -> Rows:
            options = rows[:, d].astype(int)
            return path(np.column_stack([rows[:, :d], places[options]])) + levels[options]

        draft = Draft(box(rng, d), surface, contexts=context["options"])
    draft.columns[CONTEXT] = context | {"role": "context"}
    return shuffled(rng, draft)


def narrowed(rng: np.random.Generator, index: int) -> Draft:
    """Draw a smooth surface with a ridge above all the rest, and take the ridge from the space.

    It is taken by an option, by a range or by a linear constraint, in turn with the index.
    """
    d = int(rng.integers(2, 6))
    if index % 3 == 0:
        return shuffled(rng, _without_options(rng, d))
    columns, path = box(rng, d), shapes.with_trend(rng, d, shapes.gp_path(rng, d))
    n_used = 1 if index % 3 == 1 else int(rng.integers(2, min(d, 4) + 1))
    along = np.zeros(d)
    along[rng.permutation(d)[:n_used]] = rng.uniform(0.3, 1, n_used) * rng.choice([-1, 1], n_used)
    u = rng.random((4000, d))
    cut, top = np.quantile(u @ along, [rng.uniform(0.4, 0.7), 0.95])
    height = rng.uniform(1.5, 3) * np.ptp(path(u))
    widths = {name: column["max"] - column["min"] for name, column in columns.items()}
    narrowing = Narrowing(lambda rows: rows @ along <= cut + 1e-7)
    if n_used == 1:
        (name, weight), *_ = [(name, weight) for name, weight in zip(columns, along, strict=True) if weight]
        end = columns[name]["min"] + float(cut / weight) * widths[name]
        narrowing.columns[name] = columns[name] | {"max" if weight > 0 else "min": end}
    else:
        weights = {name: float(w) / widths[name] for name, w in zip(columns, along, strict=True) if w}
        bound = float(cut) + sum(weight * columns[name]["min"] for name, weight in weights.items())
        narrowing.constraints.append({"ctype": "linear", "weights": weights, "relation": "<=", "bound": bound})

    def surface(rows: Rows) -> Rows:
        return path(rows) + height * np.exp(-2 * ((rows @ along - top) / (top - cut)) ** 2)

    return Draft(columns, surface, narrowing=narrowing)


def _without_options(rng: np.random.Generator, d: int) -> Draft:
    """Draw a smooth surface for each of three to five options, and take the options that are above all the rest."""
    n = int(rng.integers(3, 6))
    n_left = int(rng.integers(2, n))
    path, places = shapes.with_trend(rng, d + 1, shapes.gp_path(rng, d + 1, (0.3, 1.5))), rng.random(n)
    height, options = rng.uniform(1.5, 3) * _spread(rng, path, d, places), cat_column(n)["options"]
    is_kept = rng.permutation(n) < n_left

    def surface(rows: Rows) -> Rows:
        chosen = rows[:, d].astype(int)
        return path(np.column_stack([rows[:, :d], places[chosen]])) + height * ~is_kept[chosen]

    kept = [option for option, is_option_kept in zip(options, is_kept, strict=True) if is_option_kept]
    narrowing = Narrowing(lambda rows: is_kept[rows[:, d].astype(int)], {"c0": {"vtype": "cat", "options": kept}})
    return Draft(box(rng, d) | {"c0": cat_column(n)}, surface, narrowing=narrowing)


def _spread(rng: np.random.Generator, path: Surface, d: int, places: Rows) -> float:
    """Measure the range of a path over d inputs and an input that has some places only."""
    return float(np.ptp(path(np.column_stack([rng.random((4000, d)), rng.choice(places, 4000)]))))

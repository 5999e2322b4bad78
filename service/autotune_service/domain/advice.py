"""What makes an experiment hard to search or keeps it from learning, and how to describe it better."""

from collections.abc import Iterator, Mapping, Sequence

from autotune_wire.learning import EarlierExperiment
from autotune_wire.numerals import number_of
from autotune_wire.space import CatCovariate, Covariate

# An experiment has some tens of runs. With more options than that, most of them are never tried.
_MANY_OPTIONS = 40

# Two options have no order that the model could miss.
_FEWEST_STEPS = 3


def advice_on(space: Mapping[str, Covariate]) -> list[str]:
    """Write a sentence about each covariate that would be easier to search if it were described in another way."""
    return [
        sentence
        for name, covariate in space.items()
        if isinstance(covariate, CatCovariate) and not covariate.ordered
        for sentence in _on_unordered(name, covariate)
    ]


def advice_on_earlier(learn_from: Sequence[EarlierExperiment]) -> list[str]:
    """Write a sentence about each earlier experiment that nothing is learnt from, as it had measured nothing."""
    return [
        f"nothing is learnt from {earlier.name}: it had measured none of the responses when this experiment was "
        "created, and what it measures later is not learnt from; create the experiment anew once it has"
        for earlier in learn_from
        if not earlier.n_runs
    ]


def _on_unordered(name: str, covariate: CatCovariate) -> Iterator[str]:
    n = covariate.n_values
    if covariate.descriptors is not None:
        if n > 1 and len({tuple(covariate.descriptors[str(option)].values()) for option in covariate.options}) == 1:
            yield f"all options of {name} have the same descriptors, which therefore tell nothing: check the table"
        return
    if n > _MANY_OPTIONS:
        # The value of a context is given, so there is nothing to choose among its options.
        if covariate.role == "design":
            yield (
                f"{name} has {n} options without order: the model cannot tell options apart before each was tried, so "
                f"with fewer runs than options the choice among them is hardly better than chance; give descriptors, "
                f"numbers that are known of each option, split {name} into the factors that it is made of (such as "
                "metal, ligand and solvent), or make it ordered if its options are steps of a scale"
            )
    elif n >= _FEWEST_STEPS and all(number_of(str(option), ".") is not None for option in covariate.options):
        yield (
            f"the options of {name} are numbers, but without order the model does not know which of them lie between "
            f"others; if they are amounts and not names, make {name} ordered, or an int or cont with a step"
        )

"""What is said of a space that is hard to search."""

from uuid import uuid4

import pytest

from autotune_service.domain.advice import advice_on, advice_on_earlier
from autotune_wire.learning import EarlierExperiment
from generated import space_of


def choice(*options, **more):
    return {"vtype": "cat", "guess": options[0], "options": list(options), **more}


def choice_of(n, **more):
    return choice(*(f"c{k}" for k in range(n)), **more)


def advice(**covars):
    return advice_on(space_of(covars))


X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}


def test_choice_of_very_many_options_is_named_with_their_number_and_what_to_do():
    (sentence,) = advice(x=X, catalyst=choice_of(72), base=choice("a", "b", "c"))
    assert sentence.startswith("catalyst has 72 options without order: ")
    assert "with fewer runs than options the choice among them is hardly better than chance" in sentence
    assert "split catalyst into the factors that it is made of (such as metal, ligand and solvent)" in sentence
    assert sentence.endswith("or make it ordered if its options are steps of a scale")


@pytest.mark.parametrize(("n", "n_sentences"), [(40, 0), (41, 1)])
def test_choice_is_of_very_many_options_from_41_on(n, n_sentences):
    assert len(advice(x=X, catalyst=choice_of(n))) == n_sentences


def test_each_choice_of_very_many_options_gets_its_sentence_in_the_space_s_order():
    sentences = advice(z=choice_of(50), x=X, a=choice_of(60, active_if={"covariate": "z", "values": ["c1"]}))
    assert [sentence.split(" without")[0] for sentence in sentences] == ["z has 50 options", "a has 60 options"]


@pytest.mark.parametrize("more", [{"ordered": True}, {"role": "context"}])
def test_options_with_order_or_of_a_context_need_no_advice(more):
    assert advice(x=X, catalyst=choice_of(72, **more)) == []


def test_options_that_are_numbers_are_told_of():
    (sentence,) = advice(x=X, batch=choice("64", "128", "0.5", "1e3", "-2"))
    assert sentence.startswith("the options of batch are numbers, but without order the model does not know which")
    assert sentence.endswith("if they are amounts and not names, make batch ordered, or an int or cont with a step")


@pytest.mark.parametrize(
    "batch",
    [
        choice("64", "128"),  # two options have no order
        choice("64", "128", "all"),
        choice("64", "128", "256", ordered=True),
        choice(64, 128, 256, ordered=True),
    ],
)
def test_other_options_are_not_told_of(batch):
    assert advice(x=X, batch=batch) == []


def test_very_many_options_that_are_numbers_are_told_of_once():
    (sentence,) = advice(batch=choice(*map(str, range(50))))
    assert sentence.startswith("batch has 50 options without order")


def test_numbers_have_nothing_to_advise():
    assert advice(x=X, n={"vtype": "int", "guess": 1, "min": 0, "max": 1000}) == []


def test_options_with_descriptors_need_no_advice():
    catalyst = choice_of(72)
    described = {option: {"mass": k} for k, option in enumerate(catalyst["options"])}
    assert advice(x=X, catalyst=catalyst | {"descriptors": described}) == []


def test_descriptors_that_are_the_same_for_all_options_are_told_of():
    same = choice("a", "b", descriptors={"a": {"mass": 1, "size": 2}, "b": {"mass": 1, "size": 2}})
    (sentence,) = advice(x=X, metal=same)
    assert sentence == "all options of metal have the same descriptors, which therefore tell nothing: check the table"
    assert advice(x=X, metal=choice("a", descriptors={"a": {"mass": 1}})) == []


def test_earlier_experiment_that_had_measured_nothing_is_named():
    some, none = (EarlierExperiment(exp_uuid=uuid4(), name=f"of {n}", n_runs=n, last_seq=9) for n in (3, 0))
    (sentence,) = advice_on_earlier([some, none])
    assert sentence.startswith("nothing is learnt from of 0: it had measured none of the responses when this")

"""The notebook about two objectives runs top to bottom against a real service."""

from notebook_runs import executed, outputs_of, told_of

from autotune.pictures.picture import VEGA_LITE

N_RUNS = 30


def _front(history):
    """Return the runs that no other run beats in both responses."""
    found = [(run["responses"]["accuracy"], run["responses"]["size"]) for run in history]
    return [
        (accuracy, size)
        for accuracy, size in found
        if not any(a >= accuracy and s <= size and (a, s) != (accuracy, size) for a, s in found)
    ]


async def test_front_is_found_and_a_small_forest_chosen(service):
    notebook = await executed("04-objectives.ipynb")
    experiment, history = told_of(service, "Small forest")
    assert experiment["n_observations"] == len(history) == N_RUNS
    front = _front(history)
    assert len(front) >= 8
    smallest = min(size for accuracy, size in front if accuracy >= 95)
    assert smallest < 5  # of the default's 30

    drawn = [picture["description"] for picture in outputs_of(notebook, VEGA_LITE)]
    assert f"{len(set(front))} runs of {N_RUNS} on the front" in drawn[0]
    (chosen,) = [text for text in outputs_of(notebook, "text/plain") if text.startswith("Observation(trees=")]
    assert f"size {smallest:g}" in chosen

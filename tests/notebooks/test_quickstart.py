"""The quickstart notebook runs top to bottom against a real service, as its reader would run it."""

import json
import re

from notebook_runs import executed, outputs_of, told_of

from autotune.pictures.picture import VEGA_LITE
from processes import DEV_USER

N_RUNS, N_BY_HAND = 40, 1


async def test_quickstart_comes_farther_than_random_search(service):
    notebook = await executed("01-quickstart.ipynb")
    experiment, history = told_of(service, "Quickstart")
    assert experiment["n_observations"] == len(history) == N_RUNS + N_BY_HAND
    # Of 2,000 random searches of 40 runs the mean reaches 1.8 and one in a thousand 3.0; the top is at 3.322.
    assert experiment["best"]["response"] > 3.0

    shown = json.dumps(notebook, ensure_ascii=False)
    mean, share = re.search(r"Random search reached (\S+) on average; (\S+)% of the searches", shown).groups()
    assert float(mean) < 2.2
    assert float(share) < 1
    (grey,) = [picture for picture in outputs_of(notebook, VEGA_LITE) if "random search" in picture["description"]]
    assert f"random search, mean of 2,000 reaches {float(mean):.3g} in {N_RUNS} runs" in grey["description"]
    assert any("data:image/svg+xml;base64," in html for html in outputs_of(notebook, "text/html"))
    assert DEV_USER["password"] not in shown

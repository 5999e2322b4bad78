"""Runs of earlier experiments in documents from outside: what does not fit is refused, with its field."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from autotune_service.domain.errors import InvalidError
from autotune_service.domain.portable import check_portable
from autotune_service.domain.portable_text import read_document

STORED = (Path(__file__).parent.parent / "exports" / "1.json").read_text()
COVARS = {"x": 0.5, "y": 1.0, "k": 2, "color": "red"}


def document(*runs, n_runs=(1,)):
    export = json.loads(STORED)
    export["experiment"]["learn_from"] = [
        {"exp_uuid": str(uuid4()), "name": "before", "n_runs": n, "last_seq": 9} for n in n_runs
    ]
    export["earlier_runs"] = [
        {"seq": seq, "source": 0, "covars": COVARS, "responses": {"taste": 1.0}, "sds": {}} | run
        for seq, run in enumerate(runs, 1)
    ]
    return json.dumps(export).encode()


def fields_of(text):
    with pytest.raises(InvalidError) as caught:
        check_portable(read_document(text))
    return [one.field for one in caught.value.errors]


def test_runs_of_several_experiments_are_taken():
    read = read_document(document({}, {"source": 1}, {"source": 1}, n_runs=(1, 2)))
    check_portable(read)
    assert [run.source for run in read.earlier_runs] == [0, 1, 1]


@pytest.mark.parametrize(
    ("runs", "n_runs", "field"),
    [
        ([{"seq": 2}], (1,), "earlier_runs.0.seq"),
        ([{"source": 1}], (1,), "earlier_runs.0.source"),
        ([{"source": 1}, {}], (1, 1), "earlier_runs.1.source"),
        ([{"covars": {**COVARS, "x": "red"}}], (1,), "earlier_runs.0.covars.x"),
        ([{"covars": {**COVARS, "x": True}}], (1,), "earlier_runs.0.covars.x"),
        ([{"covars": {"x": 0.5}}], (1,), "earlier_runs.0.covars.y"),
        ([{"covars": {**COVARS, "other": 1}}], (1,), "earlier_runs.0.covars.other"),
        ([{"responses": {"other": 1.0}}], (1,), "earlier_runs.0.responses.other"),
        ([{"sds": {"cost": 1.0}}], (1,), "earlier_runs.0.sds.cost"),
        ([{}], (2,), "experiment.learn_from.0.n_runs"),
        ([], (1,), "experiment.learn_from.0.n_runs"),
    ],
)
def test_runs_that_do_not_fit_are_refused(runs, n_runs, field):
    assert fields_of(document(*runs, n_runs=n_runs))[0].startswith(field)

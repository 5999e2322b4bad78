"""What the board says of others who tell the same experiment."""

from uuid import uuid4

import pytest
from fake_service import SPACE, observation

from autotune.experiment import Experiment
from autotune.widgets.board import Board
from autotune_wire.experiments import Experiment as ExperimentReply

ME, ADA = str(uuid4()), str(uuid4())


@pytest.mark.parametrize(("teller", "is_said"), [(ADA, True), (ME, False)], ids=["another", "the user"])
def test_board_says_who_told_a_run_where_it_was_not_always_the_user(service, teller, is_said):
    seen = service.add({"name": "brownies", "covars": SPACE})
    service.tellers = {ME: "a@b.c", teller: {ME: "a@b.c", ADA: "ada@<lab>"}[teller]}
    for x, who in ((0.1, ME), (0.2, teller)):
        service.runs.append(observation({"x": x}, x, told_by=who) | {"exp_uuid": seen["exp_uuid"]})
    seen["n_observations"] = 2
    connection = service.connection()
    connection.username = "a@b.c"
    board = Board(Experiment(connection, ExperimentReply.model_validate(seen)))
    said = {True: ["ada@<lab>", "a@b.c"], False: ["", ""]}[is_said]
    assert [row["teller"] for row in board.table.widget.rows] == said  # the page writes them as text
    assert ('<th scope="col">told by</th>' in board.still()) is is_said

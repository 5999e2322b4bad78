import pandas as pd
import pytest

from autotune_wire.tables import one_row_table, rows_of

FRAME = pd.DataFrame({"x": [0.5, 1.5], "color": ["red", "blue"]})
ROWS = [{"x": 0.5, "color": "red"}, {"x": 1.5, "color": "blue"}]


@pytest.mark.parametrize(
    "table",
    [
        FRAME.to_json(orient="records"),
        FRAME.to_json(),
        FRAME.to_dict("list"),
        FRAME.to_dict("records"),
    ],
    ids=["records text", "columns text", "lists", "records"],
)
def test_rows_of_reads_what_pandas_writes(table):
    assert rows_of(table) == ROWS


def test_rows_of_takes_one_plain_record():
    assert rows_of({"x": 1, "color": "red"}) == [{"x": 1, "color": "red"}]


@pytest.mark.parametrize(
    "table",
    ["{", "[NaN]", "7", "[1, 2]", {"x": {"0": 1}, "y": {"1": 1}}, {"x": [1, 2], "y": [1]}, {"x": [1], "y": 2}],
)
def test_rows_of_refuses_other_shapes(table):
    with pytest.raises(ValueError, match=r"."):
        rows_of(table)


def test_column_frame_is_what_pandas_writes():
    assert one_row_table({"x": 0.5, "color": "red"}) == FRAME.head(1).to_dict() | {
        "x": {"0": 0.5},
        "color": {"0": "red"},
    }

"""The lines of ``ask --json`` and ``tell NAME -``."""

import json
from uuid import UUID

import pytest
from fake_service import suggestion

from autotune.errors import InvalidInputError
from autotune.shell.lines import LineReader, line_of
from autotune.views.shown import Suggestion

EXPERIMENT = UUID("8d9f1f4e-5b0c-4b7e-9a51-2f1c0f0f7a11")
OTHER = UUID(int=1)
PREDICTED = {"taste": {"mean": 0.9, "sd": 0.01}}


def line(**fields):
    return json.dumps({"covars": {"x": 0.5}, "response": 1.0, **fields})


def test_line_of_ask_with_a_response_is_the_run_of_its_suggestion():
    asked = Suggestion.model_validate(suggestion(0.25, predictions=PREDICTED))
    written = line_of(asked, EXPERIMENT)
    assert "\n" not in written
    told, _ = LineReader(EXPERIMENT).read(json.dumps(json.loads(written) | {"response": 0.7}))
    assert told.model_dump(mode="json", exclude_unset=True) == {
        "suggestion_uuid": str(asked.suggestion_uuid),
        "covars": {"x": 0.25},
        "response": 0.7,
    }


def test_predicted_sd_is_not_told_as_one_that_was_measured():
    asked = Suggestion.model_validate(suggestion(sd=0.01, predictions=PREDICTED))
    told, _ = LineReader(EXPERIMENT).read(json.dumps(json.loads(line_of(asked, EXPERIMENT)) | {"response": 0.7}))
    assert told.sd is None


def test_same_input_read_again_has_the_same_keys_and_equal_lines_have_two():
    lines = [line(), line(), line(response=2.0)]
    readers = LineReader(EXPERIMENT), LineReader(EXPERIMENT)
    first, second = ([reader.read(text).key for text in lines] for reader in readers)
    assert first == second
    assert len(set(first)) == 3


def test_order_of_fields_and_what_ask_wrote_beside_them_do_not_change_the_key():
    one = LineReader(EXPERIMENT).read('{"covars": {"x": 1, "y": 2}, "response": 3}').key
    other = LineReader(EXPERIMENT).read('{"response": 3, "reason": "x", "covars": {"y": 2, "x": 1}}').key
    assert one == other


@pytest.mark.parametrize(("experiment", "salt"), [(OTHER, ""), (EXPERIMENT, "again")])
def test_key_differs_between_experiments_and_where_all_is_told_again(experiment, salt):
    assert LineReader(experiment, salt).read(line()).key != LineReader(EXPERIMENT).read(line()).key


def test_key_of_the_user_is_taken_as_it_is():
    assert LineReader(EXPERIMENT).read(line(key="run-7")).key == "run-7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minutes=30", "is no JSON"),
        ("[1]", "must be a JSON object"),
        (b"\xff\xfe{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (line(reponse=1), "reponse: is not a field of a run; the fields are"),
        (line(response="high"), "response: must be a number (given: 'high')"),
        (line().replace("1.0", "NaN"), "NaN is no number"),
        (line(exp_uuid=str(OTHER)), f"exp_uuid: is another experiment than {EXPERIMENT}"),
        (line(status="failed"), "status: a failed run has no response"),
        ('{"response": 1}', "covars: "),
        (line(key="two words"), "key: must be a text of 1 to 200 printable ASCII characters"),
        (line(key=7), "key: must be a text"),
    ],
)
def test_line_that_is_wrong_is_refused_by_its_field(text, said):
    with pytest.raises(InvalidInputError) as refused:
        LineReader(EXPERIMENT).read(text)
    assert said in str(refused.value)

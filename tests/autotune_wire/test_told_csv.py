import pytest
from pydantic import TypeAdapter, ValidationError

from autotune_wire.observations import MAX_TELL, Tell
from autotune_wire.problems import field_problems
from autotune_wire.space import Space
from support import SPACE

scale = {"size": {"vtype": "cat", "guess": 8, "options": [8, 16, 32], "ordered": True}}
space = TypeAdapter(Space).validate_python(SPACE | scale)
HEADER = "v1,color,weight,size"


def runs(text, responses=("Response",)):
    return Tell(csv=text).runs(responses, space)


def test_csv_gives_a_run_per_line_with_each_value_in_its_type():
    run = runs(f"{HEADER},Response\n2,red,7,8.0,1e3\n")[0]
    assert (run.covars, run.responses) == ({"v1": 2, "color": "red", "weight": 7.0, "size": 8}, {"Response": 1000.0})
    assert [type(value) for value in run.covars.values()] == [int, str, float, int]


def test_csv_takes_columns_in_any_order_quotes_blank_lines_and_a_byte_order_mark():
    text = '\ufeffcost, color ,v1,yield,weight,size\r\n\r\n1,"red",2,3,7,16\r\n'
    assert runs(text, ("yield", "cost"))[0].responses == {"cost": 1.0, "yield": 3.0}


def test_csv_takes_partial_runs_failed_runs_and_standard_deviations():
    text = f"{HEADER},yield,cost,cost sd,status\n2,red,7,8,,5,0.5,ok\n2,red,8,8,,,,failed\n,red,9,8,1,,,\n"
    partial, failed, inactive = runs(text, ("yield", "cost"))
    assert (partial.responses, partial.sds, partial.status) == ({"cost": 5.0}, {"cost": 0.5}, "ok")
    assert (failed.responses, failed.status) == (None, "failed")
    assert "v1" not in inactive.covars


def test_csv_has_a_plain_sd_column_where_there_is_one_response():
    assert runs(f"{HEADER},Response,sd\n2,red,7,8,1,0.25\n")[0].sds == {"Response": 0.25}


@pytest.mark.parametrize(
    ("lines", "field", "says"),
    [
        ([f"{HEADER},Response,taste", "2,red,7,8,1,1"], "csv.line 1.taste", "is not a column"),
        ([f"{HEADER},Response,v1", "2,red,7,8,1,1"], "csv.line 1.v1", "twice"),
        ([f"{HEADER},Response", "2,red,7,8,1", "2.5,red,7,8,1"], "csv.line 3.v1", "a whole number"),
        ([f"{HEADER},Response", "2,red,heavy,8,1"], "csv.line 2.weight", "a finite number"),
        ([f"{HEADER},Response", "2,red,nan,8,1"], "csv.line 2.weight", "a finite number"),
        ([f"{HEADER},Response", "2,red,7,8,inf"], "csv.line 2.Response", "a finite number"),
        ([f"{HEADER},Response", "2,red,7,8,"], "csv.line 2", "has no response"),
        ([f"{HEADER},Response", "2,red,7,8"], "csv.line 2", "has 4 cells, the header has 5"),
        ([f"{HEADER},Response,sd", "2,red,7,8,1,-1"], "csv.line 2.sd", "negative"),
        ([f"{HEADER},Response,sd,status", "2,red,7,8,,1,failed"], "csv.line 2", "no response"),
        ([f"{HEADER},Response,status", "2,red,7,8,1,failed"], "csv.line 2.status", "has no response"),
        ([f"{HEADER},Response,status", "2,red,7,8,1,lost"], "csv.line 2.status", "ok, failed"),
        ([f"{HEADER},Response", '2,"red,7,8,1'], "csv.line 2", "is not CSV"),
        ([f"{HEADER},Response"], "csv", "holds no run"),
        ([""], "csv", "holds no run"),
        ([f"{HEADER},Response", *["2,red,7,8,1"] * (MAX_TELL + 1)], f"csv.line {MAX_TELL + 2}", "at most"),
    ],
)
def test_csv_names_line_and_column(lines, field, says):
    with pytest.raises(ValidationError) as caught:
        runs("\n".join(lines))
    problem = field_problems(caught.value)[0]
    assert problem.field == field
    assert says in problem.message


def test_csv_tells_of_several_wrong_cells_at_once():
    with pytest.raises(ValidationError) as caught:
        runs(f"{HEADER},Response\nx,red,7,8,1\n2,red,y,8,z\n")
    fields = [problem.field for problem in field_problems(caught.value)]
    assert fields == ["csv.line 2.v1", "csv.line 3.weight", "csv.line 3.Response"]


def test_csv_names_the_line_of_each_run():
    body = Tell(csv=f"{HEADER},Response\n\n2,red,7,8,1\n\n2,red,8,8,1\n")
    body.runs(("Response",), space)
    assert [body.field_of(index) for index in range(2)] == ["csv.line 3", "csv.line 5"]

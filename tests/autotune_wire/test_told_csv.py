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
        ([f"{HEADER},Response,taste", "2,red,7,8,1,1"], "csv.line 1.taste", "name it in ignore"),
        ([f"{HEADER},Response", "2,red,4_5,8,1"], "csv.line 2.weight", "a finite number"),
        ([f"{HEADER},Response", "2,red,0x10,8,1"], "csv.line 2.weight", "a finite number"),
        (["v1,colour,weight,size,Response", "2,red,7,8,1"], "csv.line 1.color", "not the experiment's: colour"),
        ([f"{HEADER},Response", '2,red,"1,050",8,"12,300"'], "csv.line 2.weight", "may be 1.05 or 1050"),
        ([f"{HEADER},Response,excluded", "2,red,7,8,1,true"], "csv", "all its runs are excluded"),
        ([f"{HEADER},Response,v1", "2,red,7,8,1,1"], "csv.line 1.v1", "twice"),
        ([f"{HEADER},Response", "2,red,7,8,1", "2.5,red,7,8,1"], "csv.line 3.v1", "a whole number"),
        ([f"{HEADER},Response", "2,red,heavy,8,1"], "csv.line 2.weight", "a finite number"),
        ([f"{HEADER},Response", "2,red,infinity,8,1"], "csv.line 2.weight", "a finite number"),
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


def test_csv_leaves_out_the_columns_and_reads_the_sign_that_the_body_names():
    text = f'name,{HEADER},Response\na,2,red,"1,050",8,1\n'
    for sign, weight in ((".", 1050.0), (",", 1.05)):
        [run] = Tell(csv=text, ignore=["name"], decimal=sign).runs(("Response",), space)
        assert run.covars["weight"] == weight


def test_csv_with_decimal_commas_has_them_in_options_too():
    texts = TypeAdapter(Space).validate_python({"k": {"vtype": "cat", "guess": "1.05", "options": ["1.05", "2"]}})
    [run] = Tell(csv="k;Response\n1,050;2,5\n").runs(("Response",), texts)
    assert run.covars == {"k": "1.05"}


@pytest.mark.parametrize("field", [{"ignore": ["name"]}, {"decimal": "."}])
def test_ignore_and_decimal_need_a_csv(field):
    with pytest.raises(ValidationError, match="are about csv"):
        Tell(covars={"x": 1}, response=1, **field)


def test_csv_may_be_what_a_spreadsheet_writes():
    text = "sep=;\r\n;;\r\nv1;color;weight;size;RESPONSE;\r\n2;red;7,5;8;1.050,5;\r\n3;red;#N/A;8;-0,5;;\r\n"
    body = Tell(csv=text)
    full, partial = body.runs(("Response",), space)
    assert (full.covars["weight"], full.responses) == (7.5, {"Response": 1050.5})
    assert "weight" not in partial.covars
    assert body.field_of(0) == "csv.line 4"


def test_history_of_another_experiment_is_taken_with_its_other_columns():
    text = f"id,{HEADER},Response,excluded,told_by,time_created\n1,2,red,7,8,1,True,a@b.c,2026\n2,2,red,7,8,2,False,,\n"
    assert [run.responses for run in runs(text)] == [{"Response": 2.0}]


def test_tables_of_pandas_get_their_options_and_their_response_back():
    numbers = TypeAdapter(Space).validate_python(
        {"kb": {"vtype": "cat", "guess": "128", "options": ["128", "01", "1"]}, "x": SPACE["weight"]}
    )
    [run] = Tell(covars_tell='{"kb":{"0":128},"x":{"0":1}}', response_tell=[{"response": 2}]).runs(("yield",), numbers)
    assert (run.covars, run.response) == ({"kb": "128", "x": 1}, 2.0)
    with pytest.raises(ValidationError) as caught:
        Tell(covars_tell=[{"kb": 1, "x": 1}], response_tell=[{"yield": 2}]).runs(("yield",), numbers)
    [problem] = field_problems(caught.value)
    assert (problem.field, problem.message) == (
        "covars_tell.0", 'kb may be the option "01" or "1": write the text of the option',
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("," * 2_000_000, "holds no run"),
        ("x" * 200_000 + "\n1\n", "is not CSV"),
        ("a," * 20_000 + "\n", "has 20001 columns, at most 10000"),
        ("sep=;" + " " * 2_000_000, "holds no run"),
    ],
)
def test_text_that_is_no_table_is_refused_at_once(text, says):
    with pytest.raises(ValidationError, match=says):
        runs(text)

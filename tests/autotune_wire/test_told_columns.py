import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune_wire.told_columns import ABOUT, ColumnsError, Role, assigned_roles, columns_of

HOSTILE = (
    "status", "sd", "excluded", *ABOUT, "Response", "response", "Response sd", "y", "Y", "y sd", "covars.status",
    "covars.x", "covars.covars.status", "responses.y", "responses.sd", "params_x", "params_y", "x", "value", "values_0",
    "number", "state", "duration", "Unnamed: 0", "covars.", "params_",
)  # fmt: skip
names = st.sampled_from(HOSTILE) | st.text(st.sampled_from("aA._ ,;\"'1"), min_size=1, max_size=4).filter(str.strip)


@given(st.lists(names, min_size=2, max_size=8, unique=True), st.integers(1, 3))
def test_columns_of_a_history_have_names_of_their_own_and_are_read_back(chosen, n_responses):
    n_responses = min(n_responses, len(chosen) - 1)
    responses, space = chosen[:n_responses], chosen[n_responses:]
    columns = columns_of(space, responses)
    header = [column for named in columns for column in named.values()]
    header += ["status", "failed_because", "excluded", *ABOUT]
    assert len(header) == len(set(header))
    for shown in (header, [name for name in header if name not in columns.sds.values()]):
        found = dict(zip(shown, assigned_roles(shown, space, responses).roles, strict=True))
        assert {name: found[column] for name, column in columns.covars.items()} == {
            name: Role("covars", name) for name in space
        }
        assert {name: found[column] for name, column in columns.responses.items()} == {
            name: Role("responses", name) for name in responses
        }
        assert (found["status"], found["excluded"], found["id"]) == (Role("status"), Role("excluded"), None)


def roles(header, space=("x",), responses=("yield",)):
    return assigned_roles(header, list(space), list(responses))


@pytest.mark.parametrize("name", ["yield", "Yield", "YIELD", "response", "RESPONSE", "responses.yield", "value"])
def test_response_is_found_by_any_of_its_names(name):
    header = ["params_x" if name == "value" else "x", name]
    assert roles(header).roles == [Role("covars", "x"), Role("responses", "yield")]


def test_several_responses_are_found_in_any_case():
    found = roles(["x", "YIELD", "Cost", "cost SD"], responses=("yield", "cost"))
    assert found.roles[1:] == [Role("responses", "yield"), Role("responses", "cost"), Role("sds", "cost")]


def test_response_in_another_case_is_not_taken_where_its_own_column_is():
    found = roles(["x", "yield", "Yield", "response"])
    assert (found.roles[1], found.extra) == (Role("responses", "yield"), ["Yield", "response"])


def test_covariate_is_not_found_in_another_case():
    assert roles(["X", "yield"]).extra == ["X"]


@pytest.mark.parametrize(
    ("header", "column", "says"),
    [
        (["x", "x", "yield"], "x", "occurs twice"),
        (["x", "YIELD", "Yield"], "Yield", "and YIELD may both be yield"),
        (["x", "yield", "Status", "STATUS"], "STATUS", "and Status may both be status"),
    ],
)
def test_two_columns_for_one_are_refused(header, column, says):
    with pytest.raises(ColumnsError, match=says) as caught:
        roles(header)
    assert caught.value.column == column


def test_covariate_of_a_users_table_may_be_called_like_an_own_column():
    found = roles(["status", "sd", "yield"], space=("status", "sd"))
    assert found.roles == [Role("covars", "status"), Role("covars", "sd"), Role("responses", "yield")]


def test_columns_without_a_name_are_no_extra_columns():
    assert roles(["", "Unnamed: 0", "x", "yield", "taste"]).extra == ["taste"]


def test_trials_of_optuna_are_read_by_its_names():
    header = [
        "number", "values_0", "values_1", "datetime_start", "datetime_complete", "duration", "params_x",
        "params_number", "params_old", "user_attrs_who", "system_attrs_nsga", "state",
    ]  # fmt: skip
    found = roles(header, space=("x", "number"), responses=("loss", "size"))
    named = {name: role for name, role in zip(header, found.roles, strict=True) if role is not None}
    assert named == {
        "values_0": Role("responses", "loss"),
        "values_1": Role("responses", "size"),
        "params_x": Role("covars", "x"),
        "params_number": Role("covars", "number"),
        "state": Role("state"),
    }
    assert found.extra == ["params_old", "user_attrs_who"]
    assert found.by_position == {"values_0": "loss", "values_1": "size"}


def test_values_of_optuna_are_read_by_the_names_of_metrics():
    found = roles(["params_x", "values_size", "values_loss"], responses=("loss", "size"))
    assert found.roles[1:] == [Role("responses", "size"), Role("responses", "loss")]
    assert not found.by_position


def test_trials_of_optuna_with_another_number_of_values_have_none_of_them():
    assert roles(["params_x", "values_0", "values_1", "values_2"], responses=("a", "b")).extra == [
        "values_0", "values_1", "values_2",
    ]  # fmt: skip

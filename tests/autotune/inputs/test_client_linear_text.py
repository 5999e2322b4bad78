import pytest

from autotune.inputs.linear_text import parsed_linear

NAMES = ["a", "b", "c", "ethyl acetate", "a/b", "10", "2-propanol", "e5"]


def _one(text: str) -> tuple[dict[str, float], str, float]:
    [found] = parsed_linear(text, NAMES)
    return found["weights"], found["relation"], found["bound"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + 2*b <= 1", ({"a": 1, "b": 2}, "<=", 1)),
        ("a + b + c == 1", ({"a": 1, "b": 1, "c": 1}, "==", 1)),
        ("a+b+c=1", ({"a": 1, "b": 1, "c": 1}, "==", 1)),
        ("a - b >= -0.5", ({"a": 1, "b": -1}, ">=", -0.5)),
        ("-a + 3 >= b", ({"a": -1, "b": -1}, ">=", -3)),
        ("a*2 - b/4 <= 1e2", ({"a": 2, "b": -0.25}, "<=", 100)),
        ("2 a + .5b <= 1", ({"a": 2, "b": 0.5}, "<=", 1)),
        ("2*3*a <= 12/4", ({"a": 6}, "<=", 3)),
        ("a <= 2*b", ({"a": 1, "b": -2}, "<=", 0)),
        ("1 >= a", ({"a": 1}, "<=", 1)),
        ("a - -b <= +1", ({"a": 1, "b": 1}, "<=", 1)),
        ("a + b + 2 <= b + a + a", ({"a": -1}, "<=", -2)),
        ("ethyl acetate + 2-propanol <= 1", ({"ethyl acetate": 1, "2-propanol": 1}, "<=", 1)),
        ("3 ethyl acetate ≤ 1", ({"ethyl acetate": 3}, "<=", 1)),
        ("'a/b' + `10` + \"c\" ≥ 1", ({"a/b": 1, "10": 1, "c": 1}, ">=", 1)),
        ("2e5 <= 10*e5", ({"e5": 10}, ">=", 200000)),
    ],
)
def test_text_is_read_as_a_weighted_sum(text, expected):
    assert _one(text) == expected


def test_text_adds_decimals_as_they_are_written():
    assert _one("0.1*a + 0.2*a <= 0.1 + 0.2") == ({"a": 0.3}, "<=", 0.3)


def test_text_with_two_relations_is_two_constraints():
    low, high = parsed_linear("0.2 <= a - b <= 0.5", NAMES)
    assert (low["weights"], low["relation"], low["bound"]) == ({"a": 1, "b": -1}, ">=", 0.2)
    assert (high["weights"], high["relation"], high["bound"]) == ({"a": 1, "b": -1}, "<=", 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a covariate or a number is missing at the beginning"),
        ("a + b", "has no <=, >= or =="),
        ("a < 1", "< is not understood: use <=, >= or =="),
        ("a + d <= 1", "'d' is not a covariate; the covariates are a, b, c"),
        ("'d e' <= 1", "'d e' is not a covariate"),
        ("a + <= 1", r"a covariate or a number is missing after 'a \+'"),
        ("a <=", "a covariate or a number is missing after 'a <='"),
        ("2*(a + b) <= 1", "brackets are not understood"),
        ("a*b <= 1", "a times b is not linear"),
        ("1/a <= 1", "dividing by a is not linear"),
        ("a/0 <= 1", "divides by 0"),
        ("a/ <= 1", "a number is missing after 'a/'"),
        ("a != 1", "'!' is not understood"),
        ("2 3 a <= 1", "'3' is not expected after '2'"),
        ("a <= a", "no covariate is left"),
        ("1 <= 2", "no covariate is left"),
        ("a <= 1e999", "too large"),
    ],
)
def test_text_that_is_none_is_refused_where_it_goes_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        parsed_linear(text, NAMES)

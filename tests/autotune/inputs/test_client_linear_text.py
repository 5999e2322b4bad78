import math
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autotune.inputs.linear_text import parsed_linear
from autotune.views.linear import QUOTES, linear_text, quoted
from autotune_wire.constraints import LinearConstraint

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
        ("2*e5 + a*-2 <= 1", ({"e5": 2, "a": -2}, "<=", 1)),
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


_TWO = [({"a": 1}, "<=", 1), ({"b": 1}, ">=", 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <= 1\nb >= 2", _TWO),
        ("\n  a <= 1\r\n\r\n  b >= 2\n", _TWO),
        ("a <= 1; b >= 2", _TWO),
        ("a <= 1;\nb >= 2;", _TWO),
        ("a <= 1\n-b >= 2", [({"a": 1}, "<=", 1), ({"b": -1}, ">=", 2)]),
        ("a <= 1 b", [({"a": 1, "b": -1}, "<=", 0)]),
        ("0 <= 2 a + 3 b <= 1", [({"a": 2, "b": 3}, ">=", 0), ({"a": 2, "b": 3}, "<=", 1)]),
        ("a <= 2b <= 4", [({"a": 1, "b": -2}, "<=", 0), ({"b": 2}, "<=", 4)]),
    ],
)
def test_line_break_or_semicolon_ends_a_constraint(text, expected):
    found = parsed_linear(text, NAMES)
    assert [(each["weights"], each["relation"], each["bound"]) for each in found] == expected


def test_semicolon_within_a_name_ends_no_constraint():
    [found] = parsed_linear("a; b <= 1", ["a; b", "c"])
    assert found["weights"] == {"a; b": 1}
    with pytest.raises(ValueError, match='write 1 <= "a; b" <= 2 or 1 <= "a" ; "b" <= 2'):
        parsed_linear("1 <= a; b <= 2", ["a", "b", "a; b"])


@pytest.mark.parametrize("text", ["a <= 1 b <= 2", "0 <= a <= 1 b <= 2", "a >= -1 b >= 2"])
def test_constraints_run_together_on_a_line_are_refused_with_both_ways_to_write_them(text):
    with pytest.raises(ValueError, match=r"^1 b may be a product, .*: write 1\*b, or 1; b$"):
        parsed_linear(text, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((f"a {sign} 1", ({"a": 1}, "<=", 1)) for sign in ("\u2264", "\u2a7d", "\u2266", "=<")),
        *((f"a {sign} 1", ({"a": 1}, ">=", 1)) for sign in ("\u2265", "\u2a7e", "\u2267", "=>")),
        *((f"a {sign} b <= {sign}1", ({"a": 1, "b": -1}, "<=", -1)) for sign in ("-", "\u2212", "\u2013")),
    ],
)
def test_text_may_hold_the_signs_of_print(text, expected):
    assert _one(text) == expected


@pytest.mark.parametrize(
    ("name", "written"), [("d\u00e9bit", "de\u0301bit"), ("de\u0301bit", "d\u00e9bit"), ("\u212b", "\u00c5")]
)
def test_name_is_found_in_whatever_way_its_characters_are_composed(name, written):
    [found] = parsed_linear(f"2*{written} + a <= 1", [name, "a"])
    assert found["weights"] == {name: 2, "a": 1}


def test_names_that_differ_in_their_composition_only_stay_apart():
    [found] = parsed_linear("\u00e9 - 2*e\u0301 <= 1", ["\u00e9", "e\u0301"])
    assert found["weights"] == {"\u00e9": 1, "e\u0301": -2}


def test_number_may_have_more_digits_than_python_reads_as_a_whole_number():
    assert _one(f"0.{'3' * 5000}*a <= 1") == ({"a": 1 / 3}, "<=", 1)


@pytest.mark.parametrize("text", ["a <= 0e999999999", "a + 0.0e-999999999*b <= 0", "a <= 0E+999999999*b"])
def test_zero_with_a_huge_exponent_is_zero(text):
    assert _one(text) == ({"a": 1}, "<=", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a covariate or a number is missing at the beginning"),
        ("a <= 1\nb + c", r"has no <=, >= or == \(in the line 'b \+ c'\)"),
        ("a; b <= 1", "has no <=, >= or == before '; b <= 1'"),
        ("a <= 1;; b <= 1", "a covariate or a number is missing after 'a <= 1;'"),
        (";", "a covariate or a number is missing at the beginning"),
        ("a <= 1, b <= 2", "',' is not understood: write each constraint in a line of its own, or ; between two"),
        ("a <= 1 & b <= 2", "'&' is not understood: write each constraint in a line of its own"),
        ("a <= 1,5", "',' is not understood: write numbers with a decimal point, as in 1.5"),
        ("a <= ,5", "',' is not understood"),
        ("0,5*a <= 1", "write numbers with a decimal point"),
        ("a <= 50%", "'%' is not understood: write the number without it"),
        ("a <= 1e999999999", "1e999999999 is too large for a number"),
        ("a <= 1e-999999999", "1e-999999999 is too small for a number"),
        ("a/0e999999999 <= 1", "divides by 0"),
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


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("E1/2 + E2/4 <= 1", ["E1", "E2"], ({"E1": 0.5, "E2": 0.25}, "<=", 1)),
        ("E1*2 + 4*E2 <= 9", ["E1", "E2"], ({"E1": 2, "E2": 4}, "<=", 9)),
        ("2E1 <= 9", ["E1"], ({"E1": 2}, "<=", 9)),
        ("e <= a", ["e", "a"], ({"e": 1, "a": -1}, "<=", 0)),
        ("a + e + 5 <= 7", ["a", "e"], ({"a": 1, "e": 1}, "<=", 2)),
        ("2e-3*a <= 1", ["a"], ({"a": 0.002}, "<=", 1)),
        ("1e + inf + nan <= 1", ["1e", "inf", "nan"], ({"1e": 1, "inf": 1, "nan": 1}, "<=", 1)),
        ("10 <= 30", ["10"], ({"10": 1}, "<=", 30)),
        ("lambda - not in >= 0", ["lambda", "not in"], ({"lambda": 1, "not in": -1}, ">=", 0)),
        ("2x₁ + été <= 1", ["x₁", "été"], ({"x₁": 2, "été": 1}, "<=", 1)),
        ("x-1 + 2-x <= 3", ["x-1", "2-x"], ({"x-1": 1, "2-x": 1}, "<=", 3)),
        ("5' + 3' <= 1", ["5'", "3'"], ({"5'": 1, "3'": 1}, "<=", 1)),
        ("[Fe] + 2 [Cu] <= 1", ["[Fe]", "[Cu]"], ({"[Fe]": 1, "[Cu]": 2}, "<=", 1)),
        ("a b + 2 b <= 1", ["a", "b", "a b"], ({"a b": 1, "b": 2}, "<=", 1)),
        ("T (K) + a <= 1", ["T (K)", "T", "a"], ({"T (K)": 1, "a": 1}, "<=", 1)),
        ('"a""b" <= 1', ['a"b'], ({'a"b': 1}, "<=", 1)),
    ],
)
def test_text_takes_a_name_wherever_it_stands_as_a_whole(text, names, expected):
    [found] = parsed_linear(text, names)
    assert (found["weights"], found["relation"], found["bound"]) == expected


@pytest.mark.parametrize(
    ("text", "names", "first", "second"),
    [
        ("2e5 <= 10*e5", ["e5"], '2 * "e5" <= 10 * "e5"', '200000 <= 10 * "e5"'),
        ("2E1 + 4E2 <= 9", ["E1", "E2"], '2 * "E1" + 4 * "E2" <= 9', '2 * "E1" + 400 <= 9'),
        ("a - 1e-5 <= 1", ["a", "e", "1e"], '"a" - "1e" - 5 <= 1', '"a" - 1 * "e" - 5 <= 1'),
        ("x-1 <= 3", ["x", "x-1"], '"x-1" <= 3', '"x" - 1 <= 3'),
        ("a + 2 <= 3", ["a", "2"], '"a" + "2" <= 3', '"a" + 02 <= 3'),
        ("a/2 <= 1", ["a", "a/2"], '"a/2" <= 1', '"a" / 2 <= 1'),
        ("'a' <= 1", ["a", "'a'"], "\"'a'\" <= 1", '"a" <= 1'),
    ],
)
def test_text_that_can_be_read_in_two_ways_is_refused_with_both(text, names, first, second):
    with pytest.raises(ValueError) as caught:
        parsed_linear(text, names)
    assert str(caught.value) == f"can be read in two ways: write {first} or {second}"
    assert parsed_linear(first, names) != parsed_linear(second, names)


def test_text_with_an_unknown_name_is_refused_with_the_way_to_quote():
    with pytest.raises(ValueError, match=r"'flour' is not a covariate; .* may stand in quotes, as in \"rye, 2x\""):
        parsed_linear("rye, 2x + flour <= 1", ["rye, 2x", "a"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-400*a <= 1", "1e-400 is too small for a number"),
        ("1e-300*1e-300*a + b <= 1", "the factor of a is too small for a number"),
        ("1e300*1e300*a <= 1", "the factor of a is too large for a number"),
    ],
)
def test_text_whose_numbers_no_double_holds_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parsed_linear(text, NAMES)


def test_text_of_a_hundred_terms_that_are_hard_to_read_is_read_at_once():
    names = [str(number) for number in range(100)]
    text = " + ".join(f"{name}*{quoted(name, names)}" for name in names) + " <= 7.5"
    [found] = parsed_linear(text, names)
    assert found["weights"] == {str(number): number for number in range(1, 100)}
    with pytest.raises(ValueError, match="can be read in two ways"):
        parsed_linear(" + ".join(f"2E{number}" for number in range(100)) + " <= 1", [f"E{n}" for n in range(100)])


_ODD = ["E1", "E2", "e", "E", "1e", "e5", "inf", "nan", "a b", "a", "b", "x-1", "2", "10", "lambda", "in", "é", "x₁"]
_names = st.lists(
    st.sampled_from(_ODD)
    | st.text("abeE12 .+-*/<=()'\"`_é\u0301٣", min_size=1, max_size=5)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
    unique=True,
).filter(lambda names: all(name.strip() for name in names))
_plain_names = st.lists(
    st.sampled_from(["E1", "E2", "e", "E", "e5", "inf", "nan", "lambda", "in", "_", "x₁", "été", "b1a2"]),
    min_size=1,
    max_size=4,
    unique=True,
)
_numbers = st.sampled_from(["1", "2", "0.5", ".25", "1e-3", "2.5E+2", "3."]) | st.integers(1, 999).map(str)


@st.composite
def _terms(draw, names, spell):
    """Draw one side of a constraint: its text, the factors of its covariates, and its constant."""
    parts, factors, constant = [], dict.fromkeys(names, Fraction(0)), Fraction(0)
    for position in range(draw(st.integers(1, 4))):
        sign = draw(st.sampled_from(["+", "-"]))
        number = draw(_numbers)
        form = draw(st.sampled_from(["name", "number", "2*a", "a*2", "a/2", "2a"]))
        name = draw(st.sampled_from(names))
        size = {"name": Fraction(1), "a/2": 1 / Fraction(number)}.get(form, Fraction(number))
        text = {
            "name": spell(draw, name), "number": number, "2*a": f"{number}*{spell(draw, name)}",
            "a*2": f"{spell(draw, name)} * {number}", "a/2": f"{spell(draw, name)}/{number}",
            "2a": f"{number}{draw(st.sampled_from([' ', ' ' if name[0] in '.0123456789' else '']))}{spell(draw, name)}",
        }[form]  # fmt: skip
        signed = size if sign == "+" else -size
        if form == "number":
            constant += signed
        else:
            factors[name] += signed
        parts.append(text if sign == "+" and position == 0 else f"{sign}{draw(st.sampled_from(['', ' ']))}{text}")
    return " ".join(parts), factors, constant


@st.composite
def _written(draw, all_names, spell):
    """Draw a constraint over hostile names: its text, the names, and what it means."""
    names = draw(all_names)
    left, right = draw(_terms(names, spell)), draw(_terms(names, spell))
    relation = draw(st.sampled_from(["<=", ">=", "=="]))
    exact = {name: left[1][name] - right[1][name] for name in names}
    weights = {name: float(weight) for name, weight in exact.items() if weight}
    return f"{left[0]} {relation} {right[0]}", names, (weights, relation, float(right[2] - left[2]))


def _upright(weights, relation, bound):
    """Return a constraint without regard to which of its sides was written first."""
    if relation == ">=":
        return {name: -weight for name, weight in weights.items()}, "<=", -bound + 0.0
    first = next(iter(sorted(weights)), None)
    sign = -1 if relation == "==" and first is not None and weights[first] < 0 else 1
    return {name: sign * weight for name, weight in weights.items()}, relation, sign * bound + 0.0


def _read(text, names):
    [found] = parsed_linear(text, names)
    return _upright(found["weights"], found["relation"], found["bound"])


def _bare_or_quoted(draw, name):
    quote = draw(st.sampled_from(["", *QUOTES]))
    return f"{quote}{name.replace(quote, quote * 2) if quote else name}{quote}"


@settings(max_examples=200, deadline=None)
@given(_written(_names, _bare_or_quoted).filter(lambda written: written[2][0]))
@example(("2e-3*a <= 1", ["a", "e"], ({"a": 0.002}, "<=", 1.0)))
def test_promise_38_text_over_hostile_names_is_read_as_it_was_written_or_refused(written):
    text, names, meant = written
    try:
        found = _read(text, names)
    except ValueError:
        return
    assert found == _upright(*meant)


@settings(max_examples=100, deadline=None)
@given(_written(_plain_names, lambda _draw, name: f" {name} ").filter(lambda written: written[2][0]))
def test_text_over_names_without_operators_is_never_refused(written):
    text, names, meant = written
    # An exponent that stands before a blank or at the end cannot be a name, but "1e-3" can be 1*e - 3.
    if ("e" in names and "e-" in text) or ("E" in names and "E+" in text):
        return
    assert _read(text, names) == _upright(*meant)


_doubles = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(
    _names.filter(lambda names: not all(any(quote in name for name in names) for quote in QUOTES)),
    st.lists(_doubles.filter(bool), min_size=4, max_size=4),
    st.sampled_from(["<=", ">=", "=="]),
    _doubles,
)
@example(["1", "e"], [1.0] * 4, "<=", 1e-5)
@example(["a", "b"], [1 / 3, -2 / 3, 1.0, 1.0], "<=", -1 / 3)
@example(["-5", "a"], [1.0, -1.0, 1.0, 1.0], "==", -5.0)
def test_text_that_is_shown_is_read_as_the_same_constraint(names, weights, relation, bound):
    weights = dict(zip(names, weights, strict=False))
    constraint = LinearConstraint(ctype="linear", weights=weights, relation=relation, bound=bound)
    [found] = parsed_linear(linear_text(constraint, names), names)
    assert (found["weights"], found["relation"]) == (weights, relation)
    assert math.isclose(found["bound"], bound, rel_tol=0, abs_tol=0)

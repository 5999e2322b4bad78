import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune_wire.numerals import Cell, UndecidedError, decimal_sign, number_of, readings_of

NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("7", 7.0, 7.0),
        ("-7", -7.0, -7.0),
        ("\N{MINUS SIGN}7", -7.0, -7.0),
        ("007", 7.0, 7.0),
        ("1.5", 1.5, None),
        ("1,5", None, 1.5),
        ("0,050", None, 0.05),
        ("0.050", 0.05, None),
        (".5", 0.5, None),
        (",5", None, 0.5),
        ("5.", 5.0, None),
        ("1,050", 1050.0, 1.05),
        ("1.050", 1.05, 1050.0),
        ("12,300", 12300.0, 12.3),
        ("1,050.5", 1050.5, None),
        ("1.050,5", None, 1050.5),
        ("1,234,567", 1234567.0, None),
        ("1.234.567,25", None, 1234567.25),
        ("1 050", 1050.0, 1050.0),
        (f"1{NARROW}050,5", None, 1050.5),
        ("1'050'000.5", 1050000.5, None),
        ("1\N{RIGHT SINGLE QUOTATION MARK}050", 1050.0, 1050.0),
        ("1.050e3", 1050.0, None),
        ("1,05E-2", None, 0.0105),
        ("+2e5", 2e5, 2e5),
        ("1e999", float("inf"), float("inf")),
        *[
            (text, None, None)
            for text in (
                "", "-", "+", ".", ",", "e5", "4_5", "0x10", "infinity", "inf", "nan", "1 05", "10 50", "1,0500.5",
                "1,050 000", "1.5.2", "12,34,567", "1'05", "1 050'000", "5 %", "$5", "(5)", "1e", "1e5.5", "true",
                "\uff15", "\u0665",
            )
        ],
    ],
)  # fmt: skip
def test_number_is_read_with_either_sign_or_not_at_all(text, point, comma):
    assert (number_of(text, "."), number_of(text, ",")) == (point, comma)


def test_text_of_two_numbers_has_two_readings():
    assert [readings_of(text) for text in ("1,050", "1,5", "7", "x")] == [{1.05, 1050.0}, {1.5}, {7.0}, set()]


def sign(*texts, usual=None):
    return decimal_sign([Cell(f"line {n}", "x", text) for n, text in enumerate(texts, 2)], usual, "say which")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,050", "5.5"], "."),
        (["1,050", "5,5"], ","),
        (["1.050", "0.25"], "."),
        (["1.050", "1,234.5"], "."),
        (["1.050", "1.234,5"], ","),
        (["7", "1 050"], "."),
        (["high", "1,5"], ","),
        ([], "."),
    ],
)
def test_one_number_decides_the_sign_of_all(texts, expected):
    assert sign(*texts) == expected


def test_numbers_with_both_signs_are_refused_by_their_cells():
    with pytest.raises(UndecidedError) as caught:
        sign("7", "1.5", "1,5")
    [(cell, message)] = caught.value.problems
    assert cell.place == "line 4"
    assert message.startswith("has a decimal comma, but line 3.x (1.5) has a decimal point")


def test_numbers_that_may_have_either_sign_are_all_refused():
    with pytest.raises(UndecidedError) as caught:
        sign("7", "1,050", "12,300")
    assert [(cell.place, message) for cell, message in caught.value.problems] == [
        ("line 3", "may be 1.05 or 1050: say which"),
        ("line 4", "may be 12.3 or 12300: say which"),
    ]


def test_usual_sign_decides_unless_a_number_has_the_other():
    assert sign("1.125", "2.250", usual=".") == "."
    with pytest.raises(UndecidedError):
        sign("1.125", "1,125", usual=".")


thousands = st.sampled_from([("", "."), (",", "."), (" ", "."), ("'", "."), ("", ","), (".", ","), (NARROW, ",")])
tables = st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 4)), min_size=1, max_size=6)


@given(thousands, tables)
def test_table_is_read_as_it_was_written_or_refused(convention, table):
    mark, decimal = convention
    numbers = [whole / 10**places for whole, places in table]
    texts = []
    for number, (_, places) in zip(numbers, table, strict=True):
        written = f"{number:,.{places}f}"
        texts.append(written.replace(",", "\0").replace(".", decimal).replace("\0", mark))
    try:
        found = sign(*texts)
    except UndecidedError:
        # Without these there is nothing to mistake.
        assert any("," in text or "." in text for text in texts)
        return
    assert [number_of(text, found) for text in texts] == numbers

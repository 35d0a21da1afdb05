import ast
import math
import operator
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.expressions import (
    COMPARATORS,
    FUNCTIONS,
    ExpressionError,
    evaluate,
    judge,
    parse,
    parse_condition,
)

NAN = math.nan
MISSING_OR_NUMBER = st.one_of(st.just(NAN), st.floats(allow_nan=False, allow_infinity=False))


def value_of(text, **values):
    columns = {name: np.array([value], dtype=np.float64) for name, value in values.items()}
    return float(np.broadcast_to(evaluate(parse(text), columns), 1)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", 14.0),
        ("(a + b) * c", 20.0),
        ("a - b - c", -5.0),
        ("a / b / c", 2 / 3 / 4),
        ("-a", -2.0),
        ("- (a - b)", 1.0),
        ("2.5e1 * a", 50.0),
        ("min(a, b, c)", 2.0),
        ("max(a, b, c)", 4.0),
        ("abs(a - c)", 2.0),
        ("coalesce(a, b)", 2.0),
        ("months_between(c, a) * 30.4375", 2.0),
        ('"a" * 2', 4.0),
    ],
)
def test_values_computed_by_hand(text, expected):
    assert value_of(text, a=2, b=3, c=4) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + x", NAN),
        ("x * 0", NAN),
        ("a / 0", NAN),
        ("0 / 0", NAN),
        ("a * 1e308 * 1e308", NAN),
        ("min(a, x)", 2.0),
        ("max(x, a)", 2.0),
        ("min(x, x)", NAN),
        ("abs(x)", NAN),
        ("coalesce(x, a)", 2.0),
        ("coalesce(x, x)", NAN),
        ("coalesce(a / 0, 7)", 7.0),
        ("min(a / 0, 7)", 7.0),
        ("months_between(a, x)", NAN),
    ],
)
def test_missing_zero_and_overflow_are_decided(text, expected):
    assert value_of(text, a=2, x=NAN) == pytest.approx(expected, nan_ok=True)


def test_a_year_has_twelve_months_to_a_thousandth():
    days = {"new": 365.25 * 10, "old": 0.0}
    assert value_of("months_between(new, old)", **days) == pytest.approx(120, abs=1e-9)


def test_names_that_are_no_identifiers_are_quoted():
    parsed = parse("'bureau score' / max(\"class\", 1)")
    assert parsed.names == {"bureau score", "class"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a +",
        "a; b",
        "a = 1",
        "lambda: 0",
        "a if b else c",
        "a < b",
        "a and b",
        "a ** 2",
        "a // 2",
        "a % 2",
        "a @ b",
        "+a",
        "~a",
        "not a",
        "a.b",
        "a[0]",
        "[a]",
        "(a, b)",
        "{a: b}",
        "f'{a}'",
        "b'a'",
        "1j",
        "True",
        "None",
        "...",
        "1e999",
        "1" * 400,
        "1or 2",
        "'\\d'()",
        "sum(a, b)",
        "min(a)",
        "min()",
        "abs(a, b)",
        "min(a, b, key=c)",
        "min(*a)",
        "__import__('os').system('true')",
        "open('x')",
        "().__class__",
        "a\x00b",
        "\ud800",
        "(" * 300 + "a" + ")" * 300,
        "-" * 5000 + "a",
        "+".join(["a"] * 5000),
        "min(" * 90 + "a",
        "9" * 10000,
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_a_refusal_says_what_there_is():
    with pytest.raises(ExpressionError, match=r"'a \*\* 2' is not allowed; use .*coalesce"):
        parse("a ** 2")
    with pytest.raises(ExpressionError, match=r"unknown function 'sum'; there are min, max, abs"):
        parse("sum(a, b)")
    with pytest.raises(ExpressionError, match=r"abs takes 1 arguments, got 2"):
        parse("abs(a, b)")


@settings(deadline=None)
@given(st.text(alphabet=string.printable + "äß日\u2028\x00", max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text):
    try:
        parsed = parse(text)
    except ExpressionError:
        return
    evaluate(parsed, {name: np.array([1.0]) for name in parsed.names})


class Trap(dict):
    """A namespace in which any use of Python's own names would show."""

    def __missing__(self, name):
        raise AssertionError(f"{name} was looked up")


@settings(deadline=None)
@given(st.text(alphabet="abminx(),+-*/'\" 1.0", max_size=40))
def test_only_functions_of_the_language_and_named_columns_are_used(text):
    try:
        parsed = parse(text)
    except ExpressionError:
        return
    tree = ast.parse(text.strip(), mode="eval")
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert {function.id for function in called} <= set(FUNCTIONS)
    evaluate(parsed, Trap({name: np.array([1.0]) for name in parsed.names}))


@settings(deadline=None)
@given(st.lists(MISSING_OR_NUMBER, min_size=2, max_size=5))
def test_min_max_and_coalesce_agree_with_python_over_what_is_present(values):
    names = {f"v{i}": value for i, value in enumerate(values)}
    present = [value for value in values if not math.isnan(value)]
    arguments = ", ".join(names)

    for text, of in [("min", min), ("max", max), ("coalesce", lambda v: v[0])]:
        expected = of(present) if present else NAN
        assert value_of(f"{text}({arguments})", **names) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(
    st.sampled_from(["+", "-", "*", "/"]),
    st.lists(st.tuples(MISSING_OR_NUMBER, MISSING_OR_NUMBER), min_size=1, max_size=20),
)
def test_arithmetic_is_ieee_or_missing_and_each_row_stands_alone(operator, pairs):
    left, right = np.array(pairs).T
    parsed = parse(f"a {operator} b")

    together = evaluate(parsed, {"a": left, "b": right})
    alone = [
        evaluate(parsed, {"a": left[i : i + 1], "b": right[i : i + 1]})[0]
        for i in range(len(pairs))
    ]

    assert not np.isinf(together).any()
    np.testing.assert_array_equal(together, alone)
    missing = np.isnan(left) | np.isnan(right)
    assert np.isnan(together[missing]).all()


def truth_of(text, **values):
    columns = {name: np.array([value], dtype=np.float64) for name, value in values.items()}
    return float(np.broadcast_to(judge(parse_condition(text), columns), 1)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", 1.0),
        ("b < a", 0.0),
        ("a < a", 0.0),
        ("a <= a", 1.0),
        ("b > a", 1.0),
        ("a >= b", 0.0),
        ("a == 2", 1.0),
        ("a != 2", 0.0),
        ("a * 2 > b and b * 2 > c", 1.0),
        ("a > b or b > c", 0.0),
        ("not a > b", 1.0),
        ("not (a < b and b < c)", 0.0),
        ("a < b < c", 1.0),
        ("a < c < b", 0.0),
        ("a < b > a", 1.0),
        ("a > b or b > c or c > b", 1.0),
        ("a > b and b < c or c == 4", 1.0),
        ('"a" == 2', 1.0),
        ("max(a, b) == 3", 1.0),
    ],
)
def test_conditions_judged_by_hand(text, expected):
    assert truth_of(text, a=2, b=3, c=4) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x < 1", NAN),
        ("x != x", NAN),
        ("not x < 1", NAN),
        ("x < 1 and a == 2", NAN),
        ("x < 1 and a == 3", 0.0),
        ("a == 3 and x < 1", 0.0),
        ("x < 1 or a == 2", 1.0),
        ("a == 2 or x < 1", 1.0),
        ("x < 1 or a == 3", NAN),
        ("a / 0 > 1", NAN),
        ("coalesce(x, 0) < 1", 1.0),
        ("1 < x < 2", NAN),
        ("5 < a < x", 0.0),
        ("not (x < 1 and a == 3)", 1.0),
    ],
)
def test_a_missing_operand_leaves_open_what_nothing_else_settles(text, expected):
    assert truth_of(text, a=2, x=NAN) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1",
        "a + 1",
        "True",
        "not a",
        "a and b",
        "a < 1 and b",
        "a = 1",
        "a is b",
        "a in b",
        "a not in b",
        "a < None",
        "a == 'x' + b.c",
        "(a < b) + 1",
        "(a < b) < c",
        "a < (b := 1)",
        "a < b if c else d",
        "[a < b]",
        "~(a < b)",
        "min(a < b, c)",
        "all(a)",
        "__import__('os').system('true') == 0",
        "not " * 5000 + "a < b",
        "not " * 60 + "a < b",
        "(" * 300 + "a < b" + ")" * 300,
        "a < " + "+".join(["a"] * 5000),
        "a\x00 < b",
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_anything_but_a_condition_is_refused_in_one_line(text):
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text)
    assert "\n" not in str(caught.value)


def test_a_refused_condition_says_what_there_is():
    with pytest.raises(ExpressionError, match=r"'a' is not a condition; .* < <= > >= == !=, and"):
        parse_condition("a")
    with pytest.raises(ExpressionError, match=r"'a \*\* 2' is not allowed; use numbers"):
        parse_condition("a ** 2 > 1")
    with pytest.raises(ExpressionError, match=r"nested more than 50 deep"):
        parse_condition("not " * 60 + "a < b")


def test_many_alternatives_side_by_side_are_not_deep():
    condition = parse_condition(" or ".join(f"a == {number}" for number in range(2000)))
    assert judge(condition, {"a": np.array([1999.0, 2000.0, NAN])}).tolist()[:2] == [1.0, 0.0]


def test_a_condition_knows_the_columns_it_reads():
    assert parse_condition("not a < 1 or min(b, 'c d') > e > 0").names == {"a", "b", "c d", "e"}


def kleene(word, answers):
    """Three-valued logic with None for neither."""
    settles = word == "or"
    if settles in answers:
        return settles
    return None if None in answers else not settles


TRUTHS = st.sampled_from([True, False, None])


@settings(deadline=None)
@given(st.sampled_from(["and", "or"]), st.lists(TRUTHS, min_size=2, max_size=5), st.booleans())
def test_and_or_not_are_kleenes(word, answers, negated):
    values = {f"v{i}": {True: 1.0, False: 0.0, None: NAN}[a] for i, a in enumerate(answers)}
    text = f" {word} ".join(f"{name} == 1" for name in values)
    expected = kleene(word, answers)
    if negated:
        text, expected = f"not ({text})", None if expected is None else not expected

    assert truth_of(text, **values) == pytest.approx(
        NAN if expected is None else float(expected), nan_ok=True
    )


@settings(deadline=None)
@given(
    st.sampled_from(sorted(COMPARATORS)),
    st.lists(st.tuples(MISSING_OR_NUMBER, MISSING_OR_NUMBER), min_size=1, max_size=20),
)
def test_comparisons_agree_with_python_and_each_row_stands_alone(comparator, pairs):
    left, right = np.array(pairs).T
    condition = parse_condition(f"a {comparator} b")
    python = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }[comparator]

    together = judge(condition, {"a": left, "b": right})

    assert together.tolist() == pytest.approx(
        [NAN if math.isnan(a) or math.isnan(b) else float(python(a, b)) for a, b in pairs],
        nan_ok=True,
    )
    for row in range(len(pairs)):
        one = slice(row, row + 1)
        alone = judge(condition, {"a": left[one], "b": right[one]})
        np.testing.assert_array_equal(alone, together[one])


@settings(deadline=None)
@given(st.text(alphabet=" abnotdr<>=!()+-*/,'1.0", max_size=40))
def test_any_text_is_a_condition_or_an_expression_error(text):
    try:
        parsed = parse_condition(text)
    except ExpressionError:
        return
    judge(parsed, Trap({name: np.array([1.0]) for name in parsed.names}))

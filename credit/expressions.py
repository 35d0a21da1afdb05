"""The language of derived columns and hard rules: arithmetic, comparisons, and nothing else.

An expression such as ``BILL_AMT1 / LIMIT_BAL`` is parsed with Python's own grammar, but only
numbers, names (quoted where they are no identifiers), ``+ - * /``, unary minus and the functions
of ``FUNCTIONS`` pass; nothing is ever evaluated as Python. The tree is computed in float64 here
and by the same operations in the package's ONNX graph, so training and serving agree to the last
bit.

Decided answers: a missing operand gives a missing result, division by zero and overflow give
missing, and ``min`` and ``max`` skip missing arguments (all missing gives missing). A special
code of a column counts as missing. ``coalesce`` takes the first value that is not missing.

A condition such as ``BILL_AMT1 > 1.2 * LIMIT_BAL and not PAY_0 < 2`` compares expressions. It is
true, false or, where an operand is missing, neither; what is neither leaves ``or`` true when
another part is true and ``and`` false when another part is false (Kleene's three-valued logic).
"""

import ast
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Operator: TypeAlias = Literal["+", "-", "*", "/"]
FunctionName: TypeAlias = Literal["min", "max", "abs", "coalesce", "months_between"]
Comparator: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]
Joint: TypeAlias = Literal["and", "or"]

DAYS_PER_MONTH = 30.4375
DEEPEST = 50

# Name -> fewest and most arguments.
FUNCTIONS: dict[FunctionName, tuple[int, int]] = {
    "min": (2, 64),
    "max": (2, 64),
    "abs": (1, 1),
    "coalesce": (2, 64),
    "months_between": (2, 2),
}

COMPARATORS: dict[Comparator, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}

_OPERATORS: dict[type[ast.operator], Operator] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_COMPARATORS: dict[type[ast.cmpop], Comparator] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class ExpressionError(ValueError):
    """An expression uses something that the language does not have."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float

    @property
    def names(self) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True)
class Name:
    """The value of a column."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name})


@dataclass(frozen=True)
class Arithmetic:
    """Two operands joined by an operator."""

    operator: Operator
    left: "Expression"
    right: "Expression"

    @property
    def names(self) -> frozenset[str]:
        return self.left.names | self.right.names


@dataclass(frozen=True)
class Call:
    """A function of the language applied to its arguments."""

    function: FunctionName
    arguments: tuple["Expression", ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(argument.names for argument in self.arguments))


Expression: TypeAlias = Number | Name | Arithmetic | Call


@dataclass(frozen=True)
class Comparison:
    """Two expressions compared."""

    comparator: Comparator
    left: Expression
    right: Expression

    @property
    def names(self) -> frozenset[str]:
        return self.left.names | self.right.names


@dataclass(frozen=True)
class Not:
    """What holds where its operand does not."""

    operand: "Condition"

    @property
    def names(self) -> frozenset[str]:
        return self.operand.names


@dataclass(frozen=True)
class Junction:
    """What holds where all its operands do (and), or any of them (or)."""

    joint: Joint
    operands: tuple["Condition", ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(operand.names for operand in self.operands))


Condition: TypeAlias = Comparison | Not | Junction


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: the text is no expression, or uses what the language does not have.

    >>> sorted(parse("max(delay_1, delay_2) / 2").names)
    ['delay_1', 'delay_2']
    >>> parse("income ** 2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    credit.expressions.ExpressionError: 'income ** 2' is not allowed; use numbers, column names, ...
    """
    return _convert(_read(text, "an expression"), DEEPEST)


def parse_condition(text: str) -> Condition:
    """Read a condition: comparisons of expressions, joined with and, or, not.

    Raises:
        ExpressionError: the text is no condition, or uses what the language does not have.

    >>> sorted(parse_condition("0 < income < 500 or not amount / income <= 10").names)
    ['amount', 'income']
    >>> parse_condition("income")
    Traceback (most recent call last):
        ...
    credit.expressions.ExpressionError: 'income' is not a condition; compare two values with ...
    """
    return _convert_condition(_read(text, "a condition"), DEEPEST)


def _read(text: str, kind: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own advice on the text, such as "1or 2"
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(
            f"cannot read {text!r} as {kind}; a column name that is no plain word stands in quotes"
        ) from None


def _convert_condition(node: ast.expr, room: int) -> Condition:
    _refuse_too_deep(room)
    match node:
        case ast.Compare(left=left, ops=operators, comparators=rest) if all(
            type(operator) in _COMPARATORS for operator in operators
        ):
            sides = [_convert(side, room - 1) for side in (left, *rest)]
            return _chain([_COMPARATORS[type(operator)] for operator in operators], sides)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_convert_condition(operand, room - 1))
        case ast.BoolOp(op=operator, values=operands):
            return Junction(
                "and" if isinstance(operator, ast.And) else "or",
                tuple(_convert_condition(operand, room - 1) for operand in operands),
            )
    raise ExpressionError(
        f"{_source(node)!r} is not a condition; compare two values with "
        + " ".join(COMPARATORS)
        + ", and join comparisons with and, or, not"
    )


def _chain(comparators: list[Comparator], sides: list[Expression]) -> Condition:
    """`a < b < c` is `a < b and b < c`."""
    links = tuple(map(Comparison, comparators, sides, sides[1:]))
    return links[0] if len(links) == 1 else Junction("and", links)


def _refuse_too_deep(room: int) -> None:
    if room == 0:
        raise ExpressionError(
            f"nested more than {DEEPEST} deep; make a derived column of a part of it"
        )


def _convert(node: ast.expr, room: int) -> Expression:
    _refuse_too_deep(room)
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _convert_number(value)
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return Name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Arithmetic("-", Number(0.0), _convert(operand, room - 1))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return Arithmetic(
                _OPERATORS[type(operator)], _convert(left, room - 1), _convert(right, room - 1)
            )
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _convert_call(name, arguments, room)
    raise ExpressionError(
        f"{_source(node)!r} is not allowed; use numbers, column names, + - * / and "
        + ", ".join(FUNCTIONS)
    )


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__


def _convert_number(value: float) -> Number:
    if not abs(value) <= sys.float_info.max:
        raise ExpressionError("a constant is too large for a number of 64 bits")
    return Number(float(value))


def _convert_call(name: str, arguments: list[ast.expr], room: int) -> Call:
    known = next((function for function in FUNCTIONS if function == name), None)
    if known is None:
        raise ExpressionError(f"unknown function {name!r}; there are {', '.join(FUNCTIONS)}")
    fewest, most = FUNCTIONS[known]
    if not fewest <= len(arguments) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise ExpressionError(f"{name} takes {wanted} arguments, got {len(arguments)}")
    return Call(known, tuple(_convert(argument, room - 1) for argument in arguments))


def evaluate(expression: Expression, values: Mapping[str, FloatArray]) -> FloatArray:
    """Compute an expression over columns of float64, NaN meaning missing.

    >>> evaluate(parse("a / b"), {"a": np.array([1.0, 1.0]), "b": np.array([4.0, 0.0])})
    array([0.25,  nan])
    """
    with np.errstate(all="ignore"):
        return np.asarray(_compute(expression, values), dtype=np.float64)


def _compute(expression: Expression, values: Mapping[str, FloatArray]) -> FloatArray:
    match expression:
        case Number(value):
            return np.float64(value)  # type: ignore[return-value]
        case Name(name):
            return values[name]
        case Arithmetic(operator, left, right):
            return _finite(_arithmetic(operator, _compute(left, values), _compute(right, values)))
        case Call(function, arguments):
            return _finite(_call(function, [_compute(argument, values) for argument in arguments]))


def _arithmetic(operator: Operator, left: FloatArray, right: FloatArray) -> FloatArray:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right


def _call(function: FunctionName, arguments: list[FloatArray]) -> FloatArray:
    match function:
        case "min":
            return reduce(np.fmin, arguments)
        case "max":
            return reduce(np.fmax, arguments)
        case "abs":
            return np.abs(arguments[0])
        case "coalesce":
            return reduce(lambda first, then: np.where(np.isnan(first), then, first), arguments)
        case "months_between":
            return (arguments[0] - arguments[1]) / DAYS_PER_MONTH


def judge(condition: Condition, values: Mapping[str, FloatArray]) -> FloatArray:
    """Whether a condition holds over columns of float64: 1.0, 0.0, or NaN where it is neither.

    >>> income = {"income": np.array([100.0, 900.0, np.nan])}
    >>> judge(parse_condition("income < 500"), income)
    array([ 1.,  0., nan])
    >>> judge(parse_condition("income < 500 or 1 < 2"), income)
    array([1., 1., 1.])
    """
    with np.errstate(all="ignore"):
        return np.asarray(_judge(condition, values), dtype=np.float64)


def _judge(condition: Condition, values: Mapping[str, FloatArray]) -> FloatArray:
    match condition:
        case Comparison(comparator, left, right):
            return _compare(comparator, _compute(left, values), _compute(right, values))
        case Not(operand):
            return 1.0 - _judge(operand, values)
        case Junction(joint, operands):
            parts = [_judge(operand, values) for operand in operands]
            if joint == "and":
                return reduce(_both, parts)
            return 1.0 - reduce(_both, [1.0 - part for part in parts])


def _both(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.where((left == 0) | (right == 0), 0.0, left * right)


def _compare(comparator: Comparator, left: FloatArray, right: FloatArray) -> FloatArray:
    missing = np.isnan(left) | np.isnan(right)
    return np.where(missing, np.nan, COMPARATORS[comparator](left, right))


def _finite(result: FloatArray) -> FloatArray:
    return np.where(np.isfinite(result), result, np.nan)

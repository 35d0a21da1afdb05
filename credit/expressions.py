"""The expression language of derived columns: arithmetic on numbers, and nothing else.

An expression such as ``BILL_AMT1 / LIMIT_BAL`` is parsed with Python's own grammar, but only
numbers, names (quoted where they are no identifiers), ``+ - * /``, unary minus and the functions
of ``FUNCTIONS`` pass; nothing is ever evaluated as Python. The tree is computed in float64 here
and by the same operations in the package's ONNX graph, so training and serving agree to the last
bit.

Decided answers: a missing operand gives a missing result, division by zero and overflow give
missing, and ``min`` and ``max`` skip missing arguments (all missing gives missing). A special
code of a column counts as missing. ``coalesce`` takes the first value that is not missing.
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

_OPERATORS: dict[type[ast.operator], Operator] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own advice on the text, such as "1or 2"
            body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"cannot read {text!r} as an expression") from None
    return _convert(body, DEEPEST)


def _convert(node: ast.expr, room: int) -> Expression:
    if room == 0:
        raise ExpressionError(
            f"nested more than {DEEPEST} deep; make a derived column of a part of it"
        )
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


def _finite(result: FloatArray) -> FloatArray:
    return np.where(np.isfinite(result), result, np.nan)

"""Arrays in values that are kept as JSON: every number is read exactly as it was written."""

from math import isfinite
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from credit.expressions import FloatArray

_NUMBERS = TypeAdapter(list[float])


def _number(value: float) -> float | str:
    return value if isfinite(value) else str(value)  # JSON has no infinite numbers


def _numbers(array: FloatArray) -> list[float | str]:
    return [_number(value) for value in array.tolist()]


def _array(content: object) -> FloatArray:
    return np.array(_NUMBERS.validate_python(content), dtype=np.float64)


StoredArray: TypeAlias = Annotated[FloatArray, PlainValidator(_array), PlainSerializer(_numbers)]
StoredNumber: TypeAlias = Annotated[float, PlainSerializer(_number)]
StoredTexts: TypeAlias = Annotated[frozenset[str], PlainSerializer(sorted)]

"""How the value of a feature reads in a table or on an axis."""

import math

from credit.features import FIRST_LEVEL_CODE, MISSING_CODE, OTHER_CODE, FeatureMap

MISSING_TEXT = "missing"
OTHER_TEXT = "any other"
_PLAIN_BELOW = 1e15


def number_text(number: float) -> str:
    """A number in few signs: four digits, with thousands set apart.

    >>> [number_text(number) for number in (0.5, 12.25, 1234.5, 2_000_000, 1e-9, 1e300, -0.0)]
    ['0.5', '12.25', '1,234', '2,000,000', '1e-09', '1e+300', '0']
    """
    if 1000 <= abs(number) < _PLAIN_BELOW:
        return f"{number:,.0f}"
    return f"{number + 0.0:.4g}"


def level_name(feature_map: FeatureMap, category: int, code: int) -> str:
    """What the code of a category feature stands for; `category` is its column in `codes`."""
    if code == MISSING_CODE:
        return MISSING_TEXT
    if code == OTHER_CODE:
        return OTHER_TEXT
    schema = feature_map.schema
    level = feature_map.vocabulary.levels[category][code - FIRST_LEVEL_CODE]
    levels = schema.columns[schema.category_features[category]].levels or {}
    return levels.get(level) or level


def special_name(feature_map: FeatureMap, name: str, value: float) -> str | None:
    """The meaning of a missing value or a special code; None for an ordinary number."""
    if math.isnan(value):
        return MISSING_TEXT
    column = feature_map.schema.columns.get(name)
    if column is None or value not in column.special:
        return None
    return column.special[value] or f"code {number_text(value)}"


def value_text(feature_map: FeatureMap, feature: int, value: float) -> str:
    """A value with its unit, or its meaning; `feature` counts numbers first, then categories."""
    schema = feature_map.schema
    if feature >= len(schema.number_features):
        return level_name(feature_map, feature - len(schema.number_features), int(value))
    name = schema.number_features[feature]
    meaning = special_name(feature_map, name, value)
    if meaning is not None:
        return meaning
    unit = schema.feature(name).unit
    return number_text(value) + (f" {unit}" if unit else "")

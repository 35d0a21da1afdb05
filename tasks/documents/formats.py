"""How numbers read in every document: the one place that turns a value into text.

Values keep three or four significant digits. Two bounds of an interval have as many decimals as
the estimate between them. What was not computed, or is not a number, is an em dash with the
reason beside it, so that a gap is never taken for a zero.
"""

import math
import re
from collections.abc import Callable
from datetime import date
from typing import TypeGuard

from markupsafe import Markup

from credit.intervals import Interval

MINUS = "−"
DASH = "—"
NEGATIVE = re.compile(r"(?<!\w)-(?=\d)")
UNDEFINED = "not defined on these rows"
MANY_DIGITS = 4
FEW_DIGITS = 3
SCALES = ((1e9, " billion"), (1e6, " million"))
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Format = Callable[..., str]


def absent(reason: str = UNDEFINED) -> Markup:
    """An em dash and why there is no value.

    >>> str(absent("fewer than 100 rows"))
    '<span class="absent">— <small>(fewer than 100 rows)</small></span>'
    """
    return Markup('<span class="absent">{} <small>({})</small></span>').format(DASH, reason)


def number(value: float | None, reason: str = UNDEFINED, like: float | None = None) -> str:
    """A plain number with three significant digits, or as many decimals as `like` would have.

    >>> number(0.77812), number(1.0), number(30123.4), number(-0.00012), number(1.2e-7)
    ('0.778', '1.00', '30,123', '−0.000120', '1.2 × 10⁻⁷')
    """
    if not _is_there(value):
        return absent(reason)
    if like is None and 0 < abs(value) < 1e-4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{_minus(mantissa)} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return _fixed(value, _decimals(value if like is None else like, FEW_DIGITS, 6))


def percent(value: float | None, reason: str = UNDEFINED, like: float | None = None) -> str:
    """A share from 0 to 1 as a percentage with three significant digits, at most two decimals.

    >>> percent(0.2212), percent(0.0453), percent(1), percent(0), percent(0.00002)
    ('22.1%', '4.53%', '100%', '0%', '<0.01%')
    """
    if not _is_there(value):
        return absent(reason)
    if like is None and 0 < abs(value) < 5e-5:
        return "<0.01%" if value > 0 else f">{MINUS}0.01%"
    if like is None and value in (0, 1):
        return f"{value:.0%}"
    return _fixed(100 * value, _decimals(100 * (value if like is None else like), 3, 2)) + "%"


def count(value: int | None, reason: str = UNDEFINED) -> str:
    """A number of things.

    >>> count(30000), count(0)
    ('30,000', '0')
    """
    return _fixed(value, 0) if _is_there(value) else absent(reason)


def money(
    value: float | None, unit: str = "", reason: str = UNDEFINED, like: float | None = None
) -> str:
    """An amount with four significant digits and its currency.

    >>> money(1234567.8, "NT dollars"), money(-987.654), money(45678, "EUR")
    ('1.235 million NT dollars', '−987.7', '45,678 EUR')
    """
    if not _is_there(value):
        return absent(reason)
    size = value if like is None else like
    scale, word = next((pair for pair in SCALES if abs(size) >= pair[0]), (1.0, ""))
    text = _fixed(value / scale, _decimals(size / scale, MANY_DIGITS, 2 if scale == 1 else 3))
    return f"{text}{word}{unit and ' ' + unit}"


def signed(form: Format) -> Format:
    """A format that writes a plus before a rise.

    >>> signed(number)(0.0123), signed(number)(-0.0123), signed(number)(0)
    ('+0.0123', '−0.0123', '0')
    """

    def write(value: float | None, *arguments: object, **options: object) -> str:
        text = form(value, *arguments, **options)
        return f"+{text}" if _is_there(value) and value > 0 else text

    return write


def interval(estimate: Interval | None, form: Format = number, reason: str = UNDEFINED) -> str:
    """An estimate and its 95% interval.

    >>> str(interval(Interval(0.7781, 0.7656, 0.7902)))
    '0.778 <span class="interval">0.766 to 0.790</span>'
    """
    if estimate is None or not _is_there(estimate.value):
        return absent(reason)
    low, high = (form(bound, like=estimate.value) for bound in (estimate.low, estimate.high))
    return Markup('{} <span class="interval">{} to {}</span>').format(
        form(estimate.value), low, high
    )


def chance(p: float | None, reason: str = UNDEFINED) -> str:
    """A p-value.

    >>> chance(0.0421), chance(1e-9)
    ('0.042', '<0.001')
    """
    if not _is_there(p):
        return absent(reason)
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def day(value: date) -> str:
    """A date that no country reads in another way.

    >>> day(date(2027, 3, 1))
    '2027-03-01'
    """
    return value.isoformat()


def plain(value: object) -> str:
    """A parameter or an applicant's value: a number as short as it can be, a text as it is.

    >>> plain(0.060000000000000005), plain(200), plain("own"), plain(12345.6)
    ('0.06', '200', 'own', '12,346')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return absent("missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return _fixed(value, 0) if abs(value) >= 1000 else _minus(f"{value:.4g}")


def rate(value: float) -> str:
    """A share that somebody set, as short as it can be.

    >>> rate(0.45), rate(0.125)
    ('45%', '12.5%')
    """
    return plain(100 * value) + "%"


def words(name: str) -> str:
    """A name from code for people.

    >>> words("less_than_30")
    'less than 30'
    """
    return name.replace("_", " ")


def sentence(text: str, end: str = ".") -> str:
    """A phrase with a capital and a full stop.

    >>> sentence("above -0.01"), sentence("cross-check", "")
    ('Above −0.01.', 'Cross-check')
    """
    text = NEGATIVE.sub(MINUS, text)
    return text[:1].upper() + text[1:] + (end if not text.endswith((".", "?", "!")) else "")


def _is_there(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _decimals(like: float, digits: int, most: int) -> int:
    if not _is_there(like) or like == 0:
        return 0
    return min(most, max(0, digits - 1 - math.floor(math.log10(abs(like)))))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", MINUS)

"""A first spec for a data set that nobody has described yet, for a person to correct.

It guesses only what the data can tell, says in a comment what it saw, and leaves out what a
person must decide.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import yaml

from credit.expressions import FloatArray
from credit.names import plain_name, protected_attribute, sounds_like_outcome
from credit.spec import ColumnType
from credit.validation import category_text, convert

CHOOSE_TARGET = "CHOOSE_THE_TARGET_COLUMN"
MOST_LEVELS = 50
FEW_NUMBERS = 12
MOST_CANDIDATES = 8
FIRST_VALUES = 1000

_ID_NAME = re.compile(r"(?:^|_)(?:id|key|nr|no|number|uuid)$")
_TARGET_NAME = re.compile(
    r"(?:^|_)(?:target|bad|label|class|y|outcome|default(?:ed)?|delinquent|churn|good_bad"
    r"|charged?_?off|loan_status|serious_dlqin_?2yrs)(?:_|$)"
)
_BAD_WORDS = ("true", "yes", "y", "bad", "default", "defaulted", "charged off", "charged_off")
_OTHER_DATE = r"^(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}/\d{1,2}/\d{1,2}|[A-Za-z]{3}-\d{2,4})$"
_NEGATIVE_CODES = (-1.0, -2.0, -3.0, -7.0, -8.0, -9.0, -99.0, -999.0, -9999.0, -99999.0)
_POSITIVE_CODES = (999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 99999999.0)


@dataclass(frozen=True)
class Guess:
    """What a column seems to be.

    typed: its values, as validation would type them.
    lines: further lines of its YAML; notes: comments for the person who corrects it.
    """

    name: str
    type: ColumnType
    typed: pd.Series
    role: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def distinct(self) -> int:
        """Number of distinct values, missing ones not counted."""
        return int(self.typed.nunique())


def draft(frame: pd.DataFrame, name: str, path: str) -> str:
    """A commented spec in YAML for rows as read from `path`.

    It loads as it is, unless no column can be an input; where no column looks like a target, a
    placeholder stands for its name.
    """
    guesses = [_guess(frame[column], str(column)) for column in frame.columns]
    target = _target(guesses)
    identity = _identity(guesses, target)
    body = [g for g in guesses if g is not target and g is not identity]
    return "\n".join(
        [
            *_head(name, path, len(frame)),
            *(
                [f"id: {_scalar(identity.name)}"]
                if identity
                else ["# id: the column that is unique"]
            ),
            *_time(body),
            "# exposure: the amount at risk, if a column holds it",
            "",
            *_bad(target, guesses),
            "",
            "columns:",
            *(line for guess in body for line in _column(guess)),
            "",
            *_FOOT,
        ]
    )


def _head(name: str, path: str, rows: int) -> list[str]:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"data-{slug}".strip("-")
    return [
        f"# Drafted from {rows:,} rows. Read every line: the draft knows the values, not their",
        "# meaning. A model may read the columns of role input, and never the protected ones.",
        "",
        f"name: {slug}",
        "version: 1",
        'description: ""',
        "",
        f"source: {{path: {_scalar(path)}}}",
        "",
    ]


_FOOT = [
    "# Numbers computed from columns, in training and serving alike, such as",
    "#   utilisation:",
    "#     expression: balance / limit",
    "#     unit: share of the limit",
    "#     reason: You use much of your credit limit",
    "derived: {}",
    "",
    "# What is declined, or reviewed by a person, whatever the model says, such as",
    "#   affordable:",
    "#     when: amount / income > 0.5",
    "#     decision: decline",
    "#     reason: The loan is too large for your income",
    "rules: {}",
    "",
]


def _time(guesses: list[Guess]) -> list[str]:
    dates = ", ".join(repr(guess.name) for guess in guesses if guess.type == "date")
    if not dates:
        return []
    return [
        f"# time: the date of application, if one of {dates} is it;",
        "#   with it the newest rows are the test",
    ]


def _bad(target: Guess | None, guesses: list[Guess]) -> list[str]:
    others = [repr(g.name) for g in guesses if g.distinct == 2 and g is not target]
    candidates = ", ".join(others[:MOST_CANDIDATES])
    note = [f"# Other columns of two values: {candidates}"] if others else []
    if target is None:
        return [
            "# No column looks like a target: name the one that says which rows turned out bad.",
            *note,
            "bad:",
            f"  target: {CHOOSE_TARGET}",
            "  bad_value: 1",
        ]
    texts = category_text(target.typed)
    bad_value = _bad_value(texts)
    share = float((texts == bad_value).mean())
    return [
        *note,
        "bad:",
        f"  target: {_scalar(target.name)}",
        f"  bad_value: {_scalar(bad_value)}  # {share:.1%} of the rows",
    ]


def _bad_value(texts: pd.Series) -> str:
    """1 beside 0, a word for bad, or the rarer value."""
    counts = texts.value_counts()
    if set(counts.index) == {"0", "1"}:
        return "1"
    named = [value for value in counts.index if value.lower() in _BAD_WORDS]
    return str(named[0] if named else counts.index[-1])


def _target(guesses: list[Guess]) -> Guess | None:
    binary = [guess for guess in guesses if guess.distinct == 2 and guess.type != "date"]
    named = [guess for guess in binary if _TARGET_NAME.search(plain_name(guess.name))]
    # Where several names fit, the target is usually the last column.
    return named[-1] if named else None


def _identity(guesses: list[Guess], target: Guess | None) -> Guess | None:
    for guess in guesses:
        is_whole = guess.type in ("integer", "category")
        is_unique = guess.typed.notna().all() and guess.typed.is_unique
        if (
            is_whole
            and is_unique
            and guess is not target
            and _ID_NAME.search(plain_name(guess.name))
        ):
            return guess
    return None


def _column(guess: Guess) -> Iterator[str]:
    yield from (f"  # {note}" for note in guess.notes)
    yield f"  {_scalar(guess.name)}:"
    yield f"    type: {guess.type}"
    if guess.role != "input":
        yield f"    role: {guess.role}"
    yield from (f"    {line}" for line in guess.lines)


def _guess(raw: pd.Series, name: str) -> Guess:
    kind = _kind(raw)
    typed, _ = convert(raw, kind)
    role, lines, notes = _role(name, kind, typed)
    if kind == "category":
        lines += _levels(typed) if role != "ignore" else []
    elif kind != "date":
        more, seen = _numbers(typed.dropna().to_numpy(dtype=np.float64), kind)
        lines, notes = lines + more, notes + seen
    if role == "input":
        if typed.notna().all():
            lines += ["missing_allowed: false"]
        lines += ['reason: ""  # what a declined applicant is told']
    return Guess(name, kind, typed, role, ('description: ""', *lines), tuple(notes))


def _kind(raw: pd.Series) -> ColumnType:
    values = raw.dropna().drop_duplicates()
    if pd.api.types.is_bool_dtype(raw) or values.empty:
        return "category"
    kinds: tuple[ColumnType, ...] = ("integer", "number", "date")
    for kind in kinds:
        # The first values show most columns not to be of a kind.
        if _reads_as(values.head(FIRST_VALUES), kind) and _reads_as(values, kind):
            return "category" if kind == "integer" and _has_leading_zeros(values) else kind
    return "category"


def _reads_as(raw: pd.Series, kind: ColumnType) -> bool:
    typed, unreadable = convert(raw, kind)
    return not unreadable.any() and bool(typed.notna().any())


def _has_leading_zeros(values: pd.Series) -> bool:
    """Postal codes and the like: digits that are no number."""
    if pd.api.types.is_numeric_dtype(values):
        return False
    return bool(category_text(values).dropna().str.fullmatch(r"0\d+").any())


def _role(name: str, kind: ColumnType, typed: pd.Series) -> tuple[str, list[str], list[str]]:
    missing = float(typed.isna().mean())
    notes = [f"{missing:.1%} missing"] if missing else []
    attribute = protected_attribute(name)
    if attribute:
        note = "Its name speaks of a protected characteristic: audited, never read by a model"
        return "protected", [f"attribute: {attribute}"], [note, *notes]
    why = _why_ignored(name, kind, typed)
    return ("ignore", [], [why, *notes]) if why else ("input", [], notes)


def _why_ignored(name: str, kind: ColumnType, typed: pd.Series) -> str:
    distinct = typed.nunique()
    if distinct == 0:
        return "Ignored: all values are missing"
    if distinct == 1:
        return "Ignored: all values are the same"
    if sounds_like_outcome(name):
        return "Ignored: its name sounds like an outcome; is it known at application?"
    if kind == "date":
        return "Ignored: a model reads a date through a derived column, months_between(a, b)"
    if kind == "category" and typed.dropna().str.fullmatch(_OTHER_DATE).all():
        return "Ignored: looks like dates; write them as YYYY-MM-DD to use them"
    if kind == "category" and distinct > MOST_LEVELS:
        return f"Ignored: {distinct:,} levels, more than a model can learn from"
    return ""


def _levels(typed: pd.Series) -> list[str]:
    return ["levels:", *(f'  {_scalar(level)}: ""' for level in sorted(typed.dropna().unique()))]


def _numbers(values: FloatArray, kind: ColumnType) -> tuple[list[str], list[str]]:
    codes = list(_special_codes(values))
    plain = values[~np.isin(values, codes)]
    if not len(plain):
        return [], []
    notes = [f"Seen from {plain.min():.15g} to {plain.max():.15g}"]
    lines = ["range: [0, null]"] if plain.min() >= 0 else []
    if codes:
        counts = ", ".join(f"{code:.15g}: say what it means" for code in codes)
        lines.append(f"special: {{{counts}}}")
        notes.append("Some values look like codes and not like numbers")
    distinct = len(np.unique(plain))
    if kind == "integer" and distinct <= FEW_NUMBERS:
        notes.append(f"{distinct} different numbers; if they are codes, make it a category")
    return lines, notes


def _special_codes(values: FloatArray) -> Iterable[float]:
    """Negative codes in a column that is not negative otherwise, and nines far above the rest."""
    distinct = np.unique(values)
    negative = distinct[distinct < 0]
    if len(negative) < len(distinct) and set(negative.tolist()) <= set(_NEGATIVE_CODES):
        yield from negative.tolist()
    rest = distinct[~np.isin(distinct, _POSITIVE_CODES)]
    if len(rest):
        yield from (code for code in distinct[distinct > 2 * rest.max()].tolist())


def _scalar(text: str) -> str:
    """A text as YAML that reads back as the same text."""
    style = None if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ]*\w|[A-Za-z_]", text) else '"'
    dumped = yaml.safe_dump(text, default_style=style, width=np.inf, allow_unicode=True)
    return str(dumped).removesuffix("...\n").strip()

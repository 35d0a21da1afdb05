"""Reading rows from files and databases, and naming what was read.

Whatever kind of source it is, `credit.validation.validate` makes the same typed rows of it.
"""

import csv
import glob
import gzip
import hashlib
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from credit.spec import FileSource, Schema, SqlSource
from credit.validation import MISSING_WORDS

CSV_ENDINGS = (".csv", ".csv.gz")
PARQUET_ENDINGS = (".parquet",)

_GLOB_SIGNS = frozenset("*?[")
_SHORTEST_SECRET = 4


class SourceError(ValueError):
    """A source cannot be read; the message says which, why and what to do, in one line."""


def read_rows(source: FileSource | SqlSource, spec: Schema | None = None) -> pd.DataFrame:
    """Read all rows of a source as they came.

    Only the columns that the spec names are read, unless one of them is missing; without a spec
    all are, from a csv as text. In a csv an empty field is missing; so is a word such as NA in a
    column of numbers, but not in a category, where it is a level. Rows keep their order and
    number: a csv with a blank line or a row of another length is refused, never mended.

    Raises:
        SourceError: the source is missing, empty, of an unknown kind, or cannot be read.
    """
    if isinstance(source, SqlSource):
        return _read_query(source)
    paths = find_files(source.path)
    frames = [_read_file(path, spec) for path in paths]
    _check_same_columns(paths, frames)
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def find_files(path: str) -> list[Path]:
    """The files that a path or a glob stands for, sorted by name.

    Raises:
        SourceError: there is none.
    """
    candidate = Path(path).expanduser().absolute()
    if candidate.is_dir():
        raise SourceError(f"{path} is a folder; name a file, or its parts as {path}/*.parquet")
    if candidate.is_file():
        return [candidate]
    if _GLOB_SIGNS & set(path):
        found = sorted(filter(Path.is_file, map(Path, glob.glob(str(candidate)))))  # noqa: PTH207 a Path cannot glob from the root
        if found:
            return found
    raise SourceError(f"{path} does not exist; give the path of a csv, csv.gz or parquet file")


def _read_file(path: Path, spec: Schema | None) -> pd.DataFrame:
    name = path.name.lower()
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty; expected a header and rows")
    if name.endswith(PARQUET_ENDINGS):
        frame = _read_parquet(path, spec)
    elif name.endswith(CSV_ENDINGS):
        frame = _read_csv(path, spec)
    else:
        endings = ", ".join((*CSV_ENDINGS, *PARQUET_ENDINGS))
        raise SourceError(f"{path} is of an unknown kind; expected one of {endings}")
    if frame.empty:
        raise SourceError(f"{path} has a header but no rows; expected at least one")
    return frame


def _read_parquet(path: Path, spec: Schema | None) -> pd.DataFrame:
    from pyarrow import ArrowException, parquet

    try:
        columns = _wanted(parquet.read_schema(path).names, spec)
        table = parquet.read_table(path, columns=columns, partitioning=None)
        return pd.DataFrame(table.to_pandas(ignore_metadata=True))
    except (ArrowException, OSError) as error:
        raise SourceError(f"{path} cannot be read as parquet: {_first_line(error)}") from None


def _read_csv(path: Path, spec: Schema | None) -> pd.DataFrame:
    try:
        names = _checked_header(path)
        numbers = [name for name in names if _is_declared_number(name, spec)]
        return pd.read_csv(
            path,
            usecols=_wanted(names, spec),
            dtype={name: "str" for name in names if name not in numbers},
            keep_default_na=False,
            na_values={name: list(MISSING_WORDS) if name in numbers else [""] for name in names},
            index_col=False,
            low_memory=False,
            float_precision="round_trip",
            encoding="utf-8-sig",
        )
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except (
        pd.errors.ParserError,
        csv.Error,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
    ) as error:
        raise SourceError(
            f"{path} cannot be read as comma-separated text: {_first_line(error)}"
        ) from None


def _checked_header(path: Path) -> list[str]:
    """The names of a csv's columns, once every row is known to have as many fields.

    pandas fills short rows up with missing values and passes over blank lines, so that a file cut
    off on its way would be taken for a whole one, and rows would lose their number.
    """
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        _check_names(names, path)
        blank = 0
        for fields in reader:
            if not fields:
                blank = blank or reader.line_num
            elif blank:
                raise SourceError(f"{path}: line {blank} is blank; remove it")
            elif len(fields) != len(names):
                raise SourceError(
                    f"{path}: line {reader.line_num} has {len(fields)} fields and the header "
                    f"{len(names)}; mend it, or fetch the file anew if it was cut off"
                )
    return names


def _check_names(names: list[str], path: Path) -> None:
    if not any(name.strip() for name in names):
        raise SourceError(f"{path} is empty; expected a header and rows")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SourceError(f"{path} has several columns named {', '.join(repeated)}; rename them")


def _is_declared_number(name: str, spec: Schema | None) -> bool:
    return (
        spec is not None
        and name in spec.columns
        and spec.columns[name].type in ("number", "integer")
    )


def _wanted(names: Collection[str], spec: Schema | None) -> list[str] | None:
    """The columns that the spec names; all when one is missing, so that an error can list them."""
    wanted = list(spec.columns_read()) if spec else []
    return wanted if spec and set(wanted) <= set(names) else None


def _check_same_columns(paths: list[Path], frames: list[pd.DataFrame]) -> None:
    first = set(frames[0].columns)
    for path, frame in zip(paths, frames, strict=True):
        different = sorted(first ^ set(frame.columns))
        if different:
            raise SourceError(
                f"{path} and {paths[0]} do not have the same columns: only one of them has "
                f"{', '.join(different)}; parts must have the same"
            )


def _read_query(source: SqlSource) -> pd.DataFrame:
    try:
        url = make_url(source.url)
    except (SQLAlchemyError, ValueError):
        raise SourceError(
            "the source's url is no database URL; expected one such as "
            "postgresql+psycopg://user:password@host/database"
        ) from None
    shown = url.set(query={}).render_as_string(hide_password=True)
    _check_sqlite_file(url, shown)
    try:
        frame = _query(url, source.query)
    except (SQLAlchemyError, ImportError) as error:
        reason = _without_secrets(_first_line(getattr(error, "orig", None) or error), url)
        raise SourceError(f"{shown} did not answer the query: {reason}") from None
    if frame.empty:
        raise SourceError(f"the query on {shown} returned no rows; expected at least one")
    return frame


def _without_secrets(message: str, url: URL) -> str:
    """A driver's message without the password, which may be one of the query's parameters too."""
    values = (value for values in url.normalized_query.values() for value in values)
    for secret in (url.password, *values):
        if secret and len(secret) >= _SHORTEST_SECRET:
            message = message.replace(secret, "***")
    return message


def _query(url: URL, query: str) -> pd.DataFrame:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            # A colon would start a parameter, also within a text such as '10:30'.
            result = connection.execute(text(query.replace(":", r"\:")))
            return pd.DataFrame(result.fetchall(), columns=list(result.keys()))
    finally:
        engine.dispose()


def _check_sqlite_file(url: URL, shown: str) -> None:
    """SQLite would make an empty database where there is none."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).is_file():
        raise SourceError(f"{shown} does not exist; give the path of a SQLite database")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def fingerprint(frame: pd.DataFrame) -> str:
    """The sha256 of a frame's columns and values in the order of its rows.

    Validated rows have the same fingerprint from whatever kind of source they came; the order of
    columns does not matter.

    >>> a = pd.DataFrame({"x": [1, 2], "y": ["p", None]})
    >>> fingerprint(a) == fingerprint(a[["y", "x"]].astype({"x": "float64"}))
    True
    """
    digest = hashlib.sha256()
    for name in sorted(frame.columns):
        content = _content(frame[name])
        digest.update(f"{len(name)}:{name}{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _content(column: pd.Series) -> bytes:
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]").astype("<i8").tobytes()
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype="float64", na_value=np.nan) + 0.0  # one zero, not two
        return np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes()
    texts = (None if value is None else str(value) for value in _objects(column))
    return "".join("-" if text is None else f"{len(text)}:{text}" for text in texts).encode()


def _objects(column: pd.Series) -> list[object]:
    return list(column.astype(object).where(column.notna(), None))

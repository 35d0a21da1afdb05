"""Statements that run all day: compiled once, with little work for each row.

SQLAlchemy's own way costs a tenth of a millisecond a statement and a dictionary a row, which is
most of what storing a decision costs. The types of the tables still say how values are written.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.compiler import SQLCompiler

Row = Sequence[Any]


class Prepared:
    """A statement of a dialect; values come in the order of its parameters."""

    def __init__(self, statement: ClauseElement, dialect: Dialect):
        # psycopg's parameters have names unless it is told otherwise.
        if dialect.name == "postgresql":
            dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
        self._sql = str(compiled)
        self.parameters = tuple(compiled.positiontup or ())
        writers = (_writer(compiled, name, dialect) for name in self.parameters)
        self._writers = [(place, writer) for place, writer in enumerate(writers) if writer]

    def run(self, connection: Connection, *row: object) -> Any:
        """Run it with one row of values; its result, as the driver has it."""
        return connection.exec_driver_sql(self._sql, tuple(self.written(row)))

    def run_many(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Run it for each row of values."""
        connection.exec_driver_sql(self._sql, [tuple(self.written(row)) for row in rows])

    def written(self, row: Row) -> list[Any]:
        """Values as the driver takes them."""
        values = list(row)
        for place, writer in self._writers:
            values[place] = writer(values[place])
        return values


def _writer(compiled: SQLCompiler, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = compiled.binds[name].type
    writer: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return writer

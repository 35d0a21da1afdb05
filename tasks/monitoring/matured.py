"""Matured rows: applications with known outcomes, and what the champion says of them now.

The champion scores them anew. Whichever model decided on them then, it is the champion that is
measured; and when outcomes take months, it has seldom decided on any of them itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from credit.decisions import Decider
from credit.expressions import FloatArray
from credit.features import Applications, from_many
from credit.labels import BadArray
from credit.package import Package
from credit.scoring import Scorer
from credit.spec import Schema
from services.application import stored_applications
from services.ledger import Ledger
from services.ledger.matured import Case, read_due


@dataclass(frozen=True)
class MaturedRows:
    """Approved applications whose horizon has passed and whose outcomes are known, oldest first.

    is_approved: whether the champion's own policy approves them too. due: how many have passed
    their horizon, of which `unreported` have no outcome, and `unreadable` no fields that the
    champion can score, for they were purged or are of another form.
    """

    at: tuple[datetime, ...]
    bad: BadArray
    probability: FloatArray
    is_approved: NDArray[np.bool_]
    applications: Applications
    due: int
    unreported: int
    unreadable: int

    def __len__(self) -> int:
        return len(self.bad)

    def __getitem__(self, rows: NDArray[np.bool_] | slice) -> "MaturedRows":
        places = np.arange(len(self))[rows]
        return MaturedRows(
            tuple(self.at[place] for place in places.tolist()),
            self.bad[places],
            self.probability[places],
            self.is_approved[places],
            self.applications[places],
            self.due,
            self.unreported,
            self.unreadable,
        )


def read_matured_rows(
    ledger: Ledger,
    package: Package,
    horizon_months: int,
    now: datetime,
    since: datetime | None,
) -> MaturedRows:
    """Read what has matured after `since` up to `now`, and score it.

    Raises:
        LedgerError: the ledger cannot be read.
        PackageError: the package does not score.
    """
    schema = package.schema
    cases: list[Case] = []
    applications = [from_many([], schema)]
    due = unreported = unreadable = 0
    for part in read_due(ledger, schema.name, horizon_months, now, since):
        known = [case for case in part if case.bad is not None]
        readable = [case for case in known if case.payload is not None]
        kept, fields = _readable(readable, schema)
        due += len(part)
        unreported += len(part) - len(known)
        unreadable += len(known) - len(kept)
        cases += kept
        applications.append(fields)
    order = np.array(sorted(range(len(cases)), key=lambda row: cases[row].at), dtype=np.int64)
    ordered = _joined(applications)[order]
    probability = Scorer(schema, package.graph).probabilities(ordered)
    decided = Decider(schema, package.policy)(ordered, probability)
    return MaturedRows(
        at=tuple(cases[row].at for row in order.tolist()),
        bad=np.array([bool(cases[row].bad) for row in order.tolist()], dtype=np.int8),
        probability=probability,
        is_approved=np.asarray(decided.decision == "approve"),
        applications=ordered,
        due=due,
        unreported=unreported,
        unreadable=unreadable,
    )


def _readable(cases: Sequence[Case], schema: Schema) -> tuple[list[Case], Applications]:
    """Cases with their raw fields; those of which this schema can make nothing are left out."""
    try:
        return list(cases), stored_applications([case.fields or {} for case in cases], schema)
    except (TypeError, ValueError):
        alone = list(_each(cases, schema))
        return [case for case, _ in alone], _joined([from_many([], schema), *(a for _, a in alone)])


def _each(cases: Sequence[Case], schema: Schema) -> Iterator[tuple[Case, Applications]]:
    for case in cases:
        try:
            yield case, stored_applications([case.fields or {}], schema)
        except (TypeError, ValueError):
            continue


def _joined(parts: Sequence[Applications]) -> Applications:
    return Applications(
        np.concatenate([part.numbers for part in parts]),
        np.concatenate([part.categories for part in parts]),
    )

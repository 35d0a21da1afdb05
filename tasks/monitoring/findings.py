"""What a whole check has found, in words and for programs; nothing in it is one applicant's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from credit.package import VERSION_DIGITS
from credit.shifts import ColumnDrift, ColumnShift
from tasks.monitoring.drift import DriftCheck
from tasks.monitoring.notifying import Message
from tasks.monitoring.replaying import Replayed

EVENT = "creditloop.drift.checked"
MOST_NAMED = 5


@dataclass(frozen=True)
class Findings:
    """All that a check has found.

    replayed, page, anchor: none where that step failed; `problems` says so.
    problems: what could not be judged or done.
    """

    check: DriftCheck
    replayed: Replayed | None
    page: Path | None
    anchor: str | None
    problems: tuple[str, ...]

    @property
    def is_worth_telling(self) -> bool:
        """Whether people should know: it is not calm, or no longer so, or something is wrong."""
        check = self.check
        differs = self.replayed is not None and bool(self.replayed.differing)
        changed = check.report is not None and (check.alert, check.before) != ("calm", "calm")
        return changed or differs or bool(self.problems)

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that have drifted, the worst first."""
        return tuple(column for column in self.check.drift.columns if column.has_drifted)


def message(findings: Findings) -> Message:
    """What people are told."""
    check = findings.check
    return Message(
        title=f"{check.window.dataset}: {_title(check)}",
        lines=tuple(_lines(findings)),
        facts=facts(findings),
    )


def facts(findings: Findings) -> dict[str, Any]:
    """The same for programs, as JSON."""
    check, replayed = findings.check, findings.replayed
    window, drift = check.window, check.drift
    return {
        "event": EVENT,
        "dataset": window.dataset,
        "version": window.digest[:VERSION_DIGITS],
        "digest": window.digest,
        "level": check.level,
        "alert": check.alert,
        "before": check.before,
        "is_judged": check.report is not None,
        "score": drift.score,
        "drifted_share": drift.drifted_share,
        "drifted_columns": [column.shift.name for column in findings.drifted],
        "window": {
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "rows": drift.rows,
        },
        "replayed": replayed.rows if replayed else None,
        "differing": len(replayed.differing) if replayed else None,
        "problems": list(findings.problems),
    }


def _title(check: DriftCheck) -> str:
    if check.report is None:
        return "too few decisions to judge drift"
    if check.alert != "calm":
        return f"drift is {check.alert}"
    if check.level != "calm":
        return f"one window is a {check.level}, a second one would be an alert"
    return "drift is calm again" if check.before != "calm" else "drift is calm"


def _lines(findings: Findings) -> Iterator[str]:
    check, replayed = findings.check, findings.replayed
    window, drift = check.window, check.drift
    yield (
        f"version {window.digest[:VERSION_DIGITS]} decided on {drift.rows:,} applications from "
        f"{minute(window.start)} to {minute(window.end)} UTC"
    )
    if check.report is None:
        yield (
            f"{check.fewest_rows:,} are needed: these are judged with those to come, as far back "
            "as a window reaches"
        )
    else:
        yield (
            f"drift score {drift.score:.2f}; {drift.drifted} of {len(drift.columns)} columns have "
            "drifted"
        )
    for column in findings.drifted[:MOST_NAMED]:
        yield described(column.shift)
    if len(findings.drifted) > MOST_NAMED:
        yield f"and {len(findings.drifted) - MOST_NAMED} more columns"
    if replayed:
        yield replay_line(replayed)
    yield from findings.problems


def described(shift: ColumnShift) -> str:
    """How a column has moved, in a line."""
    moved = [f"PSI {shift.psi:.2f}"]
    if shift.mean:
        moved.append(f"mean {shift.mean.reference:,.4g} to {shift.mean.window:,.4g}")
    if shift.missing.change:
        moved.append(f"missing {shift.missing.reference:.1%} to {shift.missing.window:.1%}")
    if shift.new_levels:
        moved.append(f"new levels in {shift.new_levels:.1%}")
    return f"{shift.name}: score {shift.score:.2f} ({', '.join(moved)})"


def replay_line(replayed: Replayed) -> str:
    """What the replay has found, in a line."""
    looked_at = f"{replayed.rows:,} decisions drawn at random were recomputed"
    if not replayed.differing:
        return f"{looked_at}, and each came out as stored"
    named = ", ".join(map(str, replayed.differing[:MOST_NAMED]))
    return (
        f"{looked_at}, and {len(replayed.differing):,} came out otherwise, as {named}; "
        "`creditloop verify ID` says how"
    )


def minute(at: datetime) -> str:
    """A time as people read it."""
    return f"{at:%Y-%m-%d %H:%M}"

"""What a drift check leaves in Prefect: a summary, a table, a link to its page, an event."""

from prefect import task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from credit.shifts import ColumnDrift
from tasks.monitoring.findings import EVENT, Findings, facts, message

RESOURCE = "creditloop.dataset"


@task(name="publish drift", cache_policy=NO_CACHE)
def publish_drift(findings: Findings) -> None:
    """Summary and columns as artifacts, and the page's link."""
    window, told = findings.check.window, message(findings)
    create_markdown_artifact(
        "\n".join([f"**{told.title}**", "", *(f"- {line}" for line in told.lines)]),
        key=f"{window.dataset}-drift",
        description="What the newest window of decisions looks like beside the reference",
    )
    create_table_artifact(
        [column_row(column) for column in findings.check.drift.columns],
        key=f"{window.dataset}-drift-columns",
        description="Columns by drift score; a PSI of 0.10 scores 0.5, one of 0.25 scores 0.7",
    )
    if findings.page:
        create_link_artifact(
            findings.page.as_uri(),
            "Evidently's page of the window",
            key=f"{window.dataset}-drift-page",
            description=f"The file {findings.page}",
        )


@task(name="announce drift", cache_policy=NO_CACHE)
def announce_drift(findings: Findings) -> None:
    """Emit Prefect's event of a check, which automations can wait for."""
    check = findings.check
    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": f"{RESOURCE}.{check.window.dataset}",
            "prefect.resource.name": check.window.dataset,
            "creditloop.level": check.level,
            "creditloop.alert": check.alert,
        },
        payload=facts(findings),
    )


def column_row(column: ColumnDrift) -> dict[str, str]:
    """A column's line of the table."""
    shift = column.shift
    return {
        "Column": shift.name,
        "Drifted": "yes" if column.has_drifted else "no",
        "Score": f"{shift.score:.3f}",
        "PSI": f"{shift.psi:.4f}",
        "Test": shift.test,
        "Adjusted p": f"{column.adjusted_p_value:.2g}",
        "Distance": "" if shift.distance is None else f"{shift.distance:.3f}",
        "Missing": f"{shift.missing.reference:.1%} to {shift.missing.window:.1%}",
        "Importance": f"{column.importance:.1%}",
    }

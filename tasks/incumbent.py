"""The model in production, on the test rows of a challenger."""

from contextlib import closing
from dataclasses import dataclass

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.decisions import Decider
from credit.examination import Incumbent
from credit.features import from_frame
from credit.package import Package, PackageError
from credit.scoring import Scorer
from credit.spec import Column, Schema
from services.fetching import fetch_package
from services.ledger import open_ledger


@dataclass(frozen=True)
class InProduction:
    """What is in production: its digest, and what it says of the rows or why it says nothing."""

    digest: str
    title: str
    scores: Incumbent | None
    problem: str = ""


@task(
    name="score with the model in production",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
)
def score_with_incumbent(
    schema: Schema, test_rows: pd.DataFrame, settings: Settings
) -> InProduction | None:
    """Score test rows, validated by this schema, with the model in production, if there is one."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        current = ledger.current(schema.name)
    if current is None:
        return None
    try:
        package = fetch_package(settings.home, current.uri, current.digest)
        return InProduction(current.digest, current.family, _scores(package, test_rows, schema))
    except PackageError as error:
        return InProduction(current.digest, current.family, None, str(error))


def _scores(package: Package, rows: pd.DataFrame, schema: Schema) -> Incumbent:
    lacking = [name for name in package.schema.fields if name not in rows.columns]
    if lacking:
        raise PackageError(f"it reads {', '.join(lacking)}, which the spec no longer has")
    changed = [
        name
        for name, column in package.schema.fields.items()
        if _kind(column) != _kind(schema.columns[name])
    ]
    if changed:
        raise PackageError(f"it reads {', '.join(changed)}, whose type the spec has changed")
    applications = from_frame(rows, package.schema)
    probability = Scorer(package.schema, package.graph).probabilities(applications)
    return Incumbent(
        probability, Decider(package.schema, package.policy)(applications, probability)
    )


def _kind(column: Column) -> str:
    return "number" if column.type == "integer" else column.type

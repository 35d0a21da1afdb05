"""The second half of a training: assess every family, package it, and examine the champion."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from prefect.utilities.annotations import quote
from threadpoolctl import threadpool_limits

from configs.settings import Settings
from credit.assessment import Assessment, Assessor, Portfolio
from credit.expressions import FloatArray
from credit.features import Applications
from credit.groups import protected_groups
from credit.impact import exposures
from credit.package import Contents, Package, Provenance, schema_json
from credit.spec import Schema
from credit.splits import PartArray
from credit.training import Development, Part, TrainedFamily
from tasks.assessing import assess_family
from tasks.documents.documents import model_card
from tasks.documents.evidence import (
    CardEvidence,
    DataEvidence,
    FamilyEvidence,
    ReferenceEvidence,
    calibration_groups,
    rule_uses,
)
from tasks.figures import card_figures
from tasks.record import Data


@dataclass(frozen=True)
class Assessed:
    """A family with its assessment, its package and the figures of its model card."""

    trained: TrainedFamily
    seconds: float
    assessment: Assessment
    package: Package
    card: CardEvidence
    figures: dict[str, bytes]


def assessor(
    rows: pd.DataFrame,
    parts: PartArray,
    development: Development,
    settings: Settings,
    newest: Applications | None = None,
) -> Assessor:
    """What all families are assessed on, from the validated rows and their parts.

    newest: applications that are normal from now on, where those of the training are not.
    """
    schema = development.feature_map.schema
    groups, exposure = protected_groups(rows, schema), exposures(rows, schema)

    def portfolio(name: str, part: Part) -> Portfolio:
        chosen = parts == name
        return Portfolio(
            part, exposure[chosen], {column: each[chosen] for column, each in groups.items()}
        )

    return Assessor(
        development=development,
        train=portfolio("train", development.train),
        validation=portfolio("validation", development.validation),
        test=portfolio("test", development.test),
        decisions=settings.decisions,
        fairness=settings.fairness,
        evaluation=settings.evaluation,
        bootstrap_samples=settings.training.bootstrap_samples,
        fewest_bads_for_isotonic=settings.training.calibration.fewest_bads_for_isotonic,
        seed=settings.training.seed,
        threads=os.cpu_count() or 1,
        newest=newest,
    )


def assess_all(
    fitted: Sequence[tuple[TrainedFamily, float]],
    by: Assessor,
    data: Data,
    made_from: Provenance,
) -> list[Assessed]:
    """Assess the families side by side and give each its package."""
    with threadpool_limits(1):
        running = [assess_family.submit(quote(trained), quote(by)) for trained, _ in fitted]
        assessments = [each.result() for each in running]
    families = tuple(FamilyEvidence.of(trained) for trained, _ in fitted)
    probabilities = {trained.title: trained.test for trained, _ in fitted}
    return [
        _package(trained, seconds, assessment, families, probabilities, by, data, made_from)
        for (trained, seconds), assessment in zip(fitted, assessments, strict=True)
    ]


def _package(
    trained: TrainedFamily,
    seconds: float,
    assessment: Assessment,
    families: tuple[FamilyEvidence, ...],
    probabilities: Mapping[str, FloatArray],
    by: Assessor,
    data: Data,
    made_from: Provenance,
) -> Assessed:
    """A family's model card, and with it its package."""
    schema = Schema.model_validate_json(schema_json(data.dataset))
    card = CardEvidence.of(
        spec=schema,
        family=trained.family,
        families=families,
        data=DataEvidence.of(data),
        calibration=calibration_groups(by.test.part.bad, trained.test),
        policy=assessment.policy,
        impact=assessment.impact,
        rules=rule_uses(assessment.test.findings),
        explanation=assessment.explanation,
        reference=ReferenceEvidence.of(assessment.reference),
        monotone=assessment.monotone,
        reason_check=assessment.reason_check,
        reason_quality=assessment.reason_quality,
        fairness=assessment.fairness,
        mitigation=by.fairness.mitigation,
        provenance=made_from,
    )
    figures = card_figures(trained, assessment, probabilities, by)
    document = model_card(card, figures)
    contents = Contents(
        trained.graph,
        assessment.policy,
        assessment.reason_model,
        assessment.reference.to_json(),
        document.html,
        document.json,
    )
    package = Package.build(schema, trained.family, contents, made_from)
    return Assessed(trained, seconds, assessment, package, card, figures)

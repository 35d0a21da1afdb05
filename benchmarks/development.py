"""A development set and packages as a training makes them, for benchmarks that need a model."""

import numpy as np

from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.decisions import Decider, Rules
from credit.labels import label
from credit.package import Contents, Package, Provenance
from credit.plan import FamilyName, PresetName
from credit.policy import Policy
from credit.reasoning import build_reason_model
from credit.reference import reference_of
from credit.splits import in_fixed_order, split
from credit.training import Development, TrainedFamily, prepare, train_family
from credit.validation import validate
from tasks.sources import read_rows

NOT_APPROVED = 0.3


def develop(dataset: str) -> Development:
    """Read, check, label and split a data set."""
    spec, plan = load_spec(dataset), load_settings().training
    checked = validate(read_rows(resolve_source(spec), spec), spec).rows
    rows = in_fixed_order(checked, spec)
    labels = label(rows, spec)
    part = split(rows, labels, spec, plan.splits).part
    return prepare(rows, labels.bad, part, spec, plan)


def train(family: FamilyName, preset: PresetName, development: Development) -> TrainedFamily:
    """One family, searched as far as the preset says."""
    plan = load_settings().training
    return train_family(family, plan.presets[preset], development, plan)


def package_of(trained: TrainedFamily, development: Development) -> Package:
    """A package like the one of a training, that approves 70% of the test rows; it has no card."""
    plan, test = load_settings().decisions, development.test
    threshold = _threshold(trained, development)
    policy = Policy(
        approve_below=threshold, decline_above=threshold, scale=plan.scale, costs=plan.costs
    )
    decided = Decider(development.feature_map.schema, policy)(test.applications, trained.test)
    reasons = build_reason_model(
        trained.model,
        development.feature_map,
        test.features[decided.decision == "approve"],
        development.train.applications,
    )
    known = reference_of(
        development.feature_map.schema,
        trained.graph,
        policy,
        development.train.applications,
        test.applications,
        importance={},
        baseline=None,
    )
    contents = Contents(trained.graph, policy, reasons, known.to_json(), b"", b"")
    unknown = Provenance(*4 * ("",), {})
    return Package.build(development.feature_map.schema, trained.family, contents, unknown)


def _threshold(trained: TrainedFamily, development: Development) -> float:
    """Where the probability has to be cut, so that with the rules 30% are not approved."""
    findings = Rules(development.feature_map.schema)(development.test.applications)
    judged = np.where(findings.severity > 0, 1.0, trained.test)
    return float(np.sort(judged)[round((1 - NOT_APPROVED) * len(judged))])


def raw_fields(development: Development, rows: int) -> list[dict[str, object]]:
    """The raw fields of the first test rows, as a client sends them; None is missing."""
    schema, applications = development.feature_map.schema, development.test.applications[:rows]
    names = (*schema.number_fields, *schema.category_fields)
    present = np.where(np.isnan(applications.numbers), None, applications.numbers)
    texts = np.where(applications.categories == "", None, applications.categories)
    return [
        dict(zip(names, values, strict=True)) for values in np.hstack([present, texts]).tolist()
    ]

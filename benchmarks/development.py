"""A development set and packages as a training makes them, for benchmarks that need a model."""

import numpy as np

from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.labels import label
from credit.package import Contents, Package, Provenance
from credit.plan import FamilyName, PresetName
from credit.policy import Policy
from credit.splits import in_fixed_order, split
from credit.training import Development, TrainedFamily, prepare, train_family
from credit.validation import validate
from tasks.sources import read_rows


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
    """A package that scores like the one of a training; it gives no reasons and has no card."""
    plan = load_settings().decisions
    policy = Policy(approve_below=0.2, decline_above=0.4, scale=plan.scale, costs=plan.costs)
    contents, unknown = Contents(trained.graph, policy, b"", b"", b""), Provenance(*4 * ("",), {})
    return Package.build(development.feature_map.schema, trained.family, contents, unknown)


def raw_fields(development: Development, rows: int) -> list[dict[str, object]]:
    """The raw fields of the first test rows, as a client sends them; None is missing."""
    schema, applications = development.feature_map.schema, development.test.applications[:rows]
    names = (*schema.number_fields, *schema.category_fields)
    present = np.where(np.isnan(applications.numbers), None, applications.numbers)
    texts = np.where(applications.categories == "", None, applications.categories)
    return [
        dict(zip(names, values, strict=True)) for values in np.hstack([present, texts]).tolist()
    ]

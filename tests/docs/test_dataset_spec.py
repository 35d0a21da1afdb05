"""The guide to dataset specs says what the code does."""

import re
from typing import get_args

import pytest
import yaml

from configs.settings import ROOT, load_settings
from credit.expressions import COMPARATORS, FUNCTIONS
from credit.spec import Column, ColumnType, DatasetSpec, EventWithinHorizon, HardRule, Role
from credit.validation import MISSING_WORDS

GUIDE = (ROOT / "docs" / "dataset-spec.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


def test_the_whole_example_is_a_spec():
    spec = DatasetSpec.model_validate(yaml.safe_load(EXAMPLES[0]))
    assert isinstance(spec.bad, EventWithinHorizon)
    assert list(spec.protected) == ["sex"]
    assert spec.number_features[-2:] == ("amount_to_income", "months_known")
    assert list(spec.rules) == ["affordable", "large_amount"]


def test_the_other_bad_definition_is_allowed_too():
    content = yaml.safe_load(EXAMPLES[0]) | yaml.safe_load(EXAMPLES[1])
    assert DatasetSpec.model_validate(content).outcome_columns == ("default_payment_next_month",)


def section(title):
    return GUIDE.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("title", "model"), [("Columns", Column), ("Hard rules", HardRule)])
def test_every_key_is_explained_and_no_other(title, model):
    rows = [row.split("|")[1] for row in section(title).splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(model.model_fields)


def test_comparisons_are_the_real_ones():
    rules = section("Hard rules")
    assert set(re.findall(r"`([<>=!]+)`", rules)) == set(COMPARATORS)


def test_the_words_for_missing_are_the_real_ones():
    section = GUIDE.partition("## How values are written")[2].partition("- A level")[0]
    assert set(re.findall(r"`([^`]+)`", section)) == {*MISSING_WORDS} - {""}


def test_types_roles_functions_and_the_limit_are_the_real_ones():
    for word in (*get_args(ColumnType), *get_args(Role)):
        assert f"`{word}`" in GUIDE
    for function in FUNCTIONS:
        assert f"`{function}(" in GUIDE
    assert f"({load_settings().training.most_rejected:.0%})" in GUIDE

"""The page on drift says what the code does."""

import re

import yaml

from configs.settings import BASE, ROOT
from credit.drift import drift_score
from credit.profiles import FINE_BINS, LARGEST, PSI_BINS, RAREST_SHARE
from tests.docs.test_model_risk import flat, in_words

PAGE = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
SECTIONS = ("drift", "retraining", "monitoring")
SETTINGS = yaml.safe_load(BASE.read_text(encoding="utf-8"))


def test_every_setting_has_a_row_with_its_default_and_no_other_has_one():
    table = PAGE.partition("## Settings\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    given = {name.strip().strip("`"): default.strip() for name, default, _ in rows}
    expected = flat({name: SETTINGS[name] for name in SECTIONS})
    assert given == {name: in_words(value) for name, value in expected.items()}


def test_numbers_are_the_real_ones():
    assert f"up to {FINE_BINS} bins" in PAGE
    assert PSI_BINS == 10
    assert f"at least {RAREST_SHARE:.1%}" in PAGE
    assert f"±{LARGEST:.0e}".replace("e+", "e") in PAGE
    assert [round(drift_score(psi), 2) for psi in (0.10, 0.25)] == [0.5, 0.7]


def test_every_test_that_a_page_names_exists():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    named = {
        each
        for page in pages
        for each in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    gone = [
        name
        for file, name in named
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert not gone

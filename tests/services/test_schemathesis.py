"""All that the OpenAPI document allows, and much that it does not, sent to a real service."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from configs.settings import ROOT, load_settings
from services.keys import create_key
from services.ledger import ROLES, open_ledger
from services.serve import running_service
from tests import tiny
from tests.services.conftest import deploy

EXAMPLES = 15
HOOKS = "tests.services.asking_within_dates"


@pytest.mark.parametrize("has_key", [True, pytest.param(False, marks=pytest.mark.stack)])
def test_no_answer_is_an_accident_or_undocumented(tmp_path, package, has_key):
    settings = load_settings(home=tmp_path, dataset=tiny.SCHEMA.name)
    deploy(settings, package)
    headers = []
    if has_key:
        with closing(open_ledger(settings.ledger_uri)) as ledger:
            token = create_key(ledger, "all", ROLES).token
        headers = ["--header", f"Authorization: Bearer {token}"]
    with running_service(settings) as url:
        options = ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
        asked = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{url}/openapi.json",
                *options,
                *headers,
            ],
            env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            check=False,
            text=True,
        )
    assert asked.returncode == 0, asked.stdout + asked.stderr

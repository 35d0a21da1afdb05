"""Swaps and rollbacks under load."""

import pytest

from services.ledger import open_ledger
from services.serve import running_service
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.load import steady_load

RATE = 300
SWAPS = 20
PACKAGES = [tiny.package(shift=-1.0 - number / 10) for number in range(4)]


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request, tmp_path):
    """A home with two workers, on a database of either kind."""
    url = (
        ""
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_server").new_database()
    )
    return settings_in(tmp_path, workers=2).model_copy(update={"ledger_url": url})


@pytest.mark.stack
def test_swaps_and_rollbacks_under_load_fail_no_request(settings):
    first, *_ = PACKAGES
    deploy(settings, first)
    ledger = open_ledger(settings.ledger_uri)
    with running_service(settings) as url, steady_load(url, RATE) as load:
        for swap in range(SWAPS):
            if swap % 3 == 2:
                target = ledger.rollback_target(settings.dataset)
                ledger.roll_back(ledger.current(settings.dataset), target, "test", "rehearsal")
                expected = target.digest
            else:
                package = PACKAGES[(swap + 1) % len(PACKAGES)]
                deploy(settings, package)
                expected = package.digest
            load.wait_until_all_serve(expected)
    assert load.statuses.keys() == {200}
    assert len(load.answers) == load.sent
    assert {answer.digest for answer in load.answers} == {package.digest for package in PACKAGES}
    load.check(ledger)
    ledger.close()

"""Retrain requests on a real PostgreSQL server: the same tests as on SQLite, and their races."""

from contextlib import closing

import pytest

from services.ledger import open_ledger
from tests.services.test_retraining import *  # noqa: F403  on the fixtures here

pytestmark = pytest.mark.stack


@pytest.fixture
def url(postgres_server):
    return postgres_server.new_database()


@pytest.fixture
def ledger(url):
    with closing(open_ledger(url)) as opened:
        yield opened

"""The ledger on a real PostgreSQL server."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.ledger import database, open_ledger
from services.ledger.tables import metadata

pytestmark = pytest.mark.stack


@pytest.fixture
def url(postgres_server):
    return postgres_server.new_database()


def test_migrations_and_tables_agree(url):
    open_ledger(url)
    with database.connect(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_go_down_and_up_again(url):
    engine = database.connect(url)
    database.upgrade(engine)
    database.downgrade(engine, "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    database.upgrade(engine)
    assert "decisions" in sa.inspect(engine).get_table_names()


def test_a_killed_server_comes_back_with_what_it_had(postgres_server, url):
    ledger = open_ledger(url)
    row = ledger.deploy("german-credit", "ab" * 32, "packages/x", "xgboost", "ana", "first model")
    postgres_server.kill()
    postgres_server.start()
    assert ledger.history("german-credit") == [row]

"""Whatever is killed: each acknowledged decision is in the ledger, and none twice."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import httpx
import pytest
from sqlalchemy import func, select

from configs.settings import Settings
from services.ledger import open_ledger
from services.ledger.chain_verification import verify_chains
from services.ledger.tables import chains
from services.serve import LOOPBACK, free_port
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.load import steady_load
from tests.services.processes import kill_all, service, wait_until, workers

pytestmark = pytest.mark.stack

RATE = 40
KILLS = 20
WORKERS = 2


def home(tmp_path, ledger_url: str) -> Settings:
    settings = settings_in(tmp_path, workers=WORKERS).model_copy(update={"ledger_url": ledger_url})
    deploy(settings, tiny.package())
    return settings


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_kill_9_at_random_loses_nothing(tmp_path, kind, request):
    server = request.getfixturevalue("postgres_server") if kind == "postgres" else None
    settings = home(tmp_path, server.new_database() if server else "")
    victims = ["worker", "service", *(["database"] if server else [])]
    draw, port = random.Random(kind), free_port()
    with ExitStack() as running:
        process = running.enter_context(service(settings, port))
        with steady_load(f"http://{LOOPBACK}:{port}", RATE, retry=True) as load:
            for _ in range(KILLS):
                load.wait_for_answers(10)
                time.sleep(draw.uniform(0, 0.5))
                victim = draw.choice(victims)
                if victim == "worker":
                    draw.choice(workers(process) or [process]).kill()
                elif victim == "service":
                    kill_all(process)
                else:
                    server.kill()
                    server.start()
                if process.poll() is not None:
                    process = running.enter_context(service(settings, port))
            wait_until(lambda: len(load.acknowledged) > load.sent - RATE, seconds=60)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        load.check(ledger)
    assert len(load.acknowledged) == load.sent
    assert load.statuses.keys() <= {200, 503, 0}


@pytest.mark.parametrize(("leave", "come_back"), [("stop", "start"), ("freeze", "thaw")])
def test_while_postgresql_is_gone_nothing_is_acknowledged_and_then_it_goes_on(
    tmp_path, postgres_server, leave, come_back
):
    settings = home(tmp_path, postgres_server.new_database())
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with service(settings, port) as process, steady_load(url, RATE, retry=True) as load:
        load.wait_for_answers(50)
        first = {each.pid for each in workers(process)}
        getattr(postgres_server, leave)()
        try:
            load.wait_for_answers(50, status=503)
            wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
            assert httpx.get(f"{url}/livez").is_success
            acknowledged = len(load.acknowledged)
            load.wait_for_answers(50, status=503)
            assert len(load.acknowledged) == acknowledged
        finally:
            getattr(postgres_server, come_back)()
        wait_until(lambda: httpx.get(f"{url}/readyz").is_success)
        load.wait_for_answers(100)
        assert {each.pid for each in workers(process)} == first
    refused = [answer for answer in load.answers if answer.status != 200]
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert len(load.acknowledged) == load.sent
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        load.check(ledger)


def asked_at_once(urls: Sequence[str], application_id: str) -> list[httpx.Response]:
    """The same application, sent to all of them side by side."""
    body = {"features": tiny.APPLICATION, "application_id": application_id}
    with ThreadPoolExecutor(len(urls)) as pool:
        asked = [pool.submit(httpx.post, f"{url}/api/predict", json=body) for url in urls]
    return [each.result() for each in asked]


def test_replicas_share_a_ledger_and_agree_on_who_was_first(tmp_path, postgres_server):
    uri = postgres_server.new_database()
    ports = free_port(), free_port()
    urls = [f"http://{LOOPBACK}:{port}" for port in ports]
    with ExitStack() as running:
        for number, port in enumerate(ports):
            settings = home(tmp_path / str(number), uri)
            running.enter_context(service(settings, port))
        loads = [running.enter_context(steady_load(url, RATE)) for url in urls]
        for number in range(20):
            first, second = asked_at_once(urls, f"both-{number}")
            assert first.json() == second.json()
        for load in loads:
            load.wait_for_answers(100)
    with closing(open_ledger(uri)) as ledger:
        for load in loads:
            assert set(load.statuses) == {200}
            load.check(ledger)
        assert list(verify_chains(ledger)) == []
        with ledger.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(chains)) >= len(urls)

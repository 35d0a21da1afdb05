"""What the nightly check proves of the ledger: decisions come out as stored, chains stand."""

from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from services.ledger import open_ledger
from services.ledger.anchors import anchor
from services.ledger.decisions import sample_decisions
from services.verification import Replay, package_finder


@dataclass(frozen=True)
class Replayed:
    """Decisions that were recomputed; `differing` came out otherwise or could not be recomputed."""

    rows: int
    differing: tuple[UUID, ...]
    notes: tuple[str, ...]


@task(name="replay decisions", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def replay_decisions(dataset: str, settings: Settings) -> Replayed:
    """Recompute a random sample of a data set's decisions, whichever package took them.

    What differs is named by its id alone: `creditloop verify ID` says how.
    """
    rows, differing = 0, []
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        replay = Replay(package_finder(settings, ledger))
        for some in sample_decisions(ledger, settings.monitoring.replayed, dataset=dataset):
            rows += len(some)
            differing += [each.id for each in replay.verify(some) if each.differences]
    notes = tuple(
        f"version {version} was recomputed with {others}"
        for version, others in replay.other_versions.items()
    )
    return Replayed(rows, tuple(differing), notes)


@task(name="anchor chains", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def anchor_chains(settings: Settings) -> str:
    """Write down outside the ledger where its chains stand; returns the file's path or URL."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        path, _ = anchor(ledger, settings.anchors_uri)
    return path

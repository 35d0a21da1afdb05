"""Publishing what a training made: packages, attestation, Bento, deployment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.package import VERSION_DIGITS, Package
from services.bento import build_bento
from services.ledger import open_ledger
from services.packages import read_package, write_attestation, write_package
from tasks.circumstances import git_commit
from tasks.documents.rendering import Document
from tasks.files import OWNER, replacing
from tasks.record import Fit, Tracked, Training


@task(name="open ledger", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def open_ledger_early(settings: Settings) -> None:
    """Find out that the ledger cannot be reached before hours of fitting, not after them."""
    open_ledger(settings.ledger_uri).close()


@task(name="write packages", cache_policy=NO_CACHE)
def write_packages(packages: Sequence[Package], settings: Settings) -> list[Path]:
    """Store packages, each whole or not at all."""
    return [write_package(settings.packages, package) for package in packages]


@task(name="write documents", cache_policy=NO_CACHE)
def write_documents(
    documents: Mapping[str, Document], digest: str, run: str, settings: Settings
) -> dict[str, Path]:
    """Store the documents of a run as HTML and JSON; returns the HTML files by name.

    Only the owner may read them: they show single decisions.
    """
    folder = settings.home / "documents" / f"{digest[:VERSION_DIGITS]}-{run}"
    for name, document in documents.items():
        for suffix, content in (("html", document.html), ("json", document.json)):
            with replacing(folder / f"{name}.{suffix}", OWNER) as file:
                file.write(content.decode())
    return {name: folder / f"{name}.html" for name in documents}


@task(name="write attestation", cache_policy=NO_CACHE)
def attest(
    training: Training, tracked: Tracked, model_version: str, bento: str, settings: Settings
) -> Path:
    """Store beside the champion's package what depends on this run; each run has its own."""
    champion = training.champion
    attestation = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": training.run_id,
        "requester": training.requester,
        "git_commit": git_commit(),
        "preset": training.preset,
        "mlflow": {"run_id": tracked.run_id, "model_version": model_version},
        "bento": bento,
        "rows": dict(training.data.rows),
        "rejected": training.data.rejected,
        "warnings": list(training.data.warnings),
        "parity": champion.trained.parity,
        "verdict": training.verdict.model_dump(mode="json"),
        "leaderboard": [_line(fit) for fit in training.fits],
    }
    name = f"{champion.digest}.{training.run_id}"
    return write_attestation(settings.packages, name, attestation)


@task(name="build Bento", task_run_name="build Bento of {champion.family}", cache_policy=NO_CACHE)
def pack_bento(champion: Fit, settings: Settings) -> str:
    """Build the image of the service that carries the champion; returns its tag."""
    return build_bento(read_package(champion.package, champion.digest), settings).tag


def _line(fit: Fit) -> dict[str, Any]:
    return {
        "family": fit.family,
        "digest": fit.digest,
        "params": fit.trained.params,
        "seconds": round(fit.seconds, 3),
        "metrics": {
            part: {name: interval.as_dict() for name, interval in metrics.items()}
            for part, metrics in fit.trained.metrics.items()
        },
    }

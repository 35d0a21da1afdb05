"""Tracking in MLflow: the only place that talks to it.

Everything goes through a client of its own; nothing sets MLflow's global state, so trainings may
run side by side.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_USER
from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from configs.urls import without_credentials
from credit.intervals import Interval
from credit.package import Package
from credit.training import Trial
from tasks.record import Data, Evaluation, Fit, Tracked, Training

CHAMPION = "champion"
DIGEST = "creditloop.digest"
CHATTER = ("mlflow", "alembic")


class TrackingError(RuntimeError):
    """MLflow cannot be reached; the message says where it was expected."""


def open_store(settings: Settings) -> MlflowClient:
    """A client of the tracking store; the embedded one is created where it is missing.

    The first time this takes seconds, so a caller may do it ahead of time.

    Raises:
        TrackingError: the server does not answer, or the store cannot be used.
    """
    for name in CHATTER:
        logging.getLogger(name).setLevel(logging.ERROR)
    if not settings.tracking_url:
        settings.home.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    try:
        client.search_experiments(max_results=1)
    except MlflowException as error:
        reason = str(error).rpartition(": ")[2].rstrip("')\"")
        raise TrackingError(
            without_credentials(
                f"MLflow does not answer at {settings.tracking_uri} ({reason}); start it, or "
                "correct or unset CREDITLOOP_TRACKING_URL"
            )
        ) from None
    return client


@task(name="open tracking store", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[2, 10])
def open_store_early(settings: Settings) -> None:
    """Find out that MLflow cannot be reached before hours of fitting, not after them."""
    open_store(settings)


@task(
    name="track training",
    task_run_name="track {training.dataset} in MLflow",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[2, 10],
)
def track_training(training: Training, plots: Mapping[str, bytes], settings: Settings) -> Tracked:
    """Write a training as one run, with a nested run for each family and below it each trial."""
    client = open_store(settings)
    experiment_id = _experiment(client, training.dataset, settings)
    with _run(client, experiment_id, f"training {training.run_id}", _tags(training)) as run_id:
        client.log_batch(
            run_id,
            metrics=_metrics("test", training.champion.test),
            params=_params(
                {"preset": training.preset, "seed": training.seed, **_rows(training.data)}
            ),
        )
        _log_plots(client, run_id, plots)
        for document in training.documents.values():
            client.log_artifact(run_id, str(document), "documents")
            client.log_artifact(run_id, str(document.with_suffix(".json")), "documents")
        family_runs = {
            fit.family: _track_fit(client, experiment_id, run_id, fit, training)
            for fit in training.fits
        }
    return Tracked(experiment_id, run_id, family_runs, _url(settings, experiment_id, run_id))


@task(
    name="register model",
    task_run_name="register {training.dataset}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[2, 10],
)
def register_champion(training: Training, tracked: Tracked, settings: Settings) -> str:
    """Register the champion's package as a model version.

    The same package again keeps its version, so a repeated run changes nothing.
    """
    client, name = open_store(settings), _model_name(training.dataset)
    version = _registered_version(client, name, training.champion.digest)
    if version is None:
        run = client.get_run(tracked.family_runs[training.champion.family])
        version = client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/package",
            run_id=run.info.run_id,
            tags={DIGEST: training.champion.digest, "family": training.champion.family},
        ).version
    return str(version)


def follow_ledger(dataset: str, digest: str, settings: Settings) -> str | None:
    """Point the alias `champion` at the version that carries a package.

    Returns:
        The version, or None when MLflow has none with that package, and the alias stays.

    Raises:
        TrackingError: MLflow does not answer, or does not let us.
    """
    if not settings.tracking_url and not (settings.home / "mlflow.db").is_file():
        return None  # nothing was ever tracked, and a store takes seconds to make
    client, name = open_store(settings), _model_name(dataset)
    try:
        version = _version_of(client, name, digest)
        if version is not None:
            client.set_registered_model_alias(name, CHAMPION, version)
    except MlflowException as error:
        raise TrackingError(without_credentials(str(error).partition("\n")[0])) from None
    return version


@task(
    name="track evaluation",
    task_run_name="track evaluation of {record.dataset}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[2, 10],
)
def track_evaluation(record: Evaluation, plots: Mapping[str, bytes], settings: Settings) -> Tracked:
    """Write an evaluation as one run beside the trainings of its data set."""
    client = open_store(settings)
    experiment_id = _experiment(client, record.dataset, settings)
    tags = {
        DIGEST: record.digest,
        "dataset": record.dataset,
        "data": record.fingerprint,
        "family": record.family,
        "prefect.flow_run_id": record.run_id,
    }
    with _run(client, experiment_id, f"evaluation {record.run_id}", tags) as run_id:
        client.log_batch(
            run_id,
            metrics=_metrics("test", record.metrics),
            params=_params({"rows": record.rows, "rows_from": record.rows_from}),
        )
        _log_plots(client, run_id, plots)
    return Tracked(experiment_id, run_id, {}, _url(settings, experiment_id, run_id))


def _track_fit(
    client: MlflowClient, experiment_id: str, parent: str, fit: Fit, training: Training
) -> str:
    trained = fit.trained
    tags = {
        **_tags(training),
        DIGEST: fit.digest,
        "family": fit.family,
        MLFLOW_PARENT_RUN_ID: parent,
    }
    with _run(client, experiment_id, fit.family, tags, fit.seconds) as run_id:
        measured = {"seconds": fit.seconds, "parity": trained.parity}
        client.log_batch(
            run_id,
            metrics=[
                *(_metric(name, value) for name, value in measured.items()),
                *(m for part, values in trained.metrics.items() for m in _metrics(part, values)),
            ],
            params=_params(trained.params),
        )
        client.log_artifacts(run_id, str(fit.package), "package")
        _log_plots(client, run_id, fit.plots)
        for number, trial in enumerate(trained.trials, 1):
            _track_trial(client, experiment_id, run_id, number, trial)
    return run_id


def _track_trial(
    client: MlflowClient, experiment_id: str, parent: str, number: int, trial: Trial
) -> None:
    tags = {MLFLOW_PARENT_RUN_ID: parent, "pruned": str(trial.pruned).lower()}
    with _run(client, experiment_id, f"trial {number}", tags) as run_id:
        folds = [_metric("fold_auc", auc, step) for step, auc in enumerate(trial.aucs, 1)]
        client.log_batch(
            run_id, metrics=[_metric("auc", trial.auc), *folds], params=_params(trial.params)
        )


def _experiment(client: MlflowClient, dataset: str, settings: Settings) -> str:
    known = client.get_experiment_by_name(dataset)
    if known:
        return str(known.experiment_id)
    embedded = None if settings.tracking_url else (settings.home / "mlartifacts").as_uri()
    try:
        return str(client.create_experiment(dataset, artifact_location=embedded))
    except MlflowException:  # another run has just created it
        experiment = client.get_experiment_by_name(dataset)
        if experiment is None:
            raise
        return str(experiment.experiment_id)


def _model_name(dataset: str) -> str:
    return f"creditloop-{dataset}"


def _registered_version(client: MlflowClient, name: str, digest: str) -> str | None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return _version_of(client, name, digest)


def _version_of(client: MlflowClient, name: str, digest: str) -> str | None:
    versions = client.search_model_versions(f"name = '{name}'")
    return next((str(v.version) for v in versions if v.tags.get(DIGEST) == digest), None)


@contextmanager
def _run(
    client: MlflowClient,
    experiment_id: str,
    name: str,
    tags: Mapping[str, str],
    seconds: float = 0.0,
) -> Iterator[str]:
    """A run that ends as finished or failed; `seconds` is how long ago its work began."""
    start = int((time.time() - seconds) * 1000)
    run_id = client.create_run(experiment_id, start, dict(tags), name).info.run_id
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _tags(training: Training) -> dict[str, str]:
    return {
        "dataset": training.dataset,
        "data": training.data.fingerprint,
        "preset": training.preset,
        DIGEST: training.champion.digest,
        "prefect.flow_run_id": training.run_id,
        MLFLOW_USER: training.requester,
    }


def _rows(data: Data) -> dict[str, int]:
    parts = {f"rows_{part}": rows for part, rows in data.rows.items()}
    return {**parts, "rows_rejected": data.rejected}


def _log_plots(client: MlflowClient, run_id: str, plots: Mapping[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        for name, content in plots.items():
            (Path(folder) / f"{name}.png").write_bytes(content)
        client.log_artifacts(run_id, folder, "plots")


def _metrics(part: str, metrics: Mapping[str, Interval]) -> list[Metric]:
    return [
        _metric(f"{part}/{name}{suffix}", value)
        for name, interval in metrics.items()
        for suffix, value in (
            ("", interval.value),
            ("_low", interval.low),
            ("_high", interval.high),
        )
    ]


def _metric(name: str, value: float, step: int = 0) -> Metric:
    return Metric(name, float(value), int(time.time() * 1000), step)


def _params(params: Mapping[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in params.items()]


def _url(settings: Settings, experiment_id: str, run_id: str) -> str:
    server = without_credentials(settings.tracking_url).rstrip("/")
    return f"{server}/#/experiments/{experiment_id}/runs/{run_id}" if server else ""


def register_package(
    package: Package,
    path: Path,
    params: Mapping[str, Any],
    measured: Mapping[str, Interval],
    flow_run: str,
    settings: Settings,
) -> tuple[str, str]:
    """Write a package that no training made as a run of its own, and register it.

    Returns:
        The run, and the model version; the same package again keeps its version.

    Raises:
        TrackingError: MLflow does not answer.
    """
    dataset = package.manifest.dataset
    client, name = open_store(settings), _model_name(dataset)
    experiment_id = _experiment(client, dataset, settings)
    tags = {DIGEST: package.digest, "dataset": dataset, "prefect.flow_run_id": flow_run}
    with _run(client, experiment_id, f"recalibration {flow_run}", tags) as run_id:
        client.log_batch(run_id, metrics=_metrics("newest", measured), params=_params(params))
        client.log_artifacts(run_id, str(path), "package")
    version = _registered_version(client, name, package.digest)
    if version is None:
        run = client.get_run(run_id)
        version = client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/package",
            run_id=run_id,
            tags={DIGEST: package.digest, "family": package.manifest.family},
        ).version
    return run_id, str(version)

"""Recalibrating the model in production: fitted, measured and stored, each a step of its own."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import numpy as np
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.comparison import Compared, Scored, compare
from credit.decisions import Decider
from credit.examination import Incumbent
from credit.expressions import FloatArray
from credit.fairness import audit
from credit.features import Applications, from_frame
from credit.groups import protected_groups
from credit.impact import BoolArray, exposures, profit_of
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import evaluate
from credit.package import (
    REFERENCE,
    VERSION_DIGITS,
    Contents,
    Package,
    Provenance,
    canonical_json,
    sha256,
)
from credit.promotion import Challenger, Verdict, judge_recalibration
from credit.recalibration import intercept, moved, moved_graph
from credit.scoring import Scorer
from credit.spec import DatasetSpec
from credit.splits import hash_draws, row_keys
from credit.underwriting import Underwriter
from services.bento import build_bento
from services.packages import write_attestation, write_package
from tasks.assembling import RECALIBRATED, Assembled
from tasks.circumstances import git_commit, requester, run_id
from tasks.tracking import register_package

TIMED_DECISIONS = 100


@dataclass(frozen=True)
class Recalibrated:
    """A champion with a new intercept: how far it moved, on how many rows, and its package."""

    package: Package
    shift: Interval
    rows: int
    bads: int
    measured: dict[str, Interval]
    verdict: Verdict


@task(name="recalibrate", task_run_name="recalibrate {spec.name}", cache_policy=NO_CACHE)
def recalibrate(
    champion: Package, assembled: Assembled, spec: DatasetSpec, settings: Settings
) -> Recalibrated:
    """Fit the intercept on the newest outcomes, and judge it on those that were kept out of that.

    Rows are kept out by the hash of their id, as test rows are.

    Raises:
        RecalibrationError: the newest outcomes are all good or all bad.
    """
    newest = assembled.newest & assembled.labels.matured
    rows, bad = assembled.checked.rows[newest], assembled.labels.bad[newest]
    plan = settings.training.splits
    is_kept_out = hash_draws(row_keys(rows, spec), plan.salt) < plan.test
    applications = from_frame(rows, champion.schema)
    before = Scorer(champion.schema, champion.graph).probabilities(applications)
    fitted = ~is_kept_out
    shift = intercept(before[fitted], bad[fitted])
    package = _moved(champion, shift, bad[fitted], assembled)
    after = Scorer(package.schema, package.graph).probabilities(applications)
    measured = evaluate(
        bad[is_kept_out],
        after[is_kept_out],
        settings.training.bootstrap_samples,
        settings.training.seed,
    )
    exposure = exposures(rows, spec)[is_kept_out]
    kept_out = applications[is_kept_out]
    compared = _compared(
        champion,
        kept_out,
        bad[is_kept_out],
        exposure,
        (before[is_kept_out], after[is_kept_out]),
        settings,
    )
    worst, none = _impact(package, assembled, ~assembled.newest, spec, settings)
    challenger = Challenger(
        auc=measured["auc"],
        calibration_slope=measured["calibration_slope"],
        calibration_intercept=measured["calibration_intercept"],
        parity=float(np.abs(after - moved(before, shift.value)).max()),
        milliseconds=_milliseconds(package, kept_out),
        impact_ratio=worst[0] if worst else None,
        impact_group=worst[1] if worst else "",
        no_impact_ratio=none,
    )
    verdict = judge_recalibration(
        challenger, compared, settings.fairness.least_impact_ratio, settings.promotion
    )
    get_run_logger().info("the intercept moves by %s: %s", shift, verdict.reason)
    return Recalibrated(
        package, shift, int(fitted.sum()), int(bad[fitted].sum()), measured, verdict
    )


@task(name="publish recalibrated", cache_policy=NO_CACHE)
def publish_recalibrated(made: Recalibrated, champion: str, settings: Settings) -> str:
    """Store the package, register it, build its Bento and attest to all that; returns where."""
    path = write_package(settings.packages, made.package)
    bento = build_bento(made.package, settings).tag
    params = {"recalibrated": champion[:VERSION_DIGITS], "rows": made.rows, "bads": made.bads}
    measured = {"intercept_shift": made.shift, **made.measured}
    run, version = register_package(made.package, path, params, measured, run_id(), settings)
    attestation = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run_id(),
        "requester": requester(),
        "git_commit": git_commit(),
        "recalibrated": champion,
        "shift": made.shift.as_dict(),
        "rows": made.rows,
        "bads": made.bads,
        "mlflow": {"run_id": run, "model_version": version},
        "bento": bento,
        "verdict": made.verdict.model_dump(mode="json"),
    }
    write_attestation(settings.packages, f"{made.package.digest}.{run_id()}", attestation)
    return path.relative_to(settings.home).as_posix()


def _moved(champion: Package, shift: Interval, bad: BadArray, assembled: Assembled) -> Package:
    """The champion's package with another graph, and a card that says so.

    What is normal stays as it was: a new intercept learns nothing of who applies now.
    """
    manifest = champion.manifest
    evidence = json.loads(champion.card_data)
    trained = evidence.get(RECALIBRATED, {}).get("of", champion.digest)
    facts = {
        "of": trained,
        "champion": champion.digest,
        "shift": shift.as_dict(),
        "rows": len(bad),
        "bads": int(bad.sum()),
    }
    sentence = (
        f"<p><strong>Recalibrated.</strong> Version {champion.digest[:VERSION_DIGITS]} with "
        f"{shift} added to its log-odds, fitted on {len(bad):,} newly matured outcomes, "
        f"{int(bad.sum()):,} of them bad. What follows was measured before.</p>"
    )
    card = champion.card.decode()
    head, body, rest = card.partition("<body>")
    contents = Contents(
        moved_graph(champion.graph, shift.value),
        champion.policy,
        champion.reasons,
        champion.files[REFERENCE],
        (f"{head}{body}{sentence}{rest}" if body else card + sentence).encode(),
        canonical_json({**evidence, RECALIBRATED: facts}),
    )
    made_from = Provenance(
        training_data=sha256(f"{manifest.training_data}{assembled.checked.fingerprint}".encode()),
        spec=manifest.spec,
        config=manifest.config,
        lock=manifest.lock,
        runtime=manifest.runtime,
    )
    return Package.build(champion.schema, manifest.family, contents, made_from)


def _compared(
    champion: Package,
    applications: Applications,
    bad: BadArray,
    exposure: FloatArray,
    probabilities: tuple[FloatArray, FloatArray],
    settings: Settings,
) -> Compared:
    """Champion against challenger where neither was fitted."""
    decider = Decider(champion.schema, champion.policy)
    old, new = (Incumbent(each, decider(applications, each)) for each in probabilities)

    def scored(of: Incumbent) -> Scored:
        profit = profit_of(of.decisions.decision, bad, exposure, champion.policy.costs)
        return Scored(of.probability, profit)

    return compare(
        bad,
        scored(old),
        scored(new),
        old.decisions.decision == "approve",
        settings.promotion.auc_margin,
        settings.promotion.profit_margin,
        settings.training.bootstrap_samples,
        settings.training.seed,
    ).all_rows


def _impact(
    package: Package,
    assembled: Assembled,
    chosen: BoolArray,
    spec: DatasetSpec,
    settings: Settings,
) -> tuple[tuple[float, str] | None, tuple[str, ...]]:
    """The lowest adverse-impact ratio on the data set's rows: the ledger's come without groups."""
    rows = assembled.checked.rows[chosen]
    applications = from_frame(rows, package.schema)
    probability = Scorer(package.schema, package.graph).probabilities(applications)
    decisions = Decider(package.schema, package.policy)(applications, probability).decision
    groups = protected_groups(rows, spec)
    bad = assembled.labels.bad[chosen]
    found = audit(decisions, bad, groups, settings.fairness, settings.training.seed)
    worst = found.worst
    named = worst and (worst.ratio.value, f"{worst.column}: {worst.group} against {worst.against}")
    return named or None, found.incomparable


def _milliseconds(package: Package, applications: Applications) -> float:
    underwriter = Underwriter(package)
    taken = []
    for row in range(min(TIMED_DECISIONS, len(applications))):
        started = perf_counter()
        underwriter.judge(applications[row : row + 1], "all")
        taken.append(perf_counter() - started)
    return 1000 * median(taken)

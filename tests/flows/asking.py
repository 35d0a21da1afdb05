"""A training reduced to its end: it asks for production and waits, as flows.training does."""

from prefect import State, flow

from configs.settings import load_settings
from credit.intervals import Interval
from credit.promotion import Challenger, Verdict, judge
from flows.promotion import concluded, promote, wait_for_decision
from services.ledger import Candidate
from tasks.circumstances import requester, run_id
from tasks.promotion import PromotionResult, api_url

DATASET = "tiny-credit"


def verdict(home: str) -> Verdict:
    settings = load_settings(home=home)
    good = Challenger(
        auc=Interval(0.75, 0.73, 0.77),
        calibration_slope=Interval(1.0, 0.9, 1.1),
        calibration_intercept=Interval(0.0, -0.1, 0.1),
        parity=1e-7,
        milliseconds=3.0,
        impact_ratio=0.9,
        impact_group="SEX: 2 against 1",
    )
    return judge(good, None, settings.fairness.least_impact_ratio, settings.promotion)


@flow(name="asking")
def asking(home: str, digest: str, approval: str = "manual") -> PromotionResult | State[None]:
    """Ask, wait, find out. `worked` in home counts how often the work before was done."""
    settings = load_settings(home=home)
    plan = settings.promotion.model_copy(update={"approval": approval})
    settings = settings.model_copy(update={"promotion": plan})
    ended = concluded(settings)
    if ended:
        return ended
    with (settings.home / "worked").open("a") as worked:
        worked.write("x")
    asks = Candidate(
        dataset=DATASET,
        digest=digest,
        uri=f"packages/{digest}",
        family="woe_logistic",
        run_id=run_id(),
        requester=requester(),
        reason=f"champion of training {run_id()}",
        champion=None,
        api_url=api_url(),
    )
    result = promote(asks, verdict(home), settings)
    wait_for_decision(result)
    return result

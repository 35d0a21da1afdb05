"""The documents' words: what measures, parts and verdicts are called and what they mean."""

from dataclasses import dataclass

from credit.plan import FamilyName
from tasks.documents.formats import Format, number, percent


@dataclass(frozen=True)
class Metric:
    """A measure's title, what it says in one line, and how its values are written."""

    title: str
    meaning: str
    form: Format = number


METRICS = {
    "auc": Metric("AUC", "chance that a bad applicant is ranked riskier than a good one"),
    "gini": Metric("Gini", "2 × AUC − 1"),
    "ks": Metric("KS", "widest gap between the cumulative shares of goods and bads"),
    "pr_auc": Metric("PR-AUC", "area under precision and recall; chance alone gives the bad rate"),
    "brier": Metric("Brier score", "mean squared error of the probability; lower is better"),
    "log_loss": Metric("Log loss", "mean surprise at the outcome; lower is better"),
    "rmse": Metric("RMSE", "root of the Brier score; lower is better"),
    "accuracy": Metric("Accuracy", "share of rows on the right side of a PD of 50%", percent),
    "majority_accuracy": Metric(
        "Majority baseline", "accuracy of always naming the larger class", percent
    ),
    "f1": Metric("F1", "harmonic mean of precision and recall at a PD of 50%"),
    "calibration_error": Metric(
        "Calibration error", "mean gap of bad rate and mean PD over ten groups", percent
    ),
    "calibration_slope": Metric("Calibration slope", "1 is perfect; below 1 is overconfident"),
    "calibration_intercept": Metric(
        "Calibration intercept", "0 is perfect; above 0 the PD is too low"
    ),
}

PARTS = {
    "train": "fitting, and calibration on out-of-fold scores",
    "validation": "choice of the family and of the policy's bands",
    "test": "measuring, and nothing else",
    "gap": "nothing: the outcome was not known when the test starts",
    "immature": "nothing: the outcome is not known yet",
}

FAMILY_REASONS: dict[FamilyName, str] = {
    "woe_logistic": "is the scorecard of the trade: readable, robust, and the yardstick for all "
    "others.",
    "pca_logistic": "shows what a linear model gains from inputs that move together.",
    "random_forest": "finds interactions without being told, and is hard to overfit.",
    "xgboost": "finds interactions step by step and keeps declared directions.",
    "network": "shows whether smooth interactions add anything.",
}

DIRECTIONS = {None: "either", "increasing": "higher values", "decreasing": "lower values"}

VERDICTS = {
    "promote": "Every gate is passed: the model may be promoted.",
    "needs approval": "A person has to decide: a gate is not passed that may be overlooked "
    "with a reason.",
    "refuse": "The model is refused: a gate is not passed that nobody may overlook.",
}

"""The model families by name, the quickest to fit first."""

from credit.models import network, pca_logistic, random_forest, woe_logistic, xgboost_trees
from credit.models.family import Family
from credit.plan import FamilyName

FAMILIES: dict[FamilyName, Family] = {
    "woe_logistic": woe_logistic.FAMILY,
    "pca_logistic": pca_logistic.FAMILY,
    "xgboost": xgboost_trees.FAMILY,
    "random_forest": random_forest.FAMILY,
    "network": network.FAMILY,
}

"""Proxies: how well the inputs together tell a protected column that the model may not read."""

from collections.abc import Mapping

from credit.features import Features, Layout
from credit.groups import Groups
from credit.spec import Frozen


class ProxyInput(Frozen):
    """An input and how much the AUC falls when its values are shuffled among held-out rows."""

    name: str
    importance: float


class ProxyGroup(Frozen):
    """How well a group is told from all others."""

    group: str
    rows: int
    auc: float


class Proxies(Frozen):
    """How well the inputs predict one protected column, out of fold.

    Attributes:
        rows: how many rows were looked at, drawn with the seed where there are more.
        auc: one group against the rest, weighted by rows; 0.5 is no better than chance, None when
            fewer than two groups are large enough.
        inputs: the inputs that tell most, most telling first.
        notes: sentences on what was left out, and why.
    """

    column: str
    rows: int
    folds: int
    auc: float | None
    groups: tuple[ProxyGroup, ...]
    inputs: tuple[ProxyInput, ...]
    notes: tuple[str, ...] = ()


def find_proxies(
    features: Features, layout: Layout, groups: Mapping[str, Groups], seed: int
) -> tuple[Proxies, ...]:
    """Predict each protected column from the model's inputs, by cross-validation."""
    raise NotImplementedError

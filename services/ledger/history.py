"""Where a rollback leads, from a data set's deployments with the newest first."""

from collections.abc import Sequence

from credit.package import VERSION_DIGITS
from services.ledger.errors import PromotionError
from services.ledger.records import Deployment


def previous(history: Sequence[Deployment], dataset: str) -> Deployment:
    """The model before the current one.

    A deployment goes on top of a stack, and a rollback takes off all above its target: what was
    rolled back for a reason does not come back by the next rollback.

    Raises:
        PromotionError: there is none.
    """
    stack: list[Deployment] = []
    for row in reversed(history):
        if row.action == "rollback" and row.digest in [below.digest for below in stack]:
            while stack[-1].digest != row.digest:
                stack.pop()
        elif not stack or stack[-1].digest != row.digest:
            stack.append(row)
    if len(stack) < 2:
        raise PromotionError(
            f"{dataset} has no earlier model to go back to; `creditloop models` shows its history"
        )
    return stack[-2]


def named(history: Sequence[Deployment], to: str, dataset: str) -> Deployment:
    """The newest deployment whose digest begins with `to`.

    Raises:
        PromotionError: there is none, there are several, or it is in production.
    """
    found = {row.digest: row for row in reversed(history) if row.digest.startswith(to)}
    if len(found) != 1:
        raise PromotionError(
            f"{len(found)} versions that were in production for {dataset} begin with {to!r}, "
            "expected one; `creditloop models` shows them"
        )
    (target,) = found.values()
    if target.digest == history[0].digest:
        raise PromotionError(f"version {target.digest[:VERSION_DIGITS]} is in production already")
    return target

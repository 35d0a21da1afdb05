"""Recourse: the smallest change that the applicant can make and that would be approved."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from credit.features import Applications
from credit.reasons import ReasonModel
from credit.spec import Frozen


class Change(Frozen):
    """One field and its new value; `steps` of a twentieth of the training rows each."""

    field: str
    now: float | str
    then: float | str
    steps: int


class Recourse(Frozen):
    """One or two changes that together would be approved."""

    changes: tuple[Change, ...]


def find_recourse(
    model: ReasonModel,
    application: Applications,
    approves: Callable[[Applications], NDArray[np.bool_]],
) -> Recourse | None:
    """The fewest steps for one application (one row) that is not approved; None: there is none.

    One field is tried before two. Only fields that the spec marks as changeable move, to values
    that are common, within the declared range and never a special code.
    """
    raise NotImplementedError

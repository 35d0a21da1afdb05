"""Some of many rows: evenly spaced where order means something, drawn where it does not."""

import numpy as np
from numpy.typing import NDArray

IndexArray = NDArray[np.int64]


def evenly_spaced(rows: int, most: int) -> IndexArray:
    """At most `most` of so many rows, from the middles of equally long stretches.

    >>> evenly_spaced(10, 3).tolist(), evenly_spaced(2, 3).tolist()
    ([1, 5, 8], [0, 1])
    """
    if rows <= most:
        return np.arange(rows)
    return ((np.arange(most) + 0.5) * rows / most).astype(np.int64)


def drawn(rows: int, most: int, seed: int) -> IndexArray:
    """At most `most` of so many rows, in ascending order; the same seed draws the same ones."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))

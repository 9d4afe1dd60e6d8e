"""The coordinates of vectors that sum to zero."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def zero_sum_basis(n: int) -> NDArray[np.float64]:
    """Return an orthonormal basis of the vectors of length ``n`` that sum to zero, (n, n − 1).

    It is the basis of PyMC's ``ZeroSumTransform``.
    """
    root = np.sqrt(n)
    basis = np.eye(n, n - 1) - 1 / (root + n)
    basis[-1] = -1 / root
    return np.asarray(basis)

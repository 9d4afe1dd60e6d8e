"""Baselines and coefficients of features of largest likelihood, through the package's own density without its prior."""

from __future__ import annotations

import numpy as np
from dissensus.inference.density import AreaDensity, hessian, value_and_gradient
from dissensus.inference.parameters import constrain, log_prior, log_prior_gradient
from scipy.optimize import minimize


def maximum_likelihood(density: AreaDensity):
    """Return the log likelihood, and the baseline logits and coefficients at its maximum; other coordinates stay 0."""
    at = density.parameters.slices
    free = np.r_[at["baseline"], at["taste"]]

    def full(x):
        theta = np.zeros((1, density.size))
        theta[0, free] = x
        return theta

    def negative(x):
        theta = full(x)
        value, gradient = value_and_gradient(density, theta)
        value = value - log_prior(density.parameters, theta)
        gradient = gradient - log_prior_gradient(density.parameters, theta)
        return -value[0], -gradient[0, free]

    x = minimize(negative, np.zeros(len(free)), jac=True, method="L-BFGS-B", options={"maxiter": 5000}).x
    for _ in range(20):  # Newton steps finish what the line search leaves
        curvature = -hessian(density, full(x)[0])[np.ix_(free, free)]
        step = np.linalg.solve(curvature, -negative(x)[1])
        x = x + step
        if np.abs(step).max() < 1e-10:
            break
    values = constrain(density.parameters, full(x), density.n_options)
    return -negative(x)[0], values.baseline_logits[0], values.taste[0]

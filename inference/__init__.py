"""From :class:`~dissensus.datasets.Choices` to a posterior over scores, with every check.

``build_model`` gives the PyMC model, ``fit`` the posterior as one tree, ``scores`` and ``summarize`` the numbers,
``check`` what was checked; ``save`` and ``load`` keep a result.
"""

if __name__ != "dissensus.inference":
    raise ImportError("import dissensus.inference, not inference")

from .fit import fit
from .log_likelihood import log_likelihood
from .model import build_model
from .plots import plot_alternatives, plot_groups, plot_scores
from .replicate import posterior_predictive
from .result_file import load, save
from .scores import prior_scores, scores
from .summary import check, summarize, to_json

__all__ = [
    "build_model",
    "check",
    "fit",
    "load",
    "log_likelihood",
    "plot_alternatives",
    "plot_groups",
    "plot_scores",
    "posterior_predictive",
    "prior_scores",
    "save",
    "scores",
    "summarize",
    "to_json",
]

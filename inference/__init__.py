"""From :class:`~dissensus.datasets.Choices` to a posterior over scores, with every check.

``build_model`` gives the PyMC model, ``fit`` the posterior as one tree, ``scores`` and ``summarize`` the numbers,
``check`` what was checked; ``save`` and ``load`` keep a result.
"""

if __name__ != "dissensus.inference":
    raise ImportError("import dissensus.inference, not inference")

from .agents import agents_posterior
from .agents_table import write_agents
from .calibration import calibrate
from .choose_goals import choose_goals
from .compare import compare
from .conflict_sensitivity import conflict_sensitivity
from .contributions import contributions
from .conventions import conventions
from .conventions_report import conventions_report
from .covariates import covariates
from .dependence import dependence
from .determined import determined
from .everybody import if_everybody_answered
from .export import to_csv
from .fit import fit
from .goals import goals
from .group_matrix import further_apart, group_matrix, within_between
from .identify import identify
from .influence import influence
from .log_likelihood import log_likelihood
from .loo import loo
from .loo_pit import loo_pit
from .loo_pit_plot import plot_loo_pit
from .maximum_likelihood import maximum_likelihood
from .model import build_model
from .path_plot import plot_path
from .plots import plot_alternatives, plot_groups, plot_scores
from .predictive_plots import plot_agreement, plot_answers_per_goal, plot_item_pairs, plot_option_shares
from .replicate import posterior_predictive
from .result_file import load, save
from .scores import prior_scores, scores
from .summary import check, summarize, to_json
from .update import update
from .what_if import what_if

__all__ = [
    "agents_posterior",
    "build_model",
    "calibrate",
    "check",
    "choose_goals",
    "compare",
    "conflict_sensitivity",
    "contributions",
    "conventions",
    "conventions_report",
    "covariates",
    "dependence",
    "determined",
    "fit",
    "further_apart",
    "goals",
    "group_matrix",
    "identify",
    "if_everybody_answered",
    "influence",
    "load",
    "log_likelihood",
    "loo",
    "loo_pit",
    "maximum_likelihood",
    "plot_agreement",
    "plot_alternatives",
    "plot_answers_per_goal",
    "plot_groups",
    "plot_item_pairs",
    "plot_loo_pit",
    "plot_option_shares",
    "plot_path",
    "plot_scores",
    "posterior_predictive",
    "prior_scores",
    "save",
    "scores",
    "summarize",
    "to_csv",
    "to_json",
    "update",
    "what_if",
    "within_between",
    "write_agents",
]

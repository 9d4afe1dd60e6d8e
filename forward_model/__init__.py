"""The forward model: goals, weights and conflict to scores.

:func:`score` is the main entry. :func:`expected_score` does the same for agents whose goals are known by
probability only; :func:`totals_scores` and :func:`expected_scores` are the array functions underneath. The
choice rules turn goals and weights into answers. The experiments and case studies of the paper are ready
functions, each with a plot.
"""

if __name__ != "dissensus.forward_model":
    raise ImportError("import dissensus.forward_model, not forward_model")

from .aggregation import AREA_MEANS, AreaMean, mean_over_areas, relative_over_areas
from .case_studies import cars_and_pedestrians, shopping, shopping_agents, shopping_areas
from .choice_rules import (
    draw_options,
    follow_probability,
    importance_probability,
    learned_probability,
    level_push,
    luce_probability,
    ordinal_probability,
    pairwise_affinity,
)
from .contributions import area_contributions, goal_pair_contributions
from .experiments import (
    misalignment_by_agents_and_areas,
    misalignment_by_agents_and_goals,
    misalignment_by_conflict_level,
    misalignment_by_goal_share,
    misalignment_by_group_weight,
)
from .pair_sums import ExpectedScores, PairScores, TotalsScores, expected_scores, totals_scores
from .plots import (
    plot_agents,
    plot_cars_and_pedestrians,
    plot_conflict_level,
    plot_goal_share,
    plot_group_weight,
    plot_shopping,
)
from .problem_area import ProblemArea, conflict_matrix
from .score import largest_contention, score
from .uncertain_states import expected_score
from .weight_means import WEIGHT_MEANS, WeightMean, mean_of_two

__all__ = [
    "AREA_MEANS",
    "WEIGHT_MEANS",
    "AreaMean",
    "ExpectedScores",
    "PairScores",
    "ProblemArea",
    "TotalsScores",
    "WeightMean",
    "area_contributions",
    "cars_and_pedestrians",
    "conflict_matrix",
    "draw_options",
    "expected_score",
    "expected_scores",
    "follow_probability",
    "goal_pair_contributions",
    "importance_probability",
    "largest_contention",
    "learned_probability",
    "level_push",
    "luce_probability",
    "mean_of_two",
    "mean_over_areas",
    "misalignment_by_agents_and_areas",
    "misalignment_by_agents_and_goals",
    "misalignment_by_conflict_level",
    "misalignment_by_goal_share",
    "misalignment_by_group_weight",
    "ordinal_probability",
    "pairwise_affinity",
    "plot_agents",
    "plot_cars_and_pedestrians",
    "plot_conflict_level",
    "plot_goal_share",
    "plot_group_weight",
    "plot_shopping",
    "relative_over_areas",
    "score",
    "shopping",
    "shopping_agents",
    "shopping_areas",
    "totals_scores",
]

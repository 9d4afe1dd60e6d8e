"""What the ranks of a calibration depend on: a hash of the source of the model and of the fit."""

from __future__ import annotations

import hashlib
import io
import token
import tokenize
from functools import cache
from importlib.resources import files

SOURCES: dict[str, tuple[str, ...]] = {
    "dissensus.forward_model": ("aggregation", "choice_rules", "pair_sums", "soft_memberships"),
    "dissensus.datasets": (
        "answer_probability",
        "ballots",
        "dependence",
        "covariates",
        "examination",
        "learned_goals",
        "mixtures",
        "numbers",
        "parameters",
        "pattern_entries",
        "patterns",
        "periods",
        "self_selection",
        "simulate",
        "simulate_covariates",
        "situations",
        "stages",
        "zero_sum",
    ),
    "dissensus.inference": (
        "annealing",
        "area_fit",
        "area_scores",
        "calibration_design",
        "calibration_ranks",
        "calibration_truth",
        "cumulative_table",
        "density",
        "design",
        "direct_rows",
        "examination_table",
        "goal_distances",
        "goal_mixtures",
        "goal_stages",
        "importance",
        "large",
        "large_density",
        "large_fit",
        "large_states",
        "joint_annealing",
        "joint_density",
        "joint_fit",
        "joint_labels",
        "joint_scores",
        "learned_conflict",
        "learned_goals",
        "learned_table",
        "marginal",
        "mixed_table",
        "mode",
        "number_table",
        "nuts",
        "option_table",
        "parameters",
        "pass_table",
        "pooled_importance",
        "posterior_states",
        "ridges",
        "row_sums",
        "selection_table",
        "skewed_coordinates",
        "stage_table",
        "states",
        "sum_over_parts",
        "thinning",
        "type_shares",
    ),
}
"""The modules, by package. Checks are not among them: they decide which fits are lost, not where a truth ranks."""


@cache
def source_hash() -> str:
    """Return the SHA-256 of the modules, without comments, docstrings and blank lines."""
    digest = hashlib.sha256()
    for package, names in SOURCES.items():
        for name in names:
            text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
            digest.update(f"{package}.{name}\n{meaning(text)}\n".encode())
    return digest.hexdigest()


def meaning(text: str) -> str:
    """Return Python source without what the interpreter disregards: comments, docstrings, blank lines.

    Texts that stand alone as a statement go too. Indentation stays, as INDENT and DEDENT.
    """
    kept: list[str] = []
    statement: list[tokenize.TokenInfo] = []
    for item in tokenize.generate_tokens(io.StringIO(text).readline):
        if item.type in {token.COMMENT, token.NL}:
            continue
        if item.type in {token.INDENT, token.DEDENT}:
            kept.append(token.tok_name[item.type])
        elif item.type in {token.NEWLINE, token.ENDMARKER}:
            if any(part.type != token.STRING for part in statement):
                kept.append(" ".join(part.string for part in statement))
            statement = []
        else:
            statement.append(item)
    return "\n".join(kept)

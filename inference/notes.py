"""What a reader should know beside the numbers: conventions, special cases and what was held fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..datasets.choices import AreaChoices
from ..datasets.study import Area
from ..datasets.uncertain_conflict import in_words, is_uncertain
from ..datasets.validation import listed
from .density import at_face_value, tells_kappa, uses_kappa
from .design_notes import design_notes
from .examination_checks import examination_note
from .self_selection import on_selection

if TYPE_CHECKING:
    from .result import FitParts


def notes_of(parts: FitParts) -> list[str]:
    """Return one sentence for each convention and special case of a fit."""
    areas = [fit.density.area for fit in parts.fits]
    weighted = [fit.density.states.weighted for fit in parts.fits]
    notes: list[str] = []
    stated = [area.name for area in areas if not area.states_goals.all()]
    alone = [area for area, has in zip(areas, weighted, strict=True) if has and at_face_value(area)]
    if any(weighted) and len(alone) < sum(weighted):
        notes.append("Weight means weight from consistency of choices: the share of answers that follow the goal.")
    if stated:
        text = "In {} stated importance bears on the weights too, with a scale of its own."
        notes.append(text.format(listed(stated)))
    notes += [_alone(area, area.name in stated) for area in alone]
    notes += [_on_passing(area) for area in areas if area.is_pass.any()]
    notes += [examination_note(area) for area in areas if area.examined is not None]
    notes += [text for fit in parts.fits if (text := on_selection(fit))]
    notes += _on_kappa(parts)
    for fit, area, has_weights in zip(parts.fits, areas, weighted, strict=True):
        if has_weights:
            continue
        notes.append(no_weight_reason(area.name, learned=any(area.learned)))
        ignored = int((area.counts[area.pattern_of_agent] @ fit.density.table.ignored).sum())
        if ignored:
            notes.append(
                f"{area.name}: {ignored:,} answers serve no goal and, the only ones of their agents, say nothing."
            )
    notes += [
        f"{area.name}: Each answer may follow another of the agent's goals, a mixture in {area.parts} parts; the "
        "probability of a goal is its mean share in the mixture."
        for area in areas
        if area.parts
    ]
    deviating = parts.fits[0].density.parameters.n_deviating
    if deviating:
        sd = parts.priors.group_sd
        notes.append(f"The scale of group deviations is held fixed at {sd:g} (logits of goal shares and mean weights).")
    notes += design_notes(parts.choices, parts.fits[0].density.parameters)
    if parts.choices.groups:
        source = "as given" if parts.shares_given else "as in the table"
        notes.append(f"Population scores hold the group shares fixed, {source}.")
    for written in parts.choices.study.areas:
        if written.learned and written.behavioural:
            notes.append(
                f"{written.name}: Conflict is behavioural: between two learned goals, the share of answers by which "
                "those who hold them differ."
            )
        notes += _on_forms(written)
        if is_uncertain(written.conflict):
            ways = in_words(written.conflict)
            notes.append(
                f"{written.name}: The conflict is uncertain ({ways}); the intervals of the scores allow for it."
            )
    if parts.choices.survey_weight is not None:
        notes.append("Intervals cover unequal survey weights, not clusters or strata.")
    return notes


def _on_kappa(parts: FitParts) -> list[str]:
    """Return where κ is a convention, and where answers tell it."""
    concerned = [fit.density for fit in parts.fits if uses_kappa(fit.density)]
    kappas, told = (
        ", ".join(f"{one.area.name} {one.area.kappa:g}" for one in concerned if tells_kappa(one) == both)
        for both in (False, True)
    )
    notes = []
    if kappas:
        more = ", on ordered scales, in comparisons, rankings, situations, counts and durations"
        rules = f"luce{more}" if any(one.area.kinds for one in concerned) else "luce"
        notes.append(
            f"Under {rules} only κ·weight is seen: κ is a convention ({kappas}), and misalignment depends on it."
        )
    if told:
        notes.append(
            f"Choices that follow a goal stand beside answers that κ·weight moves ({told}): together they tell κ, but "
            "the study holds it fixed. Fits with κ a third lower and a half higher are among the other structures."
        )
    return notes


def _on_forms(written: Area) -> list[str]:
    """Return how ranks of areas and shares of a budget are read."""
    forms = {item.stated.form for item in written.items if item.stated is not None}
    words = {"rank": "a rank among areas", "budget": "a share of a budget"}
    return [
        f"{written.name}: Importance is stated as {words[form]} and read as a level of this area alone: what an agent "
        "says of two areas is taken as independent, given its weights. Who cares much for all areas cannot say so."
        for form in sorted(forms & words.keys())
    ]


def _means_weights(area: AreaChoices) -> bool:
    return bool(area.is_pass.any()) and area.passing_means == "low_weight"


def _alone(area: AreaChoices, stated: bool) -> str:
    sources = ["stated importance"] * stated + ["who passes"] * _means_weights(area)
    return (
        f"{area.name}: one answer per agent, so answers count at face value, and weights come from "
        f"{' and '.join(sources)} alone."
    )


def _on_passing(area: AreaChoices) -> str:
    """Return how passing is read in an area, and how many answers it is about."""
    asked = np.isin(area.item_of_option, area.item_of_option[area.is_pass])
    passed, total = (area.n_agents_of_pattern @ area.counts[:, which].sum(axis=1) for which in (area.is_pass, asked))
    what = "a lower weight" if _means_weights(area) else "an agent without a goal"
    return (
        f"{area.name}: passing ({passed:,} of {total:,} answers) is read as evidence of {what}, as the study says; "
        "whatever else makes agents pass is taken to be alike for all."
    )


def no_weight_reason(area: str, *, learned: bool = False) -> str:
    """Return why an area has no misalignment."""
    if learned:
        return (
            f"{area}: learned goals with weights of 1 (latent classes), so only contention is reported; misalignment "
            'needs stated importance, or weights = "free" in the study.'
        )
    return (
        f"{area}: at most one answer per agent, so answers count at face value (weight 1, uniform baseline) and only "
        "contention is reported; misalignment needs several answers or stated importance."
    )

"""Answers of one study read at two times, put together: counts add up, new agents come to the old."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, shown
from .agent_columns import natural
from .choices import AreaChoices, Choices
from .covariate_columns import covariate_levels
from .covariates import Covariate, numeric
from .findings import RECOMPUTED
from .numbers import Measured, Numbers, numbers_at
from .patterns import Given, build_choices
from .study import Study
from .validation import listed


def join(old: Choices, new: Choices) -> Choices:
    """Return the choices that reading both sources at once would give.

    An agent that is in both has the answers of both: counts of repeated items add up.

    Parameters
    ----------
    old, new
        Choices of one study.

    Returns
    -------
    Choices
        With the ``data_hash`` of a joint reading: it depends on the answers alone.

    Raises
    ------
    InputError
        If the studies differ, an agent answers an item again that is answered once, an agent is in another group or
        period, or has another survey weight or covariate than before, or the study holds what cannot be added up:
        rankings, best and worst, situations, or periods in which the same people were asked.
    """
    _refuse_other_study(old.study, new.study)
    for one in (old, new):
        _refuse_kinds(one)
    labels = np.concatenate([old.agents, new.agents[~np.isin(new.agents, old.agents)]])
    place = {label: k for k, label in enumerate(labels)}
    at_old, at_new = np.arange(old.n_agents), np.array([place[label] for label in new.agents], dtype=np.int64)
    faults: list[Fault] = []
    names = _groups(old.study, (*old.groups, *new.groups))
    what = "group" if old.study.table.period is None else "period"
    group = _of_agents(what, _positions(old, names), _positions(new, names), at_old, at_new, labels, faults)
    weight = None
    if old.survey_weight is not None and new.survey_weight is not None:
        weights = (old.survey_weight, new.survey_weight)
        weight = _of_agents("survey weight", *weights, at_old, at_new, labels, faults)
    covariates = [
        _covariate(one, other, old.study, at_old, at_new, labels, faults)
        for one, other in zip(old.covariates, new.covariates, strict=True)
    ]
    answers: dict[str, Given] = {}
    for before, after in zip(old.areas, new.areas, strict=True):
        numbers = {one.item: (one, other) for one, other in zip(before.numbers, after.numbers, strict=True)}
        for item, name in enumerate(before.items):
            if item in numbers:
                answers[name] = _numbers(before, after, *numbers[item], at_new, labels, faults)
            else:
                answers[name] = _answers(before, after, item, at_old, at_new, labels, faults)
    if faults:
        raise InputError(faults)
    kept = [f for one in (old, new) for f in one.findings if f.code not in RECOMPUTED]
    return build_choices(
        old.study,
        labels,
        answers,
        groups=names,
        group_of_agent=group if names else None,
        survey_weight=weight,
        covariates=covariates,
        findings=list(dict.fromkeys(kept)),
        source=f"{old.source} + {new.source}",
    )


def _refuse_other_study(old: Study, new: Study) -> None:
    if old.to_dict() == new.to_dict():
        return
    before, after = old.to_dict(), new.to_dict()
    parts = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    message = f"The new answers were read with another study: {listed(parts)} differ."
    remedy = "Read them with the study of the result, or fit everything anew."
    raise InputError(Fault(code="other-study", message=message, remedy=remedy))


def _refuse_kinds(choices: Choices) -> None:
    what = []
    if any(finding.code == "panel" for finding in choices.findings):
        what.append("people who were asked in several periods")
    for area in choices.areas:
        if area.stages or set(area.kinds) & {"ranking", "best_worst", "situation"}:
            what.append(f"rankings, best and worst, or situations in area {shown(area.name)}")
    if what:
        message = f"The study has {listed(what)}, which cannot be added to a result yet."
        raise InputError(Fault(code="update", message=message, remedy="Fit everything anew."))


def _groups(study: Study, names: Sequence[str]) -> tuple[str, ...]:
    """Return the groups or periods in the order of a joint reading: as the study declares them, else as sorted."""
    found = set(names)
    declared = [name for name in (*study.table.groups, *study.table.periods) if name in found]
    return tuple(declared + sorted(found - set(declared), key=natural))


def _positions(choices: Choices, names: tuple[str, ...]) -> NDArray[np.int64]:
    at = np.array([*(names.index(name) for name in choices.groups), -1], dtype=np.int64)
    return np.asarray(at[choices.group_of_agent])


def _of_agents[T: np.generic](
    what: str,
    old: NDArray[T],
    new: NDArray[T],
    at_old: NDArray[np.int64],
    at_new: NDArray[np.int64],
    labels: NDArray[np.object_],
    faults: list[Fault],
) -> NDArray[T]:
    """Return a property of all agents; those in both must have the same."""
    both = at_new < len(at_old)
    was, now = old[at_new[both]], new[both]
    changed = was != now
    if was.dtype.kind == "f":
        changed &= ~(np.isnan(was) & np.isnan(now))
    other = np.flatnonzero(both)[changed]
    if len(other):
        named = listed(str(labels[at_new[k]]) for k in other[:LISTED])
        message = f"The {what} of agent {named} is not what it was."
        remedy = f"Give every agent one {what}, or fit everything anew."
        faults.append(Fault(code="changed-agent", message=message, remedy=remedy, count=len(other)))
    result = np.empty(len(labels), dtype=old.dtype)
    result[at_new], result[at_old] = new, old
    return result


def _covariate(
    old: Covariate,
    new: Covariate,
    study: Study,
    at_old: NDArray[np.int64],
    at_new: NDArray[np.int64],
    labels: NDArray[np.object_],
    faults: list[Fault],
) -> Covariate:
    """Return a covariate of all agents, its levels in the order of a joint reading."""
    what = f"value of {shown(old.name)}"
    if old.numeric != new.numeric:
        message = f"Column {shown(old.name)} holds numbers in one table and levels in the other."
        remedy = f"Write its kind below [table.covariates.{old.name}], and fit everything anew."
        raise InputError(Fault(code="unknown-kind", message=message, remedy=remedy, column=old.name))
    if old.numeric:
        return numeric(old.name, _of_agents(what, old.value, new.value, at_old, at_new, labels, faults))
    levels = covariate_levels(study, old.name, {*old.levels, *new.levels})
    place = {level: float(k) for k, level in enumerate(levels)}
    was, now = (np.array([place[level] for level in one.levels])[one.value.astype(np.int64)] for one in (old, new))
    return Covariate(old.name, levels, _of_agents(what, was, now, at_old, at_new, labels, faults))


def _numbers(
    before: AreaChoices,
    after: AreaChoices,
    old: Numbers,
    new: Numbers,
    at_new: NDArray[np.int64],
    labels: NDArray[np.object_],
    faults: list[Fault],
) -> Measured:
    """Return the counts or durations of all agents for one item."""
    first, more = numbers_at(old, before.pattern_of_agent), numbers_at(new, after.pattern_of_agent)
    again = np.intersect1d(first.pattern, at_new[more.pattern])
    if len(again) and not before.repeated[old.item]:
        faults.append(_twice(labels[again], before.items[old.item], len(again)))
    return Measured(
        np.concatenate([first.pattern, at_new[more.pattern]]),
        np.concatenate([first.value[first.which], more.value[more.which]]),
        np.concatenate([first.exposure[first.which], more.exposure[more.which]]),
        np.concatenate([first.times, more.times]),
    )


def _twice(agents: NDArray[np.object_], item: str, count: int) -> Fault:
    message = f"Agent {listed([str(agent) for agent in agents[:LISTED]])} answered item {shown(item)} already."
    remedy = "Leave these answers out, or fit all answers anew; where items are answered again, repeated = true."
    return Fault(code="answer-twice", message=message, remedy=remedy, count=count)


def _answers(
    before: AreaChoices,
    after: AreaChoices,
    item: int,
    at_old: NDArray[np.int64],
    at_new: NDArray[np.int64],
    labels: NDArray[np.object_],
    faults: list[Fault],
) -> NDArray[np.integer]:
    """Return the answers of all agents to one item, in the form :func:`build_choices` takes."""
    own = np.flatnonzero(before.item_of_option == item)
    if before.repeated[item]:
        counts = np.zeros((len(labels), len(own)), dtype=np.int64)
        counts[at_old] += before.counts[:, own][before.pattern_of_agent]
        counts[at_new] += after.counts[:, own][after.pattern_of_agent]
        return counts
    answer = np.full(len(labels), -1, dtype=np.int64)
    answer[at_old] = before.answer(item)[before.pattern_of_agent]
    more = after.answer(item)[after.pattern_of_agent]
    again = np.flatnonzero((more >= 0) & (answer[at_new] >= 0))
    if len(again):
        faults.append(_twice(labels[at_new[again]], before.items[item], len(again)))
    answer[at_new] = np.where(more >= 0, more, answer[at_new])
    return answer

"""From the answers of every agent to distinct patterns: the only form in which models see answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Fault, InputError
from .ballots import Ballots, ballot_stages
from .choices import AreaChoices, Choices, Finding, Truth
from .covariates import Covariate, kept, refuse_many_strata
from .examination import examined_items
from .numbers import Measured, Numbers, kept_numbers, measured_once, number_codes, numbers_at, numbers_of
from .self_selection import recorded
from .situations import Situations, agent_codes, situation_stages
from .stages import Stages, best_worst_stages, kept_stages, ranking_stages, stages_at
from .study import Area, Study, passing
from .validation import listed

type Given = NDArray[np.integer] | NDArray[np.floating] | Situations | Ballots | Measured
"""Answers of all agents to one item, see :func:`build_choices`."""

_LARGEST = 1 << 62
_TABLE_SIZE = 1 << 22
"""Keys below this number are ranked through a look-up table instead of a sort."""


def build_choices(
    study: Study,
    agents: ArrayLike,
    answers: Mapping[str, Given],
    *,
    groups: Sequence[str] = (),
    group_of_agent: NDArray[np.integer] | None = None,
    survey_weight: NDArray[np.floating] | None = None,
    covariates: Sequence[Covariate] = (),
    findings: Iterable[Finding] = (),
    source: str = "memory",
    truth: Truth | None = None,
) -> Choices:
    """Reduce the answers of all agents to a :class:`Choices`.

    Agents without any answer and agents with survey weight 0 are left out and counted in the findings.

    Parameters
    ----------
    study
        What the answers mean.
    agents
        Labels of the agents, (agent,), distinct text.
    answers
        Answers by name of item: for an item answered once the position of the answer among the item's options,
        −1 for no answer, (agent,); for a repeated item how often each option was chosen, (agent, option); for a
        ranking the options from best on, for best and worst these two, −1 after the last, (agent, place); for a count
        or duration the number and its exposure, NaN for none, (agent, 2), or where it is repeated
        :class:`~dissensus.datasets.numbers.Measured`; or :class:`~dissensus.datasets.situations.Situations`, or
        :class:`~dissensus.datasets.ballots.Ballots`.
    groups
        Names of the groups. A group left with no agent is dropped and noted.
    group_of_agent
        Position in ``groups`` of each agent, −1 for none, (agent,).
    survey_weight
        Survey weights, finite and ≥ 0, (agent,).
    covariates
        What goals and weights depend on beside the group.
    findings
        What the reader of the table noticed already.
    source
        Where the answers came from.
    truth
        What simulated agents really hold, agents in the order of ``agents``.

    Returns
    -------
    Choices
        With patterns in lexicographic order: the order of agents does not change them.

    Raises
    ------
    InputError
        If fewer than two agents are left, or nobody answered some item.
    """
    labels = np.asarray(agents, dtype=object)
    n = len(labels)
    group = np.full(n, -1, dtype=np.int64) if group_of_agent is None else np.asarray(group_of_agent, dtype=np.int64)
    weight = None if survey_weight is None else np.asarray(survey_weight, dtype=np.float64)
    areas = [_area_choices(area, answers, n) for area in study.areas]
    noticed = list(findings)

    keep = np.zeros(n, dtype=bool)
    for area in areas:
        keep |= (area.n_answers > 0)[area.pattern_of_agent]
    noticed += _silent(int(n - keep.sum()), n)
    if weight is not None:
        idle = keep & (weight == 0)
        noticed += _weightless(int(idle.sum()))
        keep &= ~idle
    if not keep.all():
        areas = [_kept(area, keep) for area in areas]
        labels, group = labels[keep], group[keep]
        weight = None if weight is None else weight[keep]
        if truth is not None:
            truth = Truth(truth.goals[keep], truth.weights[keep], truth.parameters)
    _refuse_empty(areas, len(labels), n, source)

    names, group, dropped = _present_groups(groups, group, what="groups" if study.table.period is None else "periods")
    before, covariates = covariates, kept(covariates, keep)
    if covariates:
        dropped += _empty_levels(before, covariates)
        refuse_many_strata(covariates, group, len(names))
    choices = Choices(
        study=study,
        agents=labels,
        groups=names,
        group_of_agent=group,
        survey_weight=weight,
        areas=tuple(areas),
        findings=(),
        source=source,
        data_hash=data_hash(labels, names, group, weight, areas, covariates),
        truth=truth,
        covariates=covariates,
    )
    from .findings import quality_findings  # noqa: PLC0415 (findings are about finished choices)

    return replace(choices, findings=(*noticed, *dropped, *quality_findings(choices)))


def distinct_rows(
    columns: Iterable[tuple[NDArray[np.integer], int]], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the distinct rows of a table of small integers, in lexicographic order.

    Parameters
    ----------
    columns
        Each column with its radix: entries lie in [0, radix). Columns are read one at a time.
    n
        Number of rows.

    Returns
    -------
    first, rank
        A row of each distinct kind, (kind,), and the kind of each row, (row,).
    """
    # A mixed-radix number per row; before it would leave int64 it is replaced by its rank, which keeps the order.
    key, span = np.zeros(n, dtype=np.int64), 1
    for column, radix in columns:
        if span * radix >= _LARGEST:
            first, key = _ranked(key, span)
            span = max(1, len(first))
        entry, size = column, radix
        if span * size >= _LARGEST:
            values, entry = np.unique(column, return_inverse=True)
            size = len(values)
        key *= size
        key += entry
        span *= size
    return _ranked(key, span)


def _ranked(key: NDArray[np.int64], span: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if span > _TABLE_SIZE:
        _, first, rank = np.unique(key, return_index=True, return_inverse=True)
        return first.astype(np.int64), rank.reshape(-1).astype(np.int64)
    first_row = np.full(span, -1, dtype=np.int64)
    first_row[key[::-1]] = np.arange(len(key) - 1, -1, -1)
    present = first_row >= 0
    return first_row[present], (np.cumsum(present) - 1)[key]


def _area_choices(area: Area, answers: Mapping[str, Given], n: int) -> AreaChoices:
    """Reduce the answers of one area to its patterns."""
    situations = {}
    numbers: dict[int, Numbers] = {}
    for place, item in enumerate(area.items):
        given = answers[item.name]
        if isinstance(given, Situations):
            situations[place] = situation_stages(place, item, given)
        elif isinstance(given, Ballots):
            situations[place] = ballot_stages(place, item, given)
        elif item.is_number:
            measured = given if isinstance(given, Measured) else measured_once(given.astype(np.float64))
            numbers[place] = numbers_of(place, item.kind, measured)

    def columns() -> Iterable[tuple[NDArray[np.integer], int]]:
        for place, item in enumerate(area.items):
            given = answers[item.name]
            if isinstance(given, Situations | Ballots):
                yield agent_codes(situations[place], n)
            elif isinstance(given, Measured) or item.is_number:
                yield number_codes(numbers[place], n)
            elif item.repeated:
                for counts in given.T:
                    yield counts, int(counts.max(initial=0)) + 1
            elif item.in_stages:
                for ranked in given.T:
                    yield ranked.astype(np.int64) + 1, len(item.serves) + 1
            else:
                # the shift by one happens in int64: a narrow type could overflow
                yield given.astype(np.int64) + 1, len(item.serves) + 1

    first, rank = distinct_rows(columns(), n)
    sizes = [len(item.serves) for item in area.items]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    counts = np.zeros((len(first), starts[-1]), dtype=np.int64)
    stages = []
    for place, (item, start, size) in enumerate(zip(area.items, starts, sizes, strict=False)):
        answer = answers[item.name]
        if isinstance(answer, Situations | Ballots):
            stages.append(stages_at(situations[place], first))
            continue
        if isinstance(answer, Measured) or item.is_number:
            continue
        given = answer[first].astype(np.int64)
        if item.in_stages:
            make = ranking_stages if item.kind == "ranking" else best_worst_stages
            stages.append(make(place, given, size))
            given = given[:, 0]
        if item.repeated:
            counts[:, start : start + size] = given
        else:
            answered = np.flatnonzero(given >= 0)
            counts[answered, start + given[answered].astype(np.int64)] = 1
    held = tuple(numbers_at(one, first) for one in numbers.values())
    return area_choices(area, counts, rank, tuple(stages), held)


def area_choices(
    area: Area,
    counts: NDArray[np.int64],
    pattern_of_agent: NDArray[np.int64],
    stages: tuple[Stages, ...] = (),
    numbers: tuple[Numbers, ...] = (),
) -> AreaChoices:
    """Return the choices of one area from its distinct patterns.

    Parameters
    ----------
    area
        The area of the study.
    counts
        Distinct patterns, (pattern, option), options in the order of the study.
    pattern_of_agent
        Row of ``counts`` of each agent, (agent,).
    stages
        Later choices of rankings, of best and worst.
    numbers
        Counts and durations.
    """
    return AreaChoices(
        name=area.name,
        goals=area.goals,
        conflict=area.conflict_matrix,
        rule=area.rule,
        kappa=area.kappa,
        baseline=area.baseline,
        no_goal=area.no_goal,
        area_weight=area.area_weight,
        items=tuple(item.name for item in area.items),
        repeated=np.array([item.repeated for item in area.items], dtype=bool),
        options=area.options,
        item_of_option=np.repeat(np.arange(len(area.items)), [len(item.serves) for item in area.items]),
        serves=area.serves_matrix,
        counts=counts,
        pattern_of_agent=pattern_of_agent,
        kinds=area.kinds,
        objects=area.objects,
        learned=area.learned_items,
        weights=area.weights,
        behavioural=area.behavioural,
        stages=stages,
        numbers=numbers,
        passes=passes if (passes := passing(area)).any() else None,
        passing_means="low_weight" if area.abstain is None else area.abstain.means,
        parts=area.mixture_parts,
        examined=examined_items(area),
        ballots=area.ballots,
        recorded=recorded(area),
    )


def _kept(area: AreaChoices, keep: NDArray[np.bool_]) -> AreaChoices:
    """Return the area for the agents kept, without the patterns nobody has any more."""
    rank = area.pattern_of_agent[keep]
    used = np.bincount(rank, minlength=len(area.counts)) > 0
    fields = {**vars(area), "counts": area.counts[used], "pattern_of_agent": (np.cumsum(used) - 1)[rank]}
    fields["stages"] = kept_stages(area.stages, used)
    fields["numbers"] = kept_numbers(area.numbers, used)
    return AreaChoices(**fields)


def _silent(silent: int, n: int) -> list[Finding]:
    if not silent:
        return []
    message = f"{silent:,} of {n:,} agents gave no answer anywhere and are left out."
    return [Finding("silent-agents", message, "note" if silent < 0.05 * n else "caution")]


def _weightless(idle: int) -> list[Finding]:
    if not idle:
        return []
    return [Finding("zero-weight", f"{idle:,} agents with survey weight 0 are left out.", "note")]


def _refuse_empty(areas: Sequence[AreaChoices], n: int, n_read: int, source: str) -> None:
    file = None if source == "memory" else source
    if n == 0:
        message = f"The table holds no answer: all answers of its {n_read:,} agents are missing or weighted 0."
        remedy = "Check 'missing', the columns of the items, and the survey weights."
        raise InputError(Fault(code="no-answers", message=message, remedy=remedy, file=file))
    if n == 1:
        message = "The table holds one agent with an answer, and a score is about pairs."
        raise InputError(Fault(code="one-agent", message=message, remedy="Give at least two agents.", file=file))
    faults = []
    for area in areas:
        answered = area.answered.any(axis=0)
        if area.examined is not None:  # what is shown at one place at least is asked
            answered = np.bincount(area.examined.same_as, answered, minlength=len(answered))[area.examined.same_as] > 0
        for item, any_answer in zip(area.items, answered, strict=True):
            if not any_answer:
                message = f"Nobody answered item {item!r} of area {area.name!r}."
                remedy = "Leave the item out of the study, or check its column and the codes in 'missing'."
                faults.append(Fault(code="empty-item", message=message, remedy=remedy, file=file, column=item))
    if faults:
        raise InputError(faults)


def _present_groups(
    groups: Sequence[str], group: NDArray[np.int64], *, what: str
) -> tuple[tuple[str, ...], NDArray[np.int64], list[Finding]]:
    size = np.bincount(group[group >= 0], minlength=len(groups))
    empty = [name for name, count in zip(groups, size, strict=True) if not count]
    if not empty:
        return tuple(groups), group, []
    position = np.append(np.cumsum(size > 0) - 1, -1)  # the last entry serves −1, agents in no group
    names = tuple(name for name, count in zip(groups, size, strict=True) if count)
    message = f"No agent belongs to {', '.join(map(repr, empty))}; left out of the {what}."
    return names, position[group], [Finding("empty-group", message, "note")]


def _empty_levels(before: Sequence[Covariate], after: Sequence[Covariate]) -> list[Finding]:
    lost = [
        f"{one.name} = {level}"
        for one, other in zip(before, after, strict=True)
        for level in one.levels
        if level not in other.levels
    ]
    if not lost:
        return []
    return [Finding("empty-level", f"No agent has {listed(lost)}; left out of what goals depend on.", "note")]


def data_hash(
    agents: NDArray[np.object_],
    groups: Sequence[str],
    group: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    areas: Sequence[AreaChoices],
    covariates: Sequence[Covariate] = (),
) -> str:
    """SHA-256 over the content, agents in the order of their labels: the order of rows does not enter."""
    order = np.argsort(agents.astype(np.dtypes.StringDType()), kind="stable")
    head = [groups, [[area.name, area.items, area.options, area.item_of_option.tolist()] for area in areas]]
    digest = hashlib.sha256(json.dumps(head, ensure_ascii=True).encode())
    labels = agents[order].tolist()
    digest.update(np.array([len(label) for label in labels], dtype="<i8").tobytes())
    digest.update("".join(labels).encode("utf-8", "surrogatepass"))
    digest.update(group[order].astype("<i8").tobytes())
    if weight is not None:
        digest.update(b"weight" + weight[order].astype("<f8").tobytes())
    for one in covariates:
        what = ["covariate", one.name, one.levels, one.centre, one.scale]
        digest.update(json.dumps(what, ensure_ascii=True).encode())
        digest.update(one.value[order].astype("<f8").tobytes())
    for area in areas:
        digest.update(area.counts.astype("<i8").tobytes())
        digest.update(area.pattern_of_agent[order].astype("<i8").tobytes())
        for stages in area.stages:
            for part in (stages.shown, stages.chosen, stages.worst, stages.pattern, stages.stage, stages.times):
                digest.update(part.astype("<i8").tobytes())
            digest.update(stages.features.astype("<f8").tobytes())
        for numbers in area.numbers:
            digest.update(numbers.value.astype("<f8").tobytes() + numbers.exposure.astype("<f8").tobytes())
            for held in (numbers.pattern, numbers.which, numbers.times):
                digest.update(held.astype("<i8").tobytes())
    return digest.hexdigest()

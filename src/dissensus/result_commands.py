"""The commands that read a result: its scores, its checks, and its scores under a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from .errors import Fault, InputError, Refused, clean
from .terminal import DONE, REFUSED, complain, print_json, print_report, working

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import RenderableType

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
AllowUnreliable = Annotated[
    bool, Parameter(negative="", help="Show the numbers of a refused fit, marked as unreliable.")
]
Result = Annotated[str, Parameter(name="RESULT", help="Result file of dissensus fit.")]


def scores(
    result: Result,
    /,
    *,
    by: Annotated[Literal["group"] | None, Parameter(help="Add scores within and between groups.")] = None,
    area: Annotated[str | None, Parameter(help="With --by group: the tables of this area; overall without it.")] = None,
    small_groups: Annotated[
        bool,
        Parameter(negative="", help="With --by group: groups of fewer than 10 agents too (--json has them always)."),
    ] = False,
    as_json: Json = False,
    csv: Annotated[str | None, Parameter(help="Write the rows to this CSV file too, with origin and reasons.")] = None,
    force: Annotated[bool, Parameter(negative="", help="With --csv: replace an existing file.")] = False,
    allow_unreliable: AllowUnreliable = False,
) -> int:
    """Print the scores of a result."""
    _require_by(by, area=area, small_groups=small_groups)
    loaded = load_result(result)
    if by == "group" and "group" not in loaded["scores"].dims:
        message = "The result has no groups, so there are no scores by group."
        remedy = 'Name a column as "group" under [table] of the study, and fit again.'
        raise InputError(Fault(code="no-groups", message=message, remedy=remedy, file=result))
    if csv is not None and os.path.exists(csv) and os.path.samefile(csv, result):
        message = "The table would replace the result it is made from."
        raise InputError(Fault(code="same-file", message=message, remedy="Give another --csv.", file=csv))
    show_scores(loaded, by=by, area=area, small_groups=small_groups, as_json=as_json, allow_unreliable=allow_unreliable)
    code = exit_code(loaded, allow_unreliable=allow_unreliable)
    if csv is not None and code == DONE:
        from .inference.export import to_csv  # noqa: PLC0415

        left_out = to_csv(loaded, csv, by=by, small_groups=small_groups, allow_unreliable=allow_unreliable, force=force)
        if left_out:
            complain(f"Left out of it: {len(left_out)} groups of fewer than 10 agents; --small-groups has them.")
        complain(f"Written to {clean(csv)}")
    return code


def check(
    result: Result,
    /,
    *,
    conventions: Annotated[
        bool, Parameter(negative="", help="Also fit again under other conventions, and say how far scores move.")
    ] = False,
) -> int:
    """Print the checks of a result."""
    from .inference.report_text import checks_report  # noqa: PLC0415

    loaded = load_result(result)
    print_report(lambda width: checks_report(loaded, width=width))
    code = exit_code(loaded, allow_unreliable=False)
    if conventions and code == DONE:
        from .inference.conventions_report import conventions_report  # noqa: PLC0415

        print_report(lambda width: conventions_report(loaded, width=width))
    return code


Written = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


def what_if(
    result: Result,
    /,
    *,
    goal: Annotated[
        Written, Parameter(help="AREA=GOAL, AREA/WHO=GOAL (a group or an agent), AREA=GOAL:SHARE; AREA= is no goal.")
    ] = None,
    weight: Annotated[Written, Parameter(help="AREA=NUMBER or AREA/WHO=NUMBER, from 0 to 1.")] = None,
    weight_factor: Annotated[Written, Parameter(help="The same with a factor of the weights.")] = None,
    remove: Annotated[Written, Parameter(help="Groups and agents to leave out.")] = None,
    conflict: Annotated[Written, Parameter(help="AREA/GOAL|GOAL=NUMBER, or AREA=NUMBER for all pairs.")] = None,
    group_share: Annotated[Written, Parameter(help="GROUP=NUMBER: its share in the population.")] = None,
    by: Annotated[Literal["group"] | None, Parameter(help="Add scores within and between groups.")] = None,
    area: Annotated[str | None, Parameter(help="With --by group: the table of this area; overall without it.")] = None,
    small_groups: Annotated[
        bool,
        Parameter(negative="", help="With --by group: groups of fewer than 10 agents too (--json has them always)."),
    ] = False,
    as_json: Json = False,
    allow_unreliable: AllowUnreliable = False,
) -> int:
    """Print the scores under changes, beside those as fitted and their difference."""
    _require_by(by, area=area, small_groups=small_groups)
    loaded = load_result(result)
    with working("changing") as say:
        from .inference.changes_written import read_written  # noqa: PLC0415
        from .inference.result import choices_of  # noqa: PLC0415
        from .inference.what_if import what_if as scores_under  # noqa: PLC0415
        from .inference.what_if_report import what_if_json, what_if_report  # noqa: PLC0415

        changes = read_written(
            choices_of(loaded),
            goal=goal or (),
            weight=weight or (),
            weight_factor=weight_factor or (),
            remove=remove or (),
            conflict=conflict or (),
            group_share=group_share or (),
        )
        say("drawing the states of agents again")
        try:
            changed = scores_under(loaded, **changes, by=by, allow_unreliable=allow_unreliable)
        except Refused:
            if not as_json:
                raise
            print_json(what_if_json(loaded, None))
            return REFUSED
    if as_json:
        print_json(what_if_json(loaded, changed))
    else:
        print_report(lambda width: what_if_report(loaded, changed, width=width, area=area, small_groups=small_groups))
    return DONE


def agents(
    result: Result,
    *names: Annotated[str, Parameter(name="AGENT", help="Labels of agents, such as a recommender or an AI system.")],
    parquet: Annotated[
        str | None, Parameter(help="Write goal probabilities and mean weights of all agents to this Parquet file.")
    ] = None,
    force: Annotated[bool, Parameter(negative="", help="With --parquet: replace an existing file.")] = False,
    as_json: Json = False,
    allow_unreliable: AllowUnreliable = False,
) -> int:
    """Print goal and weight of some agents, with intervals; or write those of all."""
    loaded = load_result(result)
    if parquet is not None:
        with working("writing"):
            from .inference.agents_table import write_agents  # noqa: PLC0415

            number = write_agents(loaded, parquet, allow_unreliable=allow_unreliable, force=force)
        complain(f"Written to {clean(parquet)}: {number:,} agents")
        if not names:
            return DONE
    with working("asking"):
        from .inference.agents import agents_posterior  # noqa: PLC0415
        from .inference.agents_report import agents_json, agents_report  # noqa: PLC0415

        try:
            found = agents_posterior(loaded, names, allow_unreliable=allow_unreliable)
        except Refused:
            if not as_json:
                raise
            print_json(agents_json(loaded, None))
            return REFUSED
    if as_json:
        print_json(agents_json(loaded, found))
    else:
        print_report(lambda _: agents_report(loaded, found))
    return DONE


def _require_by(by: str | None, *, area: str | None, small_groups: bool) -> None:
    if (area is not None or small_groups) and by is None:
        message, remedy = "--area and --small-groups choose among tables of groups.", "Add --by group."
        raise InputError(Fault(code="by", message=message, remedy=remedy))


def load_result(path: str) -> xr.DataTree:
    """Return the result of a file."""
    with working("loading"):
        from .inference.result_file import load  # noqa: PLC0415

        return load(path)


def exit_code(result: xr.DataTree, *, allow_unreliable: bool) -> int:
    """Return what a command that showed a result ends with."""
    from .inference.verdict import verdict  # noqa: PLC0415

    return REFUSED if verdict(result).refused and not allow_unreliable else DONE


def show_scores(
    result: xr.DataTree,
    *,
    by: str | None = None,
    area: str | None = None,
    small_groups: bool = False,
    as_json: bool,
    allow_unreliable: bool,
) -> None:
    """Print the scores of a result, as a table or as JSON."""
    from .inference import report_text  # noqa: PLC0415
    from .inference.summary import to_json  # noqa: PLC0415
    from .inference.verdict import verdict  # noqa: PLC0415

    if as_json:
        print_json(to_json(result, by=by, allow_unreliable=allow_unreliable))
        return

    def report(width: int) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415

        parts = [report_text.scores_report(result, width=width, allow_unreliable=allow_unreliable)]
        if verdict(result).refused and not allow_unreliable:
            return parts[0]
        if by is not None:
            parts.append(
                report_text.groups_report(
                    result, width=width, area=area, small_groups=small_groups, allow_unreliable=allow_unreliable
                )
            )
        return Group(*parts, "", report_text.how_to_read(result))

    print_report(report)

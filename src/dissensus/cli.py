"""The ``dissensus`` command: its parts, and those that fit; those that read a result are in ``result_commands``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from . import __version__
from .errors import Fault, InputError, shown
from .result_commands import AllowUnreliable, Json, agents, check, exit_code, scores, show_scores, what_if
from .terminal import (
    BROKEN_PIPE,
    DONE,
    INTERRUPTED,
    REFUSED,
    complain,
    counting,
    explained,
    print_json,
    print_report,
    working,
)

# numpy, pandas and all that stands on them take seconds: imported by the commands that compute
if TYPE_CHECKING:
    from .datasets import Choices, Study

_CHECKPOINT = ".checkpoint"

_EPILOGUE = "Exit codes: 0 done, also with caution; 1 refused; 2 bad input or usage; 3 internal fault; 130 interrupted."

_DEMO = (
    "In 1951, 216 students were asked what they would do in four dilemmas where a duty to a friend stands against a "
    "duty to everyone alike (Stouffer and Toby, https://doi.org/10.1086/220785). Each answer serves one of two goals, "
    '"universalistic" or "particularistic", which conflict fully. Which goal does each student hold, how consistently, '
    "and how often would two of them be at odds? The answers alone say:"
)

_STUDY = """\
title = "Getting to work"
[table]
agent = "id"                       # the column that names who answered
[areas.transport]
goals = ["cars", "transit"]
conflict = 1.0                     # from 0, no conflict, to 1
[areas.transport.items.roads]      # a column of the table, and the goal that each of its answers serves
serves = { build = "cars", stop = "transit", undecided = [] }
[areas.transport.items.fares]
serves = { lower = "transit", higher = "cars" }
[areas.transport.items.parking]
serves = { more = "cars", less = "transit" }
"""

_NEXT = f"""\
What to do next with a table of your own
  1. A table with a row for each agent, answers.csv:

         id,roads,fares,parking
         1,build,higher,more
         2,stop,lower,less

  2. A study file that says what the answers mean, study.toml:

{"".join("         " + line for line in _STUDY.splitlines(keepends=True))}
  3. dissensus fit study.toml answers.csv -o result.nc      (in a checkout: uv run dissensus fit …)
     dissensus check result.nc                              everything that was checked
     dissensus scores result.nc --json                      the same numbers for a program
"""

app = App(
    name="dissensus",
    help="Posterior misalignment scores from what agents were seen to choose. Start with: dissensus demo",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
)

app.command(scores, help="Print the scores of a result, with intervals, states and reasons.")
app.command(check, help="Print every stored check of a result, by area, and the structural alternatives.")
app.command(agents, help="Print goal and weight of some agents, such as a recommender, with intervals.")
app.command(what_if, help="Print the scores if goals, weights, conflicts, agents or shares of groups were others.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    code = run(arguments)
    if code in {INTERRUPTED, REFUSED}:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)  # threads that still compute are not waited for
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments
        Words of the command line after the name of the program; None for those it was called with.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Unicode shows codes
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except (BrokenPipeError, SystemExit) as error:  # rich turns the first into the second
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again at exit
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        code, message = explained(error)
        complain(message)
        return code


@app.command(help="Fit a bundled table of real answers, and show how to read the scores.")
def demo() -> int:
    """Fit the bundled table and explain what is shown."""
    with working("loading") as say:
        from . import datasets  # noqa: PLC0415
        from .inference import report_text  # noqa: PLC0415
        from .inference.fit import fit as fit_choices  # noqa: PLC0415

        result = fit_choices(datasets.load("stouffer_toby"), seed=1951, progress=say)
    print_report(lambda _: _DEMO)
    print_report(lambda width: report_text.scores_report(result, width=width))
    print_report(lambda _: report_text.model_dependence(result))
    print_report(lambda width: report_text.alternatives_report(result, width=width))
    print_report(lambda _: report_text.how_to_read(result))
    sys.stdout.write(_NEXT)
    return exit_code(result, allow_unreliable=False)


@app.command(help="Fit a table of answers or a log of events, write the result, and print its scores.")
def fit(
    study: Annotated[str, Parameter(name="STUDY", help="Study file (TOML): what the table or the log means.")],
    table: Annotated[
        list[str],
        Parameter(
            name="TABLE",
            help="Table of answers: CSV, TSV or Parquet. If the study has a [log]: its files, folders or patterns.",
        ),
    ],
    /,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"], help="Result file to write (netCDF).")],
    items: Annotated[str | None, Parameter(help="Item table of a log; default the one the study names.")] = None,
    seed: Annotated[int | None, Parameter(help="Seed of everything random; if none is given, one is drawn.")] = None,
    method: Annotated[
        Literal["auto", "laplace", "nuts"],
        Parameter(help="Importance draws with NUTS where they fail, importance draws only, or NUTS only."),
    ] = "auto",
    draws: Annotated[int, Parameter(help="Posterior draws, at least 1,000.")] = 2_000,
    as_json: Json = False,
    force: Annotated[bool, Parameter(negative="", help="Replace an existing result file.")] = False,
    allow_unreliable: AllowUnreliable = False,
    resume: Annotated[
        bool, Parameter(negative="", help="Go on from the NUTS draws that an interrupted run left beside the result.")
    ] = False,
    max_seconds: Annotated[float | None, Parameter(help="Stop, without a result, when this time is over.")] = None,
    max_memory: Annotated[
        float | None, Parameter(help="Most gigabytes a fit may take; default 70 % of the free memory.")
    ] = None,
) -> int:
    """Fit a table, write the result whatever its state, and print what ``scores`` prints."""
    if seed is not None and seed < 0:
        raise InputError(Fault(code="seed", message=f'"--seed" is {seed}.', remedy="Give a whole number from 0 up."))
    if max_seconds is not None and not max_seconds > 0:
        message = f'"--max-seconds" is {max_seconds}.'
        raise InputError(Fault(code="max-seconds", message=message, remedy="Give a number of seconds above 0."))
    started = time.monotonic()
    with working("loading") as say:
        from . import datasets  # noqa: PLC0415
        from .inference.fit import fit as fit_choices  # noqa: PLC0415
        from .inference.result_file import check_target, save  # noqa: PLC0415
        from .inference.verdict import verdict  # noqa: PLC0415

        target = check_target(output, force=force or resume)
        kept = f"{target}{_CHECKPOINT}"
        for given in (study, *table, *([] if items is None else [items])):
            if os.path.exists(given) and os.path.exists(target) and os.path.samefile(given, target):
                message = "The result would replace a file it is made from."
                raise InputError(Fault(code="same-file", message=message, remedy="Give another --output.", file=output))
        parsed = datasets.Study.from_toml(study)
        say("reading the table" if parsed.log is None else "reading the log")
        choices = _read(parsed, study, table, items, max_memory)
        say(repr(choices))
        if resume and not force and os.path.exists(target):
            return _already_there(str(target), choices, seed=seed, as_json=as_json, allow_unreliable=allow_unreliable)
        if force and not resume:
            _discard(kept)
        left = None if max_seconds is None else max(max_seconds - (time.monotonic() - started), 1e-3)
        try:
            result = fit_choices(
                choices,
                seed=seed,
                method=method,
                draws=draws,
                progress=say,
                max_seconds=left,
                max_memory=None if max_memory is None else 1e9 * max_memory,
                checkpoint=kept,
                resume=resume,
            )
        except (KeyboardInterrupt, TimeoutError):
            if os.path.exists(kept):
                complain(f"The finished draws are in {kept}: go on from them with the same command and --resume.")
            raise
        if verdict(result).refused and allow_unreliable:
            result.attrs["allow_unreliable"] = json.dumps(True)
        say("writing")
        try:
            save(result, output, force=force)
            _discard(kept)
            written = None
        except InputError as error:  # the numbers were expensive: show them before the complaint
            written = error
    show_scores(result, as_json=as_json, allow_unreliable=allow_unreliable)
    if written is not None:
        raise written
    complain(f"Written to {output}")
    return exit_code(result, allow_unreliable=allow_unreliable)


@app.command(help="Add new answers to those of a result, fit all of them, and print the scores.")
def update(
    result: Annotated[str, Parameter(name="RESULT", help="Result file of dissensus fit.")],
    new: Annotated[
        list[str],
        Parameter(name="NEW", help="New answers: a table, or files, folders or patterns of a log, as for fit."),
    ],
    /,
    *,
    output: Annotated[
        str | None, Parameter(name=["--output", "-o"], help="Result file to write; default RESULT, with --force.")
    ] = None,
    study: Annotated[
        str | None,
        Parameter(help="Study file to read NEW with; default that of the result. Needed for tables of judgements."),
    ] = None,
    items: Annotated[str | None, Parameter(help="Item table of a log.")] = None,
    seed: Annotated[int | None, Parameter(help="Seed of everything random; if none is given, one is drawn.")] = None,
    method: Annotated[Literal["auto", "laplace", "nuts"], Parameter(help="As for fit.")] = "auto",
    as_json: Json = False,
    force: Annotated[bool, Parameter(negative="", help="Replace an existing result file.")] = False,
    allow_unreliable: AllowUnreliable = False,
    max_memory: Annotated[
        float | None, Parameter(help="Most gigabytes a fit may take; default 70 % of the free memory.")
    ] = None,
) -> int:
    """Add new answers to those of a result, fit all of them, and print what ``scores`` prints."""
    with working("loading") as say:
        from . import datasets  # noqa: PLC0415
        from .inference.result import attribute  # noqa: PLC0415
        from .inference.result_file import check_target, load, save  # noqa: PLC0415
        from .inference.update import update as update_fit  # noqa: PLC0415

        target = result if output is None else output
        check_target(target, force=force)
        loaded = load(result)
        say("reading the new answers")
        own = datasets.Study.from_dict(attribute(loaded, "study"))
        choices = _read(own if study is None else datasets.Study.from_toml(study), None, new, items, max_memory)
        memory = None if max_memory is None else 1e9 * max_memory
        updated = update_fit(loaded, choices, seed=seed, method=method, progress=say, max_memory=memory)
        say("writing")
        save(updated, target, force=force)
    show_scores(updated, as_json=as_json, allow_unreliable=allow_unreliable)
    complain(f"Written to {target}")
    return exit_code(updated, allow_unreliable=allow_unreliable)


def _read(
    study: Study, study_file: str | None, tables: Sequence[str], items: str | None, max_memory: float | None
) -> Choices:
    """Read the one table, or the log, that a study is about."""
    from . import datasets  # noqa: PLC0415

    if study.log is not None:
        memory = None if max_memory is None else 1e9 * max_memory
        return datasets.read_log(tables, study, items=items, study_file=study_file, max_memory=memory)
    if len(tables) > 1 or items is not None:
        what = "an item table is" if items is not None else f"{len(tables)} tables are"
        message = f"The study is about one table, and {what} given."
        remedy = "Give one table; a log of events in several files needs a [log] in the study."
        raise InputError(Fault(code="tables", message=message, remedy=remedy, file=study_file))
    return datasets.read_table(tables[0], study)


@app.command(help="Simulate data like those of a study, and check that intervals of the scores hold the truth.")
def calibrate(
    study: Annotated[str, Parameter(name="STUDY", help="Study file (TOML): what the table means.")],
    /,
    *,
    agents: Annotated[int, Parameter(help="Agents in each simulated data set.")] = 500,
    sets: Annotated[int, Parameter(help="Number of data sets.")] = 200,
    seed: Annotated[int | None, Parameter(help="Seed; if none is given, the folder's, or one is drawn.")] = None,
    groups: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative="", help="Groups as NAME=SHARE, two or more; default none."),
    ] = None,
    missing: Annotated[float, Parameter(help="Probability that an answer is missing, at random.")] = 0.0,
    answers_per_item: Annotated[int, Parameter(help="Answers of an agent to a repeated item.")] = 5,
    output: Annotated[
        str | None,
        Parameter(
            name=["--output", "-o"],
            help="Folder for finished data sets and the report. The same command goes on from what is there.",
        ),
    ] = None,
    cores: Annotated[int | None, Parameter(help="Number of processes; default all cores.")] = None,
    as_json: Json = False,
) -> int:
    """Calibrate the scores for a study's own design: 0 when passed, 1 when failed or too few data sets."""
    with counting("data sets") as tick:
        from . import datasets  # noqa: PLC0415
        from .inference.calibration import calibrate as run_calibration  # noqa: PLC0415
        from .inference.calibration_report import report  # noqa: PLC0415

        try:
            outcome = run_calibration(
                datasets.Study.from_toml(study),
                agents,
                sets=sets,
                seed=seed,
                groups=_shares(groups or []),
                missing=missing,
                answers_per_item=answers_per_item,
                folder=output,
                cores=cores,
                progress=tick,
            )
        except KeyboardInterrupt:
            if output is not None:
                complain(f"What is finished is in {output}: the same command goes on from there.")
            raise
    if as_json:
        print_json(outcome.to_dict())
    else:
        print_report(lambda _: report(outcome))
    if output is not None:
        complain(f"Written to {os.path.join(output, 'report.html')}")
    return DONE if outcome.state == "passed" else REFUSED


def _shares(groups: Sequence[str]) -> dict[str, float]:
    """Return the shares of groups given as NAME=SHARE."""
    shares: dict[str, float] = {}
    faults = []
    for text in groups:
        name, _, share = text.rpartition("=")
        try:
            if not name or name in shares:
                raise ValueError
            shares[name] = float(share)
        except ValueError:
            message = f'"--groups" has {shown(text)}.'
            remedy = "Give each group once, as NAME=SHARE, such as women=0.5."
            faults.append(Fault(code="groups", message=message, remedy=remedy, value=text))
    if faults:
        raise InputError(faults)
    return shares


def _already_there(path: str, choices: Choices, *, seed: int | None, as_json: bool, allow_unreliable: bool) -> int:
    """Show the result of a run that was interrupted after it was written; refuse any other."""
    from .inference.result import attribute  # noqa: PLC0415
    from .inference.result_file import check_target, load  # noqa: PLC0415

    found = load(path)
    same = attribute(found, "data_hash") == choices.data_hash and attribute(found, "study") == choices.study.to_dict()
    if not same or seed not in {None, attribute(found, "seed")}:
        check_target(path)  # says that it exists
    _discard(path + _CHECKPOINT)
    complain(f"The run was complete: {path}")
    show_scores(found, as_json=as_json, allow_unreliable=allow_unreliable)
    return exit_code(found, allow_unreliable=allow_unreliable)


def _discard(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)

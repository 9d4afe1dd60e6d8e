"""A calibration as a person reads it: the verdict, a table of coverage and ranks, what it means, what it would find."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..errors import clean
from .calibration import Calibration
from .calibration_design import LOG_LIKELIHOOD, MOST_GROUPS, Quantity
from .calibration_gate import LEVEL, MOST_LOST, Tests, band

STYLES = {"passed": "green", "failed": "bold red", "too few": "yellow"}
_LISTED = 8


def report(outcome: Calibration) -> RenderableType:
    """Return the report of a calibration."""
    parts: list[RenderableType] = [heading(outcome), Text(verdict_sentence(outcome)), ""]
    parts.append(_score_table(outcome))
    parts += [*map(_paragraph, notes(outcome)), ""]
    parts.append(Text("What this run would have found", "bold"))
    parts.append(_power_table(outcome))
    parts += [_paragraph(power_sentence(outcome)), ""]
    parts.append(Text("How to read this", "bold"))
    parts += map(_paragraph, how_to_read(outcome))
    return Group(*parts)


def heading(outcome: Calibration) -> Text:
    """Return one line: the state, and what was calibrated."""
    design, sets = outcome.design, len(outcome.results)
    what = f"{sets:,} data sets of {design.n_agents:,} agents"
    if design.groups:
        what += f" in {len(design.groups)} groups"
    if design.missing:
        what += f", {design.missing:.0%} of answers missing"
    title = clean(design.study.title) or "calibration"
    return Text.assemble((outcome.state, STYLES[outcome.state]), f"  {title}: {what}; seed {outcome.seed}")


def verdict_sentence(outcome: Calibration) -> str:
    """Return what the verdict says, with its reasons."""
    if outcome.state == "failed":
        return "The intervals of the scores are not honest for this design. " + " ".join(outcome.verdict.reasons)
    passed = f"Nothing speaks against the intervals (p = {outcome.verdict.p:.2g} over everything ranked)"
    if outcome.state == "too few":
        return f"{passed}, but with so few data sets hardly any fault would have been found."
    return f"{passed}; what a run of this size can find stands below."


def tests_of(outcome: Calibration) -> list[tuple[Quantity, Tests | None]]:
    """Return the quantities with their tests: scores over all agents, then groups, then log likelihoods."""
    pairs = list(zip(outcome.quantities, outcome.verdict.tests, strict=True))
    return sorted(pairs, key=lambda p: (p[0].score == LOG_LIKELIHOOD, p[0].group is not None))


def notes(outcome: Calibration) -> list[str]:
    """Return what belongs beside the table: marks, fits lost, NUTS, groups."""
    counted = [t for _, t in tests_of(outcome) if t is not None]
    alone, n_tests = sum(len(t.outside) for t in counted), 3 * len(counted)
    said = []
    if counted:
        (low5, high5), (low9, high9) = (band(max(t.sets for t in counted), q) for q in (0.5, 0.9))
        said.append(
            f"99 % bands of a single coverage: {low5:.3f}–{high5:.3f} and {low9:.3f}–{high9:.3f}. {alone} of the "
            f"{n_tests} tests lie outside their own 99 % band (*); chance alone puts about {LEVEL * n_tests:.1f} "
            "there. The verdict takes all tests together."
        )
    methods = f"{outcome.by_nuts} of {outcome.fits} fits went on to NUTS."
    if not outcome.lost:
        said.append(f"No fit was lost. {methods}")
    else:
        listed = "; ".join(f"data set {n}, {clean(area)}: {reason}" for n, area, reason in outcome.lost[:_LISTED])
        more = f"; and {len(outcome.lost) - _LISTED} more" if len(outcome.lost) > _LISTED else ""
        said.append(
            f"{len(outcome.lost)} of {outcome.fits} fits were lost ({MOST_LOST:.0%} are allowed), and their scores "
            f"have no rank: {listed}{more}. {methods}"
        )
    if len(outcome.design.groups) > MOST_GROUPS:
        said.append(f"Scores by group are ranked for up to {MOST_GROUPS} groups only.")
    return said


def power_sentence(outcome: Calibration) -> str:
    """Return how many data sets a small fault needs."""
    everywhere, alone = outcome.needed
    return (
        f"A posterior standard deviation 10 % too small is found with chance 0.9 by about {everywhere:,} data sets if "
        f"every score has it, and by about {alone:,} if one of the {len(outcome.quantities)} quantities has it. By "
        "simulation under a normal model of the ranks."
    )


def how_to_read(outcome: Calibration) -> list[str]:
    """Return what the table means and does not mean."""
    return [
        "In every data set the truth is known. A 90 % interval should hold it in 90 % of the data sets, and its rank "
        "among the posterior draws should be any number with equal chance. Truths too often outside the intervals: "
        "they are too narrow. Too often inside: too wide. Ranks mostly high or mostly low: the scores are too low or "
        "too high.",
        "That holds on average over the prior, not for each possible truth, and for answers that come about as the "
        "model says. It says the computation can be trusted for this design; whether the model fits your answers is "
        "what dissensus check tells." + (" Survey weights are not simulated." if _survey_weights(outcome) else ""),
    ]


def _survey_weights(outcome: Calibration) -> bool:
    return outcome.design.study.table.survey_weight is not None


def marked(share: float, p: float) -> str:
    """Return a share with a star where it lies outside its own 99 % band."""
    return f"{share:.3f}{'*' if p < LEVEL else ' '}"


def score_words(quantity: Quantity) -> str:
    """Return the score of a quantity in words."""
    return quantity.score.replace("_", " ")


def _score_table(outcome: Calibration) -> Table:
    table = _table("area", "score", "of", ">50 %", ">90 %", ">ranks p", ">sets")
    last = None
    quiet = 0
    for quantity, tests in tests_of(outcome):
        if quantity.group is not None and (tests is None or not tests.outside):
            quiet += 1
            continue
        area = "overall" if quantity.area is None else clean(quantity.area)
        score = score_words(quantity)
        if quantity.group is not None and quantity.group_other is not None:
            score += f", {clean(quantity.group)} and {clean(quantity.group_other)}"
        cells = ["never ranked", "", "", "0"]
        if tests is not None:
            cells = [
                *(marked(c, p) for c, p in zip(tests.coverage, tests.p_coverage, strict=True)),
                f"{tests.p_uniform:.3f}{'*' if tests.p_uniform < LEVEL else ' '}",
                f"{tests.sets:,}",
            ]
        table.add_row("" if area == last else area, score, quantity.estimand, *cells)
        last = area
    if quiet:
        table.add_row("", f"{quiet} scores by group inside their bands", "", "", "", "", "")
    return table


def _power_table(outcome: Calibration) -> Table:
    table = _table("fault", ">in every score", ">in one score")
    for row in outcome.power:
        table.add_row(row.fault, f"{row.everywhere:.2f}", f"{row.alone:.2f}")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


def _paragraph(text: str) -> Padding:
    return Padding(Text(text), (1, 0, 0, 0))

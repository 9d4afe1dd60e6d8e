"""Figures of `published.toml`, by this package: a function for each data set, from its folder to figures by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from dissensus.inference.observed import ObservedConflict, observed_conflict

from dissensus import datasets, forward_model, inference

Figures = dict[str, float]

CHOIX = Path(__file__).parents[1] / "tests" / "reference" / "plackett_luce.json"
_FEW = 10  # votes on a statement, below which the published mean leaves it out


def text(path: Path) -> pd.DataFrame:
    """Return a table as text, an empty cell as an empty label."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


# Latent classes ------------------------------------------------------------------------------------------------------

ITEMS = {
    "carcinoma": list("ABCDEFG"),
    "values": list("ABCD"),
    "gss82": ["PURPOSE", "ACCURACY", "UNDERSTA", "COOPERAT"],
    "cheating": ["LIEEXAM", "LIEPAPER", "FRAUD", "COPYEXAM"],
    "election": [f"{trait}{who}" for who in "GB" for trait in ("MORAL", "CARES", "KNOW", "LEAD", "DISHON", "INTEL")],
}


def classes(home: Path, name: str, goals: int) -> datasets.Choices:
    """Return a table of latent classes with learned goals, those who answered everything."""
    table = text(home / "polca_surveys" / f"{name}.csv")[ITEMS[name]]
    table = table[(table != "").all(axis=1)]
    items = {item: {"options": sorted(set(table[item]))} for item in ITEMS[name]}
    return datasets.read_table(table, datasets.Study.from_dict({"areas": {name: {"goals": goals, "items": items}}}))


def _latent(name: str, starts: Mapping[int, int]) -> Callable[[Path], Figures]:
    def ours(home: Path) -> Figures:
        figures = {}
        for number, tried in starts.items():
            what = f"{number} class" if number == 1 else f"{number} classes"
            found = inference.maximum_likelihood(classes(home, name, number), starts=tried)
            figures[f"{what}, log likelihood"] = found.log_likelihood
            figures |= {f"{what}, share {k}": share for k, share in enumerate(found.goal_share, start=1)}
        return figures

    return ours


# Choices from sets that differ ---------------------------------------------------------------------------------------


def situations(table: pd.DataFrame, layout: Mapping[str, str], options: Sequence[str], **item: Any) -> datasets.Choices:
    """Return situations of one area whose only goal is served by nothing: a logit model of baselines and features."""
    trip = {"kind": "situation", "serves": {option: [] for option in options}, **item}
    area = {"goals": ["any"], "baseline": item.pop("baseline", "free"), "items": {"trip": trip}}
    trip.pop("baseline", None)
    return datasets.read_table(table, datasets.Study.from_dict({"table": dict(layout), "areas": {"mode": area}}))


def _logit(choices: datasets.Choices, base: str) -> tuple[Figures, Figures, Figures]:
    """Return numbers and log likelihood, constants against a base and coefficients, by name."""
    found = inference.maximum_likelihood(choices, starts=1)
    area = choices.areas[0]
    constant = dict(zip(area.options, found.baseline, strict=True))
    against = {option: value - constant[base] for option, value in constant.items() if option != base}
    names = [name.removeprefix("trip: ") for name in area.stages[0].names]
    held = {"people": choices.n_agents, "situations": int(area.chosen.sum()), "log likelihood": found.log_likelihood}
    return held, against, dict(zip(names, found.coefficient, strict=True))


def swissmetro_choices(home: Path) -> datasets.Choices:
    """Return 6,768 situations of 752 people; train and car are not always available."""
    table = text(home / "swissmetro" / "swissmetro.csv.gz")
    table = table[table["PURPOSE"].isin(["1", "3"]) & (table["CHOICE"] != "0")].copy()
    season, survey = table["GA"] == "1", table["SP"] != "0"
    for mode in ("TRAIN", "SM"):
        table.loc[season, f"{mode}_CO"] = "0"
    for mode in ("TRAIN", "CAR"):
        table[f"{mode}_AV"] = np.where(survey, table[f"{mode}_AV"], "0")
    features = {
        name: {"columns": {"1": f"TRAIN_{code}", "2": f"SM_{code}", "3": f"CAR_{code}"}, "per": 100.0}
        for name, code in (("cost", "CO"), ("time", "TT"))
    }
    layout = {"layout": "situations", "agent": "ID"}
    available = {"1": "TRAIN_AV", "3": "CAR_AV"}
    return situations(table, layout, ["1", "2", "3"], column="CHOICE", available=available, features=features)


def _swissmetro(home: Path) -> Figures:
    choices = swissmetro_choices(home)
    held, constant, taste = _logit(choices, "2")
    share = choices.areas[0].chosen / choices.areas[0].chosen.sum()
    return held | {
        "ASC_CAR": constant["3"],
        "ASC_TRAIN": constant["1"],
        "B_COST": taste["cost"],
        "B_TIME": taste["time"],
        **dict(zip(("share of train", "share of Swissmetro", "share of car"), share.tolist(), strict=True)),
    }


def _travel_mode(home: Path) -> Figures:
    choices = situations(
        text(home / "travel_mode" / "TravelMode.csv"),
        {"layout": "alternatives", "situation": "individual"},
        ["air", "train", "bus", "car"],
        column="choice",
        alternative="mode",
        features={
            "gcost": {"column": "gcost"},
            "wait": {"column": "wait"},
            "income, air": {"column": "income", "only": ["air"]},
        },
    )
    held, constant, taste = _logit(choices, "car")
    return held | constant | taste


def _mode_canada(home: Path) -> Figures:
    table, modes = text(home / "mode_canada" / "ModeCanada.csv.gz"), ["train", "air", "bus", "car"]
    own = {f"{what}, {mode}": {"column": what, "only": [mode]} for what in ("ivt", "income") for mode in modes}
    del own["income, car"]
    choices = situations(
        table[table["noalt"] == "4"],
        {"layout": "alternatives", "situation": "case"},
        modes,
        column="choice",
        alternative="alt",
        features={name: {"column": name} for name in ("cost", "freq", "ovt")} | own,
    )
    held, constant, taste = _logit(choices, "car")
    return held | constant | taste


def _electricity(home: Path) -> Figures:
    choices = situations(
        text(home / "electricity" / "electricity.csv.gz"),
        {"layout": "alternatives", "agent": "id", "situation": "chid"},
        ["1", "2", "3", "4"],
        column="choice",
        alternative="alt",
        features={name: {"column": name} for name in ("pf", "cl", "loc", "wk", "tod", "seas")},
        baseline="uniform",
    )
    held, _, taste = _logit(choices, "1")
    return held | taste


# Rankings ------------------------------------------------------------------------------------------------------------


def rankings(table: Any, objects: Sequence[str], *, layout: Mapping[str, str], **item: Any) -> datasets.Choices:
    """Return rankings of one area whose only goal is served by nothing: Plackett and Luce."""
    ranking = {"kind": "ranking", "serves": {name: [] for name in objects}, **item}
    area = {"goals": ["any"], "items": {"ranking": ranking}}
    return datasets.read_table(table, datasets.Study.from_dict({"table": dict(layout), "areas": {"a": area}}))


def _plackett_luce(choices: datasets.Choices, reference: Mapping[str, Any]) -> tuple[float, float]:
    found = inference.maximum_likelihood(choices, starts=1)
    return found.log_likelihood, float(np.abs(found.baseline - reference["strength"]).max())


def _sushi(home: Path) -> Figures:
    reference = json.loads(CHOIX.read_text(encoding="utf-8"))["sushi"]
    objects = reference["objects"]
    path = home / "sushi" / "sushi_rankings.csv.gz"
    choices = rankings(path, objects, layout={"agent": "assessor"}, ranks={name: name for name in objects})
    value, apart = _plackett_luce(choices, reference)
    first = choices.areas[0].chosen / choices.n_agents
    share = {f"first choices, {name}": float(part) for name, part in zip(objects, first, strict=True)}
    return {"log likelihood": value, "largest difference of a strength": apart, **share}


def ballots(path: Path) -> datasets.Choices:
    """Return the ballots of a PrefLib file of orders that need not be complete."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(": ") for line in lines if line[:1] not in {"#", ""}]
    (number,) = (line.split(": ")[1] for line in lines if line.startswith("# NUMBER ALTERNATIVES: "))
    codes = [str(k) for k in range(1, int(number) + 1)]
    table = pd.DataFrame(rows, columns=["n", "ballot"])
    return rankings(table, codes, layout={"times": "n"}, column="ballot", separator=",")


def _nsw_elections(home: Path) -> Figures:
    references = json.loads(CHOIX.read_text(encoding="utf-8"))
    index = text(home / "nsw_elections" / "index.csv")
    figures = {}
    for file, title in zip(index["file"], index["title"], strict=True):
        if file not in references and index["district"][index["file"] == file].item() not in _DISTRICTS:
            continue
        choices = ballots(home / "nsw_elections" / file)
        share = choices.areas[0].chosen / choices.n_agents
        figures[f"{title}, two voters differ"] = float(1 - np.square(share).sum())
        if file in references:
            value, apart = _plackett_luce(choices, references[file])
            figures |= {f"{title}, log likelihood": value, f"{title}, largest difference of a strength": apart}
    return figures


_DISTRICTS = ("Albury", "Ballina", "Newtown", "Wagga Wagga")


# Answers at face value -----------------------------------------------------------------------------------------------


def _observed(choices: datasets.Choices, *, weighted: bool = False) -> ObservedConflict:
    return observed_conflict(choices, replicates=1, seed=0, weighted=weighted)


def _by_area(choices: datasets.Choices) -> Figures:
    return {area.name: float(x) for area, x in zip(choices.areas, _observed(choices).estimate, strict=True)}


def _ces11(home: Path) -> Figures:
    area = {
        "goals": ["ban", "allow"],
        "conflict": 1.0,
        "items": {"abortion": {"serves": {"Yes": "ban", "No": "allow"}}},
    }
    study = datasets.Study.from_dict({"table": {"agent": "id", "survey_weight": "weight"}, "areas": {"abortion": area}})
    choices = datasets.read_table(home / "ces11" / "CES11.csv", study)
    rows = inference.summarize(inference.fit(choices, seed=1)).query("score == 'contention' and area == 'abortion'")
    contention = rows.set_index("estimand")["mean"]
    return {
        "observed conflict": float(_observed(choices).estimate[0]),
        "contention in the sample": float(contention["sample"]),
        "contention in the population": float(contention["population"]),
        "would ban": float(choices.areas[0].chosen[0] / choices.n_agents),
    }


def _gss_spending(home: Path) -> Figures:
    path = home / "gss_spending" / "gss_spending.csv"
    names = [name for name in text(path).columns if name.startswith("nat")]
    figures = {}
    for what, conflict in (("", 1.0), (", opposed", {"less|more": 1.0, "less|same": 0.0, "same|more": 0.0})):
        serves = {"-1": "less", "0": "same", "1": "more"}
        areas = {
            name: {"goals": ["less", "same", "more"], "conflict": conflict, "items": {name: {"serves": serves}}}
            for name in names
        }
        choices = datasets.read_table(path, datasets.Study.from_dict({"table": {"agent": "id"}, "areas": areas}))
        figures |= {name + what: value for name, value in _by_area(choices).items()}
    return figures


def _house_votes_84(home: Path) -> Figures:
    choices = datasets.load("house_votes_84", data_home=home)
    figures = _by_area(choices)
    for area in choices.areas:
        for place, party in enumerate(choices.groups):
            yea, nay = area.counts[area.pattern_of_agent[choices.group_of_agent == place]].sum(axis=0)
            figures[f"{area.name}, yea of {party}s"] = float(yea / (yea + nay))
    return figures


def _wvs_poverty(home: Path) -> Figures:
    serves = {"Too Little": "more", "About Right": "same", "Too Much": "less"}
    area = {"goals": ["more", "same", "less"], "conflict": 1.0, "items": {"poverty": {"serves": serves}}}
    study = datasets.Study.from_dict({"table": {"group": "country"}, "areas": {"poverty": area}})
    choices = datasets.read_table(home / "wvs_poverty" / "WVS.csv", study)
    within = np.diagonal(_observed(choices).group_estimate[0])
    return dict(zip(choices.groups, within.tolist(), strict=True))


def conversation(folder: Path, *, few: int = _FEW) -> datasets.Choices:
    """Return the votes of a Polis conversation on statements with at least ``few`` votes, passes left out."""
    (path,) = folder.glob("participants-votes.csv*")
    table = text(path)
    first = list(table.columns).index("n-disagree") + 1
    asked = [name for name in table.columns[first:] if table[name].isin(["1", "-1"]).sum() >= few]
    items = {name: {"serves": {"1": "agree", "-1": "disagree"}} for name in asked}
    area = {"goals": ["agree", "disagree"], "conflict": 1.0, "items": items}
    layout = {"agent": "participant", "missing": ["", "0"]}
    return datasets.read_table(table, datasets.Study.from_dict({"table": layout, "areas": {"statements": area}}))


def _polis(home: Path) -> Figures:
    folders = [path.parent for path in sorted((home / "polis").glob("*/participants-votes.csv*"))]
    return {folder.name: float(_observed(conversation(folder)).estimate[0]) for folder in folders}


# People and AI systems -----------------------------------------------------------------------------------------------


def verdicts(home: Path, *, ties: bool, turn: int | None = None) -> datasets.Choices:
    """Return the judgements of MT-bench, one item for each two answers to a question, one area for each category."""
    table = text(home / "mt_bench_judgments" / "judgments.csv")
    table["turn"] = table["turn"].astype(int)
    table = table if turn is None else table[table["turn"] == turn]
    table = table if ties else table[table["winner"].isin(["model_a", "model_b"])]
    swapped = table["model_a"] > table["model_b"]
    first, second = (
        table["model_a"].where(~swapped, table["model_b"]),
        table["model_b"].where(~swapped, table["model_a"]),
    )
    won = table["winner"].map({"model_a": "first", "model_b": "second"}).fillna("tie")
    won = won.where(~swapped | (won == "tie"), won.map({"first": "second", "second": "first"}))
    question = table["question_id"] + "/" + table["turn"].astype(str) + " " + first + " - " + second
    long = pd.DataFrame({"judge": table["judge"], "kind": table["judge_type"], "item": question, "answer": won})
    goals = ["first", "second", "tie"] if ties else ["first", "second"]
    areas: dict[str, Any] = {}
    for item, category in dict(zip(question, table["category"], strict=True)).items():
        area = areas.setdefault(category, {"goals": goals, "conflict": 1.0, "items": {}})
        area["items"][item] = {"serves": {goal: goal for goal in goals}, "repeated": True}
    layout = {"layout": "long", "agent": "judge", "group": "kind", "item": "item", "answer": "answer"}
    return datasets.read_table(long, datasets.Study.from_dict({"table": layout, "areas": areas}))


def agreement(choices: datasets.Choices, areas: Sequence[str] = ()) -> tuple[float, float]:
    """Return how many pairs of verdicts on one item agree: of a person and the AI system, and of two people."""
    same, pairs = np.zeros(2), np.zeros(2)
    ai = choices.groups.index("ai")
    for area in choices.areas:
        if areas and area.name not in areas:
            continue
        counts = area.counts[area.pattern_of_agent]
        in_item = area.item_of_option[:, None] == np.arange(len(area.items))
        machine, people = (counts[choices.group_of_agent == place].sum(axis=0) for place in (ai, 1 - ai))
        own = np.square(counts[choices.group_of_agent != ai]).sum(axis=0)  # of one person with itself
        whole = np.square(counts[choices.group_of_agent != ai] @ in_item).sum(axis=0)
        same += [machine @ people, (np.square(people) - own).sum() / 2]
        pairs += [(machine @ in_item) @ (people @ in_item), (np.square(people @ in_item) - whole).sum() / 2]
    with_machine, of_people = same / pairs
    return float(with_machine), float(of_people)


def _mt_bench(home: Path) -> Figures:
    figures = {}
    for ties, said in ((True, "ties kept"), (False, "no ties")):
        for turn in (1, 2):
            choices = verdicts(home, ties=ties, turn=turn)
            machine, people = agreement(choices)
            figures |= {f"GPT-4 and people, {said}, turn {turn}": machine, f"people, {said}, turn {turn}": people}
            if turn == 1:
                figures |= {f"GPT-4 and people, {said}": machine, f"people, {said}": people}
    both = verdicts(home, ties=False)
    return figures | {area.name: agreement(both, [area.name])[0] for area in both.areas}


def preferences(home: Path) -> pd.DataFrame:
    """Return how much more often each agent spares the favoured side of a dilemma, (dimension, agent), −1 to 1."""
    return pd.read_csv(home / "moral_machine_llm" / "table_S2.csv", index_col="Label")


def _moral_machine(home: Path) -> Figures:
    """The conflict between AI systems and people, each holding the side that it spares more often."""
    table = preferences(home).T
    goals = pd.DataFrame(np.where(table > 0, "favoured", "other"), table.index, table.columns)
    areas = [forward_model.ProblemArea(name, goals=["favoured", "other"], conflict=1.0) for name in table.columns]
    kind = np.where(table.index == "Human", "people", "AI systems")
    scores = forward_model.score(goals, table.abs(), areas, by=kind)
    between = scores["contention"].sel(group="AI systems", group_other="people")
    return {name: float(between.sel(area=name)) for name in table.columns}


OURS: dict[str, tuple[str, Callable[[Path], Figures]]] = {
    "carcinoma": ("polca_surveys", _latent("carcinoma", {2: 20, 3: 25})),
    "carcinoma_4_classes": ("polca_surveys", _latent("carcinoma", {4: 120})),
    "values": ("polca_surveys", _latent("values", {1: 1, 2: 20})),
    "gss82": ("polca_surveys", _latent("gss82", {2: 20, 3: 25})),
    "cheating": ("polca_surveys", _latent("cheating", {2: 20})),
    "election": ("polca_surveys", _latent("election", {2: 8, 3: 8})),
    "swissmetro": ("swissmetro", _swissmetro),
    "travel_mode": ("travel_mode", _travel_mode),
    "mode_canada": ("mode_canada", _mode_canada),
    "electricity": ("electricity", _electricity),
    "sushi": ("sushi", _sushi),
    "nsw_elections": ("nsw_elections", _nsw_elections),
    "ces11": ("ces11", _ces11),
    "mt_bench": ("mt_bench_judgments", _mt_bench),
    "moral_machine": ("moral_machine_llm", _moral_machine),
    "gss_spending": ("gss_spending", _gss_spending),
    "house_votes_84": ("house_votes_84", _house_votes_84),
    "polis": ("polis", _polis),
    "wvs_poverty": ("wvs_poverty", _wvs_poverty),
}
"""The folder of each data set, and the function that computes its figures."""

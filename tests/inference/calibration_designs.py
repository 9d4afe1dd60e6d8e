"""Small designs of every structure, for the tests of calibration."""

from dissensus.inference.calibration_design import Design

from dissensus import datasets

UNEQUAL = {"a|b": 1.0, "a|c": 0.2, "b|c": 0.5}
GROUPS = (("one", 0.5), ("two", 0.3), ("three", 0.2))


def study(areas):
    """Return a study; each area is given by (items, options of the area)."""
    goals = ["a", "b", "c"]
    raw = {}
    for name, (n_items, options) in areas.items():
        repeated = options.pop("repeated", False)
        items = {
            f"{name}{j}": {"serves": {str(o): goals[(o + j) % 3] for o in range(3)}, "repeated": repeated}
            for j in range(n_items)
        }
        raw[name] = {"goals": goals, "conflict": UNEQUAL, "items": items, **options}
    long = any(item["repeated"] for area in raw.values() for item in area["items"].values())
    table = {"layout": "long", "agent": "id", "item": "item", "answer": "answer"} if long else {}
    return datasets.Study.from_dict({"title": "small", "table": table, "areas": raw})


def design(agents=60, *, items=3, groups=(), missing=0.0, answers_per_item=5, **options):
    """Return a design with one area."""
    return Design(study({"area": (items, options)}), agents, groups, missing, answers_per_item)


DESIGNS = {
    "follow": design(),
    "luce": design(rule="luce"),
    "no goal": design(no_goal=True),
    "luce, no goal": design(rule="luce", no_goal=True),
    "uniform": design(baseline="uniform"),
    "missing": design(missing=0.4),
    "groups": design(groups=GROUPS),
    "luce, groups, missing": design(rule="luce", groups=GROUPS, missing=0.3),
    "one answer": design(items=1),
    "one answer, no goal": design(items=1, no_goal=True),
    "repeated": design(items=1, repeated=True, answers_per_item=8),
    "two areas": Design(study({"first": (3, {}), "second": (2, {"rule": "luce", "area_weight": 2.0})}), 60),
    "two areas, one with one answer": Design(study({"first": (3, {}), "second": (1, {})}), 60, GROUPS),
}

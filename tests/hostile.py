"""Labels made to be run, hidden or mistaken, and the result of a fit that bears them everywhere a label can stand."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import xarray as xr
from dissensus.inference.checks import from_dataset
from dissensus.inference.verdict import close

from dissensus import datasets, inference

PAYLOADS = {
    "script": "<script>window.pwned=1</script>",
    "script that closes another": "</script><script>window.pwned=1</script>",
    "script in other cases": "<ScRiPt >window.pwned=1</sCrIpT>",
    "image": '"><img src=x onerror="window.pwned=1">',
    "handler of an attribute": "' onmouseover='window.pwned=1",
    "handler without quotes": "x onfocus=window.pwned=1 autofocus",
    "svg": "<svg/onload=window.pwned=1>",
    "svg use": "<svg><use href='data:image/svg+xml,<svg onload=window.pwned=1>'/></svg>",
    "frame": "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "frame address": "<iframe src=javascript:parent.pwned=1>",
    "object": "<object data='javascript:window.pwned=1'></object>",
    "form": "<form action=javascript:window.pwned=1><button>ok",
    "base": "<base href=//example.org/>",
    "refresh": "<meta http-equiv=refresh content='0;url=javascript:window.pwned=1'>",
    "style": "<style>body{display:none}</style>",
    "style with import": "<link rel=stylesheet href=//example.org/x.css>",
    "css in an attribute": '" style="background:url(javascript:window.pwned=1)',
    "entity": "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "number entities": "&#60;script&#62;window.pwned=1&#60;/script&#62;",
    "half an entity": "&lt",
    "comment": "<!--<script>window.pwned=1</script>-->",
    "cdata": "]]><script>window.pwned=1</script><![CDATA[",
    "end of a textarea": "</textarea></title></style><script>window.pwned=1</script>",
    "template of angular": "{{constructor.constructor('window.pwned=1')()}}",
    "template of jinja": "{{ config.items() }}{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "link of markdown": "[ok](javascript:window.pwned=1)",
    "image of markdown": "![x](https://example.org/x.png)",
    "link of plotly": '<a href="javascript:window.pwned=1">ok</a>',
    "tags of plotly": "<b>bold</b><br><sub>x</sub>",
    "span of plotly": '<span style="font-size:99px">x</span>',
    "template of plotly": "%{text}%{customdata[0]}<extra>x</extra>",
    "mathjax": r"$\href{javascript:window.pwned=1}{x}$",
    "latex": r"$$\def\a{\a\a}\a$$ \input{/etc/passwd} \write18{id}",
    "colour of a terminal": "\x1b[31mred\x1b[0m",
    "title of a terminal": "\x1b]0;pwned\x07",
    "link of a terminal": "\x1b]8;;https://example.org\x07ok\x1b]8;;\x07",
    "one-byte escape": "\x9b31mred",
    "erased line": "nothing\r\x1b[2Kok\b\b",
    "new lines": "one\ntwo\r\nthree\x0bfour\u2028five\u2029six\x85seven",
    "turned round": "\u202eegassem\u202c \u2066x\u2069",
    "nothing to see": "\u200b\u200c\u200d\u2060\ufeff",
    "tags out of sight": "a\U000e0041\U000e007f",
    "markup of rich": "[bold red]x[/bold red][link=https://example.org]y[/link]",
    "end of markup of rich": "[/] :smile: [@click=app.quit]x[/]",
    "formula": "=1+1",
    "command in a formula": "=cmd|'/C calc'!A0",
    "formula with at": '@SUM(1+1)*cmd|"/C calc"!A0',
    "formula with plus": "+1+cmd|' /C calc'!A0",
    "formula with minus": "-2+3+cmd|' /C calc'!A0",
    "formula behind a tab": "\t=1+1",
    "formula behind a return": "\r=1+1",
    "formula behind quotes": '"\'=HYPERLINK("https://example.org")',
    "formula in full width": "\uff1d1+1",
    "formula behind a mark of width 0": "\u200b=1+1",
    "formula in a cell of its own": 'x;=1+1\t=2+2,"=3+3',
    "formats of python": "{0.__class__.__mro__} {study!r} %s%n%d ${HOME} $(id) `id`",
    "path": "../../../../etc/passwd",
    "path of windows": "..\\..\\CON|NUL:<>?*",
    "prototype": "__proto__",
    "constructor": "constructor.prototype.pwned",
    "dunder": "__class__",
    "json": '","state":"ok","x":"',
    "sql": "'; DROP TABLE agents; --",
    "shell": "; rm -rf / #",
    "not a number": "NaN",
    "null": "null",
    "long": "long label " * 90,
    "combining marks": "e" + "\u0301" * 60,
    "half of an emoji family": "\U0001f468\u200d\U0001f469\u200d",
}
ROLES = ("title", "source", "area1", "area2", "goal1", "goal2", "item1", "option1", "group1", "group2", "agent1")


def _name(role: str) -> str:
    return f"Zz{role}zZ"


@functools.cache
def _plain() -> xr.DataTree:
    """Return a small fit whose labels are easily found."""
    n, rng = 48, np.random.default_rng(1)
    areas: dict[str, Any] = {}
    columns: dict[str, Any] = {"id": [_name("agent1") if i == 0 else f"agent {i}" for i in range(n)]}
    goal = rng.integers(2, size=n)
    for k in (1, 2):
        goals = [_name("goal1"), _name("goal2")] if k == 1 else ["up", "down"]
        options = [_name("option1"), "no"] if k == 1 else ["yes", "no"]
        items = [_name("item1") if (k, j) == (1, 0) else f"item {k} {j}" for j in range(3)]
        serves = dict(zip(options, goals, strict=True))
        areas[_name(f"area{k}")] = {
            "goals": goals,
            "conflict": 1.0,
            "items": {item: {"serves": serves} for item in items},
        }
        for item in items:
            columns[item] = [options[g if rng.random() < 0.95 else 1 - g] for g in goal]
    columns["g"] = [_name("group1") if i % 4 else _name("group2") for i in range(n)]
    study = datasets.Study.from_dict({"title": _name("title"), "table": {"agent": "id", "group": "g"}, "areas": areas})
    import pandas as pd

    choices = datasets.read_table(pd.DataFrame(columns), study, source=_name("source"))
    return inference.fit(choices, seed=1, draws=1_000)


def result(labels: dict[str, str], *, draws: int = 40) -> xr.DataTree:
    """Return a result whose labels, by role, are these; wherever a message names one, too."""
    names = {_name(role): labels.get(role, role) for role in ROLES}
    fit, groups = _plain(), {}
    for name, node in fit.children.items():
        data = node.to_dataset().isel(draw=slice(draws), missing_dims="ignore")
        for key in list(data.variables):
            if data[key].dtype.kind in "OU":
                values = np.array([_replaced(str(v), names) for v in data[key].values.flat], dtype=object)
                data = data.assign({key: data[key].copy(data=values.reshape(data[key].shape))})
        data.attrs = {key: json.dumps(_replaced(json.loads(text), names)) for key, text in data.attrs.items()}
        groups[name] = data
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {key: json.dumps(_replaced(json.loads(text), names)) for key, text in fit.attrs.items()}
    return close(tree, from_dataset(tree["checks"].to_dataset()))


def _replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_replaced(key, names): _replaced(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [_replaced(entry, names) for entry in value]
    if isinstance(value, str):
        for name, label in names.items():
            value = value.replace(name, label)
    return value


def labelled(place: int) -> dict[str, str]:
    """Return payloads for every role, from this place of the list on; over all places each has every role."""
    payloads = list(PAYLOADS.values())
    return {role: payloads[(place + 5 * k) % len(payloads)] for k, role in enumerate(ROLES)}

"""The state of a fit: one place that says what may be published, for every method, and fails closed.

When a result is made, all its checks are gathered, its draws and scores are audited, and it is sealed: a digest of
every group and attribute is stored. Whatever reads numbers from it asks :func:`verdict`, which holds the tree to its
seal. A tree that has changed since is audited again, to say what is wrong with it, and refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import Refused
from .audit import audit
from .checks import STATES, Check, from_dataset, sentences, to_dataset, worst
from .result import attribute

SEALED = (
    "posterior",
    "unconstrained_posterior",
    "sample_stats",
    "log_likelihood",
    "observed_data",
    "constant_data",
    "scores",
    "agents",
    "alternatives",
    "checks",
    "dependence",
)
"""Groups that a seal covers; others may be added to a result."""
SEALED_ATTRIBUTES = (
    "schema",
    "study",
    "priors",
    "data_hash",
    "source",
    "seed",
    "n_agents",
    "shape",
    "versions",
    "method",
    "diagnostics",
    "group_shares",
    "interval",
    "state",
    "reasons",
    "notes",
)


@dataclass(frozen=True)
class Verdict:
    """What may be said of a fit.

    Parameters
    ----------
    state
        ``"ok"``, ``"caution"`` or ``"refused"``.
    reasons
        Why it is not ok.
    notes
        Things worth knowing that do not weaken the numbers.
    checks
        Every check behind it.
    """

    state: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def refused(self) -> bool:
        """Whether there are no headline numbers."""
        return self.state == "refused"


def seal(fit: xr.DataTree) -> xr.DataTree:
    """Return a result just made with its draws and scores audited, its state, and its seal.

    Parameters
    ----------
    fit
        What :func:`build_tree` returned.
    """
    return close(fit, (*from_dataset(fit["checks"].to_dataset()), *audit(fit)))


def close(fit: xr.DataTree, checks: tuple[Check, ...]) -> xr.DataTree:
    """Return a result with these checks, the state that follows from them, and its seal."""
    fit["checks"] = xr.DataTree(to_dataset(checks))
    found = _summed_up(checks, attribute(fit, "notes"))
    fit.attrs |= {"state": json.dumps(found.state), "reasons": json.dumps(found.reasons)}
    fit.attrs["seal"] = json.dumps(_digests(fit))
    return fit


def verdict(fit: xr.DataTree) -> Verdict:
    """Return the state of a result as it stands.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`, whatever has been done to it since.
    """
    try:
        checks = from_dataset(fit["checks"].to_dataset())
        notes, found = tuple(attribute(fit, "notes")), _digests(fit)
        sealed: dict[str, str] = attribute(fit, "seal")
        changed = sorted(name for name in found.keys() | sealed.keys() if found.get(name) != sealed.get(name))
    except Exception:  # not whole: what is wrong is said below
        checks, notes, changed = (), (), ["its structure"]
    if changed:
        text = f"The result has changed since it was checked ({', '.join(changed)})."
        checks = (*checks, Check("seal", "refused", None, text), *(c for c in audit(fit) if c.state == "refused"))
    return _summed_up(checks, notes)


def require_reliable(fit: xr.DataTree, *, allow_unreliable: bool) -> Verdict:
    """Return the state of a result whose numbers are about to be given.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    allow_unreliable
        Whether the numbers of a refused fit were asked for all the same.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    found = verdict(fit)
    if found.refused and not allow_unreliable:
        raise Refused(found.reasons)
    return found


def _summed_up(checks: tuple[Check, ...], notes: tuple[str, ...] | list[str]) -> Verdict:
    known = all(check.state in STATES for check in checks) and bool(checks)
    state = worst(check.state for check in checks) if known else "refused"
    reasons = sentences(weightiest_first(c for c in checks if c.state in {"caution", "refused"}))
    return Verdict(state, tuple(reasons), tuple(notes), checks)


def weightiest_first(checks: Iterable[Check]) -> list[Check]:
    """Return checks with those that refuse before the others, and those that hold numbers back before the rest."""
    return sorted(checks, key=lambda check: (check.state != "refused", not check.blank))


def _digests(fit: xr.DataTree) -> dict[str, str]:
    """Return a SHA-256 of each group that is there, and of the attributes."""
    found = {name: _digest(fit.children[name].to_dataset(inherit=False)) for name in SEALED if name in fit.children}
    attributes = [fit.attrs.get(key) for key in SEALED_ATTRIBUTES]
    return found | {"attributes": hashlib.sha256(json.dumps(attributes).encode()).hexdigest()}


def _digest(data: xr.Dataset) -> str:
    """Return the SHA-256 of the variables of a group; labels of agents are in the data hash."""
    total = hashlib.sha256()
    for name in sorted(str(name) for name in data.variables if name != "agent"):
        variable = data[name].variable
        values = np.asarray(variable.values)
        text = values.dtype.kind in "OUT"
        total.update(f"{name} {variable.dims} {values.shape} {'text' if text else values.dtype.str}\n".encode())
        if text:
            total.update(json.dumps(values.ravel().tolist()).encode())
        else:
            total.update(np.ascontiguousarray(values).data.cast("B") if values.size else b"")
    return total.hexdigest()

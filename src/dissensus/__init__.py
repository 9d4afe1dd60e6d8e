"""Posterior distributions over misalignment scores, inferred from observed choices.

Three parts, used as namespaces: :mod:`dissensus.forward_model` (goals and weights to scores),
:mod:`dissensus.datasets` (tables to ``Choices``) and :mod:`dissensus.inference` (``Choices`` to posterior scores).
"""

from importlib.metadata import version as _version

__version__ = _version("dissensus")

"""The mutants of a module: small changes of its source, each of which some test should notice.

The changes are cosmic-ray's, those of its operators that give code a person might have written, and one more: a
statement that is left out. Not changed are texts for readers, annotations and imports.
"""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

type Place = tuple[int, int]

OPERATORS = (
    *(
        f"core/ReplaceBinaryOperator_{change}"
        for change in (
            *("Add_Sub", "Add_Mul", "Sub_Add", "Mul_Add", "Mul_Div", "Div_Mul", "Pow_Mul"),
            *("FloorDiv_Div", "FloorDiv_Mul", "Mod_FloorDiv", "BitAnd_BitOr", "BitOr_BitAnd", "LShift_RShift"),
        )
    ),
    *(
        f"core/ReplaceComparisonOperator_{change}"
        for change in (
            *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt"),
            *("Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is"),
        )
    ),
    *(f"core/ReplaceUnaryOperator_Delete_{sign}" for sign in ("USub", "Not", "Invert")),
    *(
        f"core/{name}"
        for name in (
            *("AddNot", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
            *("NumberReplacer", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
            *("ExceptionReplacer", "RemoveDecorator"),
        )
    ),
    "RemoveStatement",
)
"""Of the twelve replacements of ``+`` and the like only near ones: ``x << y`` of floats fails in any test."""

TEXTS = {"message", "remedy", "text", "what"}
"""Names that hold texts for readers."""
_SIGNS = {"arith_expr", "term", "expr", "and_expr", "xor_expr", "shift_expr", "power"}


class RemoveStatement(Operator):
    """Leaves out a call that stands alone, or a change of a variable in place."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Place, Place]]:
        if node.parent is None or node.parent.type != "simple_stmt":
            return
        call = node.type in {"atom_expr", "power"} and node.children[-1].type == "trailer"
        in_place = node.type == "expr_stmt" and getattr(node.children[1], "value", "=") in _IN_PLACE
        if call or in_place:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        assert index == 0
        return parso.python.tree.Keyword("pass", node.start_pos, node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


_IN_PLACE = {"+=", "-=", "*=", "/=", "|=", "&=", "//=", "**=", "@="}


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Parameters
    ----------
    operator
        Name of the operator.
    line
        First line that differs.
    code
        The whole source with the change.
    diff
        The lines that differ, with "-" and "+".
    """

    operator: str
    line: int
    code: str
    diff: str


def mutants(source: str, operators: Iterable[str] = OPERATORS) -> list[Mutant]:
    """Return every mutant of a source that can be compiled and means something else, in order of lines."""
    tree, spans = get_ast(source), left_out(source)
    seen = {_meaning(source)}
    found = []
    for name in operators:
        operator = _operator(name)
        occurrence = -1
        for node in ast_nodes(tree):
            for start, _ in operator.mutation_positions(node):
                occurrence += 1
                if _sign_of_a_call(name, node) or any(first <= start < last for first, last in spans):
                    continue
                code = mutate_code(source, operator, occurrence)
                try:
                    changed = _meaning(code)
                except SyntaxError:
                    continue
                if changed not in seen:
                    seen.add(changed)
                    found.append(Mutant(name.removeprefix("core/"), *_difference(source, code)))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.operator, mutant.diff))


def sample(every: list[Mutant], size: int, seed: str) -> list[Mutant]:
    """Return a random sample of mutants; a larger one with the same seed holds it."""
    shuffled = list(every)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:size]


def left_out(source: str) -> list[tuple[Place, Place]]:
    """Return where nothing is changed: annotations, imports, formatted texts, and texts of errors, (start, end)."""
    lines = source.splitlines()

    def place(line: int, byte: int) -> Place:
        return line, len(lines[line - 1].encode()[:byte].decode())

    spans = []
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST | None] = []
        match node:
            case ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.TypeAlias() | ast.Raise():
                parts = [node]
            case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation):
                parts = [annotation]
            case ast.FunctionDef(returns=returns):
                parts = [returns]
            case ast.Assign(targets=targets) if _names(targets) and _names(targets) <= TEXTS:
                parts = [node]
        for part in parts:
            if part is not None:
                where: Any = part
                spans.append(
                    (place(where.lineno, where.col_offset), place(where.end_lineno, where.end_col_offset)),
                )
    return spans


class _Plain(ast.NodeTransformer):
    """Writes ``not not x`` as ``x`` and ``not x is y`` as ``x is not y``, so that no change is counted twice."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=ast.UnaryOp(op=ast.Not(), operand=inner)):
                return inner
            case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[op]) as compared) if type(op) in _OPPOSITE:
                return ast.Compare(compared.left, [_OPPOSITE[type(op)]()], compared.comparators)
        return node


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def _meaning(source: str) -> str:
    return ast.dump(_Plain().visit(ast.parse(source)))


def _names(targets: list[ast.expr]) -> set[str]:
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _operator(name: str) -> Operator:
    return RemoveStatement() if name == "RemoveStatement" else get_operator(name)()


def _sign_of_a_call(name: str, node: Any) -> bool:
    """Return whether a sign is that of a signature or of unpacking, which cosmic-ray takes for arithmetic."""
    return "BinaryOperator" in name and node.parent.type not in _SIGNS


def _difference(before: str, after: str) -> tuple[int, str, str]:
    """Return the first line that differs, the source after, and the lines that differ."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    first = int(lines[0].split()[1].split(",")[0].lstrip("-"))
    return first, after, "\n".join(line for line in lines if not line.startswith("@@") and line[1:].strip())

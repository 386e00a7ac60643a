"""Pure: the mutants of a module, each of which differs from it by one small fault.

Only the code of functions and the constants of the module are changed. Docstrings, annotations,
decorators, f-strings and the texts of errors stay: a test of them would repeat the prose.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """A changed module.

    `place` is the qualified name of the function or the name of the constant that is changed, and
    `change` shows the changed code before and after, without line numbers, so that both stay the
    same while other code changes.
    """

    place: str
    change: str
    line: int
    source: str


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a module's source."""
    tree = ast.parse(source)
    return [
        mutant
        for place, parent, name in _places(tree, "")
        for field in _changeable(getattr(parent, name))
        for mutant in _of(tree, place, field)
    ]


def with_notes(source: str) -> tuple[list[str], str]:
    """Return the names of a module's functions, and a source in which each call notes its name.

    A function that is called adds its name to the set `__called__`, which is to be a builtin.
    """
    tree, names = ast.parse(source), []
    for place, holder, _ in _places(tree, ""):
        if isinstance(holder.node, FUNCTIONS):
            names.append(place)
            holder.node.body[:0] = ast.parse(f"__called__.add({place!r})").body
    return names, ast.unparse(tree)


@dataclass(frozen=True)
class _Site:
    """A node, and where its parent has it: in `field`, at `index` if that is a list."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST


def _places(tree: ast.AST, prefix: str) -> Iterator[tuple[str, "_Holder", str]]:
    """Yield each function and each constant: its name, and which attribute holds the node."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, FUNCTIONS):
            yield prefix + child.name, _Holder(child), "node"
        elif isinstance(child, ast.ClassDef):
            yield from _places(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and not prefix:
            target = child.target if isinstance(child, ast.AnnAssign) else child.targets[0]
            if isinstance(target, ast.Name):
                yield target.id, _Holder(child), "node"


@dataclass(frozen=True)
class _Holder:
    node: ast.AST


def _changeable(node: ast.AST) -> Iterator[_Site]:
    """Yield each node below `node` that may be changed."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "target", "targets"):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_prose(child):
                continue
            yield _Site(node, field, index if isinstance(value, list) else None, child)
            if not isinstance(child, ast.Raise):
                yield from _changeable(child)


def _is_prose(node: ast.AST) -> bool:
    """Return whether a node is an f-string, a docstring or the call that makes an error."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id.endswith("Error")
    return isinstance(node, ast.JoinedStr) or _is_docstring(node)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _of(tree: ast.Module, place: str, site: _Site) -> Iterator[Mutant]:
    for changed in _alternatives(site.node):
        _put(site, changed)
        yield Mutant(
            place,
            f"{_shown(site.node)} -> {_shown(changed)}",
            getattr(site.node, "lineno", 0),
            ast.unparse(tree),
        )
        _put(site, site.node)


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _put(site: _Site, node: ast.AST) -> None:
    if site.index is None:
        setattr(site.parent, site.field, node)
    else:
        getattr(site.parent, site.field)[site.index] = node


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Yield each faulty form of a node."""
    match node:
        case ast.Constant():
            yield from _constants(node)
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                other = copy.copy(node)
                other.ops = list(node.ops)
                other.ops[index] = COMPARISONS[type(operator)]()
                yield other
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=ast.BitOr()):
            yield node.left
            yield node.right
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
        case ast.If() | ast.While() | ast.IfExp():
            negated = copy.copy(node)
            negated.test = ast.UnaryOp(ast.Not(), node.test)
            yield negated
        case ast.comprehension(ifs=[_, *_]):
            for index in range(len(node.ifs)):
                without = copy.copy(node)
                without.ifs = [*node.ifs[:index], *node.ifs[index + 1 :]]
                yield without
        case ast.Call():
            yield from _calls(node)
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    """Yield the call with one argument less, or with None in its place."""
    none = ast.Constant(None)
    for index, argument in enumerate(node.args):
        if not isinstance(argument, ast.Starred) and not _is_none(argument):
            args = [*node.args[:index], none, *node.args[index + 1 :]]
            yield ast.Call(node.func, args, node.keywords)
    for index, keyword in enumerate(node.keywords):
        before, after = node.keywords[:index], node.keywords[index + 1 :]
        if keyword.arg:
            yield ast.Call(node.func, node.args, [*before, *after])
            if not _is_none(keyword.value):
                changed = ast.keyword(keyword.arg, none)
                yield ast.Call(node.func, node.args, [*before, changed, *after])


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool(value):
            yield ast.Constant(not value)
        case int(number) | float(number):
            yield ast.Constant(number + 1)
        case str(text):
            yield ast.Constant(f"{text}XX")

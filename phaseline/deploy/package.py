"""Builds the zip of a Lambda function: its handler and exactly the modules that it imports.

The imports are read from the syntax trees. Imports inside a function count; imports under
`if TYPE_CHECKING:` do not. Modules that the Lambda runtime supplies are left out. A package
is identified by the digest of its content, which does not depend on the compressor, so that the
template parameter of an unchanged function does not change.
"""

import ast
import base64
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from phaseline import archive
from phaseline.deploy import content
from phaseline.deploy.code_key import CodeKey
from phaseline.errors import ConfigurationError

SUPPLIED = sys.stdlib_module_names | {"boto3", "botocore"}
"""Top-level modules that the Lambda runtime supplies.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""
HANDLER = "handler"


@dataclass(frozen=True)
class Package:
    """A built zip of `size` bytes.

    `content` is the digest of its content and `sha256` that of the zip, both in hex. `code_sha256`
    is the latter in the format of CodeSha256.
    """

    name: str
    path: Path
    content: str
    sha256: str
    code_sha256: str
    size: int

    @property
    def key(self) -> CodeKey:
        """The key that a deploy gives to this zip in the code bucket."""
        return CodeKey(self.name, self.content, self.sha256)


@dataclass(frozen=True)
class Import:
    """A module that a file imports, and the line of the import.

    `optional` is True if the module may be missing: the name is an attribute of a package and
    perhaps a module, or the import is in a `try` with an `except ImportError`.
    """

    module: str
    line: int
    optional: bool


def build(function_dir: Path, search_paths: Sequence[Path], out: Path) -> Package:
    """Write the zip of the function in `function_dir` to `out`.

    Modules are searched in `function_dir`, then in `search_paths`, in this order. Raises
    ConfigurationError, which names file and line, if a module is missing or a compiled extension.
    """
    files = trace(function_dir / f"{HANDLER}.py", [function_dir, *search_paths])
    data = archive.pack({name: path.read_bytes() for name, path in files.items()})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    digest = hashlib.sha256(data)
    return Package(
        name=function_dir.name,
        path=out,
        content=content.digest(data),
        sha256=digest.hexdigest(),
        code_sha256=base64.b64encode(digest.digest()).decode(),
        size=len(data),
    )


def build_all(
    functions: Iterable[str], repository: Path, environment_paths: Sequence[Path], out: Path
) -> list[Package]:
    """Write the zip of each function of the repository into the folder `out`.

    `environment_paths` contain the installed requirements. Raises as `build` does.
    """
    paths = [repository, *environment_paths]
    return [build(repository / "lambdas" / name, paths, out / f"{name}.zip") for name in functions]


def trace(handler: Path, search_paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files of a function by name in the zip: the handler and all that it imports."""
    if not handler.is_file():
        raise ConfigurationError(str(handler), "the handler does not exist", "Create it.")
    files = {handler.name: handler}
    waiting = [(HANDLER, handler)]
    seen = {HANDLER}
    while waiting:
        importer, path = waiting.pop()
        for wanted in imports(path.read_text("utf-8"), importer, path.name == "__init__.py"):
            for module in _with_parents(wanted.module):
                if module in seen:
                    continue
                if module.partition(".")[0] in SUPPLIED:
                    continue
                file = _find(module, search_paths, path, wanted)
                if file is None:
                    break
                seen.add(module)
                if file.is_file():
                    files[_name_in_zip(module, file)] = file
                    waiting.append((module, file))
    return files


def imports(source: str, module: str, is_package: bool) -> Iterator[Import]:
    """Yield the imports in the source text of `module`, with absolute names."""
    package = module if is_package else module.rpartition(".")[0]
    yield from _imports(ast.parse(source).body, package, optional=False)


def _imports(nodes: Iterable[ast.AST], package: str, *, optional: bool) -> Iterator[Import]:
    for node in nodes:
        match node:
            case ast.If() if _is_type_checking(node.test):
                yield from _imports(node.orelse, package, optional=optional)
            case ast.Try() if any(map(_handles_absence, node.handlers)):
                yield from _imports(node.body, package, optional=True)
                rest = [*node.handlers, *node.orelse, *node.finalbody]
                yield from _imports(rest, package, optional=optional)
            case ast.Import():
                for alias in node.names:
                    yield Import(alias.name, node.lineno, optional)
            case ast.ImportFrom():
                base = _absolute(node, package)
                yield Import(base, node.lineno, optional)
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", node.lineno, optional=True)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if _is_import_call(node.func):
                yield Import(name, node.lineno, optional)
            case _:
                yield from _imports(ast.iter_child_nodes(node), package, optional=optional)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _handles_absence(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "ImportError"
    return "ImportError" in caught or "ModuleNotFoundError" in caught


def _is_import_call(function: ast.expr) -> bool:
    return ast.unparse(function) in {"importlib.import_module", "import_module", "__import__"}


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _with_parents(module: str) -> Iterator[str]:
    """Yield `a`, `a.b` and `a.b.c` for `a.b.c`: importing a module also imports its packages."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _find(module: str, search_paths: Sequence[Path], importer: Path, wanted: Import) -> Path | None:
    """Return the file of the module, or the directory of a namespace package; None if an optional
    module is missing."""
    where = f"{importer}:{wanted.line}"
    relative = Path(*module.split("."))
    for root in search_paths:
        place = root / relative
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return file
        if place.parent.is_dir() and _has_extension(place):
            raise ConfigurationError(
                where,
                f"'{module}' is a compiled extension, which is built for one platform only",
                "Use a pure-Python package, or one that the Lambda runtime supplies.",
            )
    for root in search_paths:
        if (root / relative).is_dir():
            return root / relative
    if wanted.optional:
        return None
    raise ConfigurationError(
        where,
        f"the module '{module}' is neither beside the handler nor in the environment",
        "Correct the import, or add its package to requirements.txt and install it.",
    )


def _has_extension(place: Path) -> bool:
    return any(
        file.suffix in {".so", ".pyd"} and file.name.partition(".")[0] == place.name
        for file in place.parent.iterdir()
    )


def _name_in_zip(module: str, file: Path) -> str:
    name = module.replace(".", "/")
    return f"{name}/__init__.py" if file.name == "__init__.py" else f"{name}.py"

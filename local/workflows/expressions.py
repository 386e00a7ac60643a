"""Evaluates the expressions of workflow files that GitHub evaluates before a run starts.

These are the names of runs and concurrency groups, which act ignores. act evaluates all expressions
in jobs.
https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_][\w-]*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!()\[\],.])
    )""",
    re.VERBOSE,
)
EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
LITERALS = {"true": True, "false": False, "null": None}


def render(text: str, contexts: Mapping[str, Any]) -> str:
    """Return a text with the values of its `${{ }}` expressions. Raises ValueError."""
    return EMBEDDED.sub(lambda found: spelled(evaluate(found[1], contexts)), text)


def evaluate(expression: str, contexts: Mapping[str, Any]) -> Any:
    """Return the value of an expression, given the contexts (`github`, `inputs`, `vars`) by name.

    Names match in any case, as on GitHub. A missing property is None. Raises ValueError for an
    invalid expression, and for a context or function that does not exist before a run.
    """
    reader = _Reader(_tokens(expression), contexts)
    value = reader.either()
    if reader.kind:
        raise ValueError(f"unexpected {reader.value!r} in ${{{{{expression}}}}}")
    return value


def spelled(value: Any) -> str:
    """Return a value as text, as GitHub inserts it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, place, end = [], 0, len(expression.rstrip())
    while place < end:
        found = TOKEN.match(expression, place)
        if not found:
            raise ValueError(f"{expression[place:].strip()!r} is no expression")
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        place = found.end()
    return tokens


class _Reader:
    """Reads tokens from left to right. Each method reads one level of precedence."""

    def __init__(self, tokens: list[tuple[str, str]], contexts: Mapping[str, Any]) -> None:
        self._tokens = [*tokens, ("", "")]
        self._contexts = contexts

    @property
    def kind(self) -> str:
        return self._tokens[0][0]

    @property
    def value(self) -> str:
        return self._tokens[0][1]

    def either(self) -> Any:
        left = self._both()
        while self._take("||"):
            right = self._both()
            left = left if left else right
        return left

    def _both(self) -> Any:
        left = self._compared()
        while self._take("&&"):
            right = self._compared()
            left = right if left else left
        return left

    def _compared(self) -> Any:
        left = self._unary()
        for sign, holds in COMPARISONS.items():
            if self._take(sign):
                return holds(left, self._unary())
        return left

    def _unary(self) -> Any:
        if self._take("!"):
            return not self._unary()
        if self._take("("):
            inner = self.either()
            self._expect(")")
            return inner
        if not self.kind:
            raise ValueError("a value is missing in an expression")
        kind, value = self._tokens.pop(0)
        if kind == "text":
            return value[1:-1].replace("''", "'")
        if kind == "number":
            return float(value) if "." in value else int(value)
        if kind != "name":
            raise ValueError(f"unexpected {value!r} in an expression")
        if value in LITERALS:
            return LITERALS[value]
        if self._take("("):
            return self._inside(self._called(value))
        if (context := _named(self._contexts, value)) is None:
            raise ValueError(f"the context {value} is not known before a run")
        return self._inside(context)

    def _called(self, name: str) -> Any:
        arguments = []
        while not self._take(")"):
            arguments.append(self.either())
            if self.value != ")":
                self._expect(",")
        if (function := _named(FUNCTIONS, name)) is None:
            raise ValueError(f"{name}() is not known before a run")
        return function(*arguments)

    def _inside(self, value: Any) -> Any:
        """Return the value of the properties and indices that follow a value."""
        while True:
            if self._take("."):
                if self.kind != "name":
                    raise ValueError("a name is missing in an expression")
                key: Any = self._tokens.pop(0)[1]
            elif self._take("["):
                key = self.either()
                self._expect("]")
            else:
                return value
            if isinstance(value, list) and isinstance(key, int):
                value = value[key] if key < len(value) else None
            else:
                value = _named(value, key) if isinstance(value, Mapping) else None

    def _take(self, sign: str) -> bool:
        if self._tokens[0] != ("sign", sign):
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ValueError(f"{sign!r} is missing in an expression")


def _named(values: Mapping[str, Any], name: Any) -> Any:
    """The value with a name in any case of its letters; None where there is none."""
    if name in values:
        return values[name]
    wanted = spelled(name).lower()
    return next((value for key, value in values.items() if key.lower() == wanted), None)


def _format(text: str, *values: Any) -> str:
    """A text with `{0}` replaced by the first value, and `{{` and `}}` by single braces."""

    def replaced(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if not found[1] or int(found[1]) >= len(values):
            raise ValueError(f"format() has no value for {found[0]!r} in {text!r}")
        return spelled(values[int(found[1])])

    return re.sub(r"\{\{|\}\}|\{(\d+)\}|[{}]", replaced, text)


def _same(left: Any, right: Any) -> bool:
    """Return whether values are equal: texts without case, different types as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return bool(left == right) if type(left) is type(right) else _number(left) == _number(right)


def _number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return float(bool(value))
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")


def _contains(place: Any, item: Any) -> bool:
    if isinstance(place, list):
        return any(_same(one, item) for one in place)
    return spelled(item).lower() in spelled(place).lower()


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<=": lambda left, right: _number(left) <= _number(right),
    ">=": lambda left, right: _number(left) >= _number(right),
    "<": lambda left, right: _number(left) < _number(right),
    ">": lambda left, right: _number(left) > _number(right),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": _contains,
    "startsWith": lambda text, start: spelled(text).lower().startswith(spelled(start).lower()),
    "endsWith": lambda text, end: spelled(text).lower().endswith(spelled(end).lower()),
    "format": _format,
    "join": lambda values, by=",": by.join(map(spelled, values)),
    "toJSON": lambda value: json.dumps(value, indent=2),
    "fromJSON": json.loads,
}

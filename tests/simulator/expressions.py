"""Evaluates the expressions of DynamoDB that the ledger uses; any other one is an error."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Item = dict[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]
Condition = Callable[[Item, Names, Values], bool]
Operand = Callable[[Item, Names, Values], Any]
TOKEN = re.compile(r"\s*(<=|>=|<>|[#:]?[A-Za-z_][A-Za-z0-9_]*|[(),=<>])")


def comparable(value: Mapping[str, Any]) -> tuple[str, Any]:
    """Return an attribute value as one that compares within its type as DynamoDB compares it."""
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, float(content)
    return kind, content.encode() if kind == "S" else content


@lru_cache
def condition(text: str) -> Condition:
    """Return the condition that an expression describes."""
    parser = _Parser(text)
    parsed = parser.any_of()
    parser.end()
    return parsed


@lru_cache
def update(text: str) -> Callable[[Item, Names, Values], None]:
    """Return the function that applies an update expression to an item."""
    parser = _Parser(text)
    sets: list[tuple[str, Operand]] = []
    removed: list[str] = []
    while parser.ahead:
        clause = parser.take()
        while True:
            name = parser.take()
            if clause == "SET":
                parser.take("=")
                sets.append((name, parser.operand()))
            elif clause == "REMOVE":
                removed.append(name)
            else:
                raise NotImplementedError(text)
            if parser.ahead != ",":
                break
            parser.take(",")

    def apply(item: Item, names: Names, values: Values) -> None:
        before = dict(item)
        for name, operand in sets:
            item[names.get(name, name)] = operand(before, names, values)
        for name in removed:
            item.pop(names.get(name, name), None)

    return apply


class _Parser:
    """Parses conditions: OR of AND of NOT, functions and comparisons."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise NotImplementedError(text)
            self._tokens.append(match[1])
            position = match.end()

    @property
    def ahead(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def take(self, expected: str | None = None) -> str:
        if not self._tokens or expected not in {None, self._tokens[0]}:
            raise NotImplementedError(self._text)
        return self._tokens.pop(0)

    def end(self) -> None:
        if self._tokens:
            raise NotImplementedError(self._text)

    def any_of(self) -> Condition:
        parts = [self.all_of()]
        while self.ahead == "OR":
            self.take()
            parts.append(self.all_of())
        return lambda *known: any(part(*known) for part in parts)

    def all_of(self) -> Condition:
        parts = [self.one()]
        while self.ahead == "AND":
            self.take()
            parts.append(self.one())
        return lambda *known: all(part(*known) for part in parts)

    def one(self) -> Condition:
        if self.ahead == "(":
            self.take()
            inner = self.any_of()
            self.take(")")
            return inner
        if self.ahead == "NOT":
            self.take()
            negated = self.one()
            return lambda *known: not negated(*known)
        if self.ahead in {"attribute_exists", "attribute_not_exists"}:
            exists = self.take() == "attribute_exists"
            self.take("(")
            name = self.take()
            self.take(")")
            return lambda item, names, _: (names.get(name, name) in item) == exists
        return self._comparison(self.operand())

    def _comparison(self, left: Operand) -> Condition:
        operator = self.take()
        right = self.operand()
        if operator == "BETWEEN":
            self.take("AND")
            last = self.operand()
            return lambda *known: (
                _compare(">=", left(*known), right(*known))
                and _compare("<=", left(*known), last(*known))
            )
        return lambda *known: _compare(operator, left(*known), right(*known))

    def operand(self) -> Operand:
        token = self.take()
        if token == "if_not_exists":
            self.take("(")
            name = self.take()
            self.take(",")
            otherwise = self.operand()
            self.take(")")
            return lambda item, names, values: item.get(
                names.get(name, name), otherwise(item, names, values)
            )
        if token.startswith(":"):
            return lambda item, names, values: values[token]
        return lambda item, names, values: item.get(names.get(token, token))


def _compare(operator: str, left: Any, right: Any) -> bool:
    if left is None or right is None:
        return operator == "<>" and left is not right
    (kind, one), (other_kind, other) = comparable(left), comparable(right)
    if operator in {"=", "<>"}:
        return ((kind, one) == (other_kind, other)) == (operator == "=")
    if kind != other_kind:
        return False
    return bool(
        {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]
    )

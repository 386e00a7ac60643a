"""Pure: resolves the intrinsic functions of a template to their values in a stack.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$\{(!?)([^{}]+)\}")
_NOTHING = object()
"""The value of AWS::NoValue: the property is removed."""


class UnresolvedError(LookupError):
    """A value that cannot be resolved from the known values of the stack."""


@dataclass(frozen=True)
class Values:
    """The values to which the functions in a stack's template resolve.

    `references` are the values of Ref: parameters, physical resource IDs and pseudo parameters.
    `attributes` are the values of Fn::GetAtt, such as {("Role", "Arn"): ...}, `exports` the exports
    of other stacks, and `conditions` the template's section.
    """

    references: Mapping[str, str]
    attributes: Mapping[tuple[str, str], str]
    exports: Mapping[str, str]
    conditions: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:
        """Return the value without functions. Raises UnresolvedError for an unknown value."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not _NOTHING]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        members = {key: self.resolve(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not _NOTHING}

    def holds(self, condition: Any) -> bool:
        """Return whether a condition, given by name or definition, is true."""
        match condition:
            case str():
                return self.holds(_known(self.conditions, condition, "condition"))
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Equals": [left, right]}:
                return bool(self.resolve(left) == self.resolve(right))
            case {"Fn::Not": [operand]}:
                return not self.holds(operand)
            case {"Fn::And": list(operands)}:
                return all(self.holds(operand) for operand in operands)
            case {"Fn::Or": list(operands)}:
                return any(self.holds(operand) for operand in operands)
        raise UnresolvedError(f"the condition {condition}")

    def _function(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Ref", "AWS::NoValue":
                return _NOTHING
            case "Ref", str(reference):
                return _known(self.references, reference, "Ref")
            case "Fn::GetAtt", [str(resource), str(attribute)]:
                return _known(self.attributes, (resource, attribute), "GetAtt")
            case "Fn::ImportValue", export:
                return _known(self.exports, self.resolve(export), "export")
            case "Fn::If", [condition, yes, no]:
                return self.resolve(yes if self.holds(condition) else no)
            case "Fn::Join", [str(separator), parts]:
                return separator.join(self.resolve(parts))
            case "Fn::Select", [index, parts]:
                return self.resolve(parts)[int(self.resolve(index))]
            case "Fn::Split", [str(separator), text]:
                return self.resolve(text).split(separator)
            case "Fn::Sub", [str(text), more]:
                return self._sub(text, self.resolve(more))
            case "Fn::Sub", str(text):
                return self._sub(text, {})
        raise UnresolvedError(f"the function {name}")

    def _sub(self, text: str, more: Mapping[str, str]) -> str:
        def replaced(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in more:
                return more[name]
            resource, dot, attribute = name.partition(".")
            if dot:
                return str(self._function("Fn::GetAtt", [resource, attribute]))
            return str(self._function("Ref", name))

        return _REFERENCE.sub(replaced, text)


def _known(known: Mapping[Any, Any], key: Any, kind: str) -> Any:
    if key not in known:
        raise UnresolvedError(f"{kind} {'.'.join(key) if isinstance(key, tuple) else key}")
    return known[key]

"""Pure: what a template's values are in a stack, with its functions worked out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$\{(!?)([^{}]+)\}")
_NOTHING = object()
"""What AWS::NoValue leaves of a property."""


class UnresolvedError(LookupError):
    """A value that can't be worked out from what is known of the stack."""


@dataclass(frozen=True)
class Values:
    """What the functions in a stack's template stand for.

    `references` are the parameters, the resources by their physical ids and the pseudo parameters,
    `attributes` those that are known of resources ({("Role", "Arn"): ...}), `exports` what other
    stacks export, `conditions` the template's section.
    """

    references: Mapping[str, str]
    attributes: Mapping[tuple[str, str], str]
    exports: Mapping[str, str]
    conditions: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:
        """The value without functions. Raises UnresolvedError naming what is not known."""
        if isinstance(value, list):
            found = [self.resolve(one) for one in value]
            return [one for one in found if one is not _NOTHING]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        members = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in members.items() if one is not _NOTHING}

    def holds(self, condition: Any) -> bool:
        """Whether a condition is met: its name, or what defines it."""
        match condition:
            case str():
                return self.holds(_known(self.conditions, condition, "condition"))
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one) == self.resolve(other))
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::And": list(several)}:
                return all(self.holds(one) for one in several)
            case {"Fn::Or": list(several)}:
                return any(self.holds(one) for one in several)
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
            found = ("Fn::GetAtt", [resource, attribute]) if dot else ("Ref", name)
            return str(self._function(*found))

        return _REFERENCE.sub(replaced, text)


def _known(known: Mapping[Any, Any], key: Any, kind: str) -> Any:
    if key not in known:
        raise UnresolvedError(f"{kind} {'.'.join(key) if isinstance(key, tuple) else key}")
    return known[key]

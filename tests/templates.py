"""The templates, and their values with parameters, conditions and our functions worked out."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import decode  # type: ignore[import-untyped] # it has no types

from phaseline.deploy.plan import TEMPLATES

INFRA = Path(__file__).parents[1] / "infra"
NO_VALUE = object()
PSEUDO = {
    "AWS::NoValue": NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "stack",
}


@functools.cache
def load(name: str) -> dict[str, Any]:
    """The template `infra/<name>.yaml`, with short forms such as !Ref written out.

    It is parsed once; nobody changes it.
    """
    template, faults = decode(str(INFRA / f"{name}.yaml"))
    assert not faults
    assert isinstance(template, dict)
    return template


def load_stack(name: str) -> dict[str, Any]:
    """The template of a stack, by the stack's name or the template's."""
    return load(TEMPLATES.get(name, name))


class Resolved:
    """The resources of a template as they are with `parameters`."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        self.template = load(name)
        declared = self.template["Parameters"]
        defaults = {key: one["Default"] for key, one in declared.items() if "Default" in one}
        assert parameters.keys() <= declared.keys()
        self.values: dict[str, Any] = PSEUDO | defaults | dict(parameters)

    def properties(self, resource: str) -> Any:
        """The properties of one resource."""
        return self.value(self.template["Resources"][resource]["Properties"])

    def value(self, given: Any) -> Any:
        """`given` without functions."""
        if isinstance(given, list):
            return [one for one in map(self.value, given) if one is not NO_VALUE]
        if not isinstance(given, dict):
            return given
        if len(given) == 1:
            [(name, argument)] = given.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        values = {key: self.value(one) for key, one in given.items()}
        return {key: one for key, one in values.items() if one is not NO_VALUE}

    def reference(self, name: str) -> Any:
        """The result of `Ref` for a resource; with a dot, of `Fn::GetAtt`."""
        return f"<{name}>"

    def imported(self, name: str) -> Any:
        """The value of another stack's export."""
        return f"<{name}>"

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template is true."""
        return self._decide(self.template["Conditions"][condition])

    def _function(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Ref", _:
                return self._named(argument)
            case "Fn::GetAtt", _:
                return self.reference(".".join(argument))
            case "Fn::ImportValue", _:
                return self.imported(self.value(argument))
            case "Fn::If", [condition, yes, no]:
                return self.value(yes if self.holds(condition) else no)
            case "Fn::Join", [separator, parts]:
                return separator.join(self.value(parts))
            case "Fn::Select", [index, parts]:
                return self.value(parts)[int(index)]
            case "Fn::Split", [separator, text]:
                return self.value(text).split(separator)
            case "Fn::Sub", [text, more]:
                return self._sub(text, self.value(more))
            case "Fn::Sub", text:
                return self._sub(text, {})
        raise ValueError(f"not worked out: {name}")

    def _named(self, name: str) -> Any:
        return self.values[name] if name in self.values else self.reference(name)

    def _sub(self, text: str, more: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            return str(more[match[1]] if match[1] in more else self._named(match[1]))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _decide(self, condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": pair}:
                one, other = self.value(pair)
                return bool(one == other)
            case {"Fn::Not": [negated]}:
                return not self._decide(negated)
        raise ValueError(f"not worked out: {condition}")

"""The templates, and their values with parameters, conditions and our functions worked out."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import decode  # type: ignore[import-untyped] # it has no types

from phaseline.deploy.plan import TEMPLATES

INFRA = Path(__file__).parents[1] / "infra"
PSEUDO = {
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
        self.values = PSEUDO | defaults | dict(parameters)

    def properties(self, resource: str) -> Any:
        """The properties of one resource."""
        return self.value(self.template["Resources"][resource]["Properties"])

    def value(self, given: Any) -> Any:
        """`given` without functions."""
        if isinstance(given, list):
            return [self.value(one) for one in given]
        if not isinstance(given, dict):
            return given
        if len(given) == 1:
            [(name, argument)] = given.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.value(one) for key, one in given.items()}

    def _function(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Ref", _:
                return self.values.get(argument, f"<{argument}>")
            case "Fn::GetAtt", _:
                return f"<{'.'.join(argument)}>"
            case "Fn::ImportValue", _:
                return f"<{self.value(argument)}>"
            case "Fn::If", [condition, yes, no]:
                return self.value(yes if self._condition(condition) else no)
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

    def _sub(self, text: str, more: Mapping[str, str]) -> str:
        for key, value in {**self.values, **more}.items():
            text = text.replace(f"${{{key}}}", value)
        assert "${" not in text, text
        return text

    def _condition(self, name: str) -> bool:
        [(function, argument)] = self.template["Conditions"][name].items()
        if function != "Fn::Equals":
            raise ValueError(f"not worked out: {function}")
        one, other = self.value(argument)
        return bool(one == other)

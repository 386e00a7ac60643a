"""Reads CloudFormation templates, with values in one form and the line of each part."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from phaseline.drift.template_rules import Template
from phaseline.errors import ConfigurationError


def read(text: str | Mapping[str, Any], where: str) -> Template:
    """Return the template in YAML or JSON text, or in a JSON template that boto3 has parsed.

    Raises ConfigurationError with `where` and the line if it is not a template.
    """
    source = text if isinstance(text, str) else json.dumps(text)
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _wrong(where, f"it is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise _wrong(where, "expected a mapping of sections, found something else")
    lines = {
        (section.value, name.value): name.start_mark.line + 1
        for section, members in root.value
        if isinstance(members, yaml.MappingNode)
        for name, _ in members.value
    }
    sections = _plain(root)
    if not isinstance(sections.get("Resources"), dict):
        raise _wrong(where, "the section Resources is missing")
    return Template(sections, lines)


def _plain(node: yaml.Node) -> Any:
    """Return the value of a node, with the long form of each intrinsic function.

    A scalar stays text, because CloudFormation treats 300 and "300" alike.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    if isinstance(node, yaml.MappingNode):
        value: Any = {_plain(key): _plain(item) for key, item in node.value}
    elif isinstance(node, yaml.SequenceNode):
        value = [_plain(item) for item in node.value]
    else:
        value = str(node.value)
    if node.tag.startswith("!"):
        name = node.tag[1:]
        value = {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}
    match value:
        case {"Fn::GetAtt": str(attribute)}:
            resource, _, name = attribute.partition(".")
            return {"Fn::GetAtt": [resource, name]}
    return value


def _wrong(where: str, found: str) -> ConfigurationError:
    return ConfigurationError(where, found, "Correct the template.")

"""Reads CloudFormation templates: their values in one spelling, and where each part begins."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from phaseline.drift.template_rules import Template
from phaseline.errors import ConfigurationError


def read(text: str | Mapping[str, Any], where: str) -> Template:
    """The template in a text of YAML or JSON, or as boto3 answers one of JSON.

    Raises ConfigurationError naming `where` and the line for what is no template.
    """
    source = text if isinstance(text, str) else json.dumps(text)
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _wrong(where, f"no YAML can be read: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise _wrong(where, "expected a mapping of sections")
    lines = {
        (section.value, name.value): name.start_mark.line + 1
        for section, members in root.value
        if isinstance(members, yaml.MappingNode)
        for name, _ in members.value
    }
    sections = _plain(root)
    if not isinstance(sections.get("Resources"), dict):
        raise _wrong(where, "it has no section Resources")
    return Template(sections, lines)


def _plain(node: yaml.Node) -> Any:
    """The node's value, a function's short form as its long one.

    A scalar stays text, since CloudFormation makes no difference between 300 and "300".
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    if isinstance(node, yaml.MappingNode):
        value: Any = {_plain(key): _plain(one) for key, one in node.value}
    elif isinstance(node, yaml.SequenceNode):
        value = [_plain(one) for one in node.value]
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

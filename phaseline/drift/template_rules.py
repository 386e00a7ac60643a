"""Pure: compares a stack's template and parameters with those of this checkout.

Descriptions, labels, comments, the layout of the text and the constraints of parameters are not
compared: CloudFormation updates them only together with a resource, so that a deploy could not
remove the difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SECTIONS = ("Transform", "Mappings", "Rules", "Conditions", "Resources", "Outputs")
"""The compared sections. Parameters are compared by value."""
MASKED = "****"
"""The value that CloudFormation returns for a parameter that is declared with NoEcho."""

PartChange = Literal["is not deployed", "is declared no more", "differs"]


@dataclass(frozen=True)
class Template:
    """A parsed template: functions are in their long form, and every scalar is text.

    `lines` is the first line of each section's members, as in {("Resources", "SiteBucket"): 12}.
    """

    sections: Mapping[str, Any]
    lines: Mapping[tuple[str, str], int]

    def members(self, section: str) -> Mapping[str, Any]:
        """Return the members of a section by name; {} if the template has no such section."""
        members = self.sections.get(section, {})
        return members if isinstance(members, Mapping) else {section: members}

    def line(self, section: str, name: str) -> int | None:
        """Return the first line of a member, or None if the template does not contain it."""
        return self.lines.get((section, name))

    def default(self, parameter: str) -> str | None:
        """Return the default value of a parameter, or None if it is required."""
        value: str | None = self.members("Parameters").get(parameter, {}).get("Default")
        return value


@dataclass(frozen=True)
class Part:
    """A member of a section in which the deployed template differs from the checkout's.
    `line` is its first line in the checkout's template."""

    section: str
    name: str
    change: PartChange
    line: int | None

    def __str__(self) -> str:
        return f"{self.section}.{self.name} {self.change}"


@dataclass(frozen=True)
class Setting:
    """A parameter whose deployed value differs from the declared one.

    `declared` is None if the checkout has no value for it; a deploy from the checkout would fail.
    """

    name: str
    deployed: str
    declared: str | None
    line: int | None


def parts(deployed: Template, declared: Template) -> Iterator[Part]:
    """Yield the members in which the deployed template differs from the checkout's."""
    for section in SECTIONS:
        old, new = deployed.members(section), declared.members(section)
        for name in sorted(old.keys() | new.keys()):
            if name not in old:
                yield Part(section, name, "is not deployed", declared.line(section, name))
            elif name not in new:
                yield Part(section, name, "is declared no more", None)
            elif old[name] != new[name]:
                yield Part(section, name, "differs", declared.line(section, name))


def settings(
    deployed: Mapping[str, str],
    declared: Mapping[str, str],
    template: Template,
    uploaded: frozenset[str],
) -> Iterator[Setting]:
    """Yield the parameters of a stack whose values differ from the checkout's.

    `declared` are the values of the checkout's parameters file and command line. The defaults are
    those of the checkout's `template`. The parameters in `uploaded` are compared with the code
    instead. A parameter that the template lacks is a difference between the templates.
    """
    for name, value in sorted(deployed.items()):
        if name in uploaded or name not in template.members("Parameters") or value == MASKED:
            continue
        expected = declared.get(name, template.default(name))
        if value != expected:
            yield Setting(name, value, expected, template.line("Parameters", name))


def masked(deployed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the parameters whose values CloudFormation does not return."""
    return tuple(sorted(name for name, value in deployed.items() if value == MASKED))

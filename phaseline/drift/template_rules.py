"""Pure: where a stack's template and parameters are not those of this checkout.

What only people read (descriptions, labels, comments, the layout of the text) and what a parameter
may be make no difference: CloudFormation takes them over with the next change of a resource and not
before, so that nobody could mend them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SECTIONS = ("Transform", "Mappings", "Rules", "Conditions", "Resources", "Outputs")
"""What decides about a stack; its parameters do by their values."""
MASKED = "****"
"""What CloudFormation shows of a parameter that is declared with NoEcho."""

PartChange = Literal["is not deployed", "is declared no more", "differs"]


@dataclass(frozen=True)
class Template:
    """A template's `sections`, with functions in their long form and every scalar as text.

    `lines` says where a section's member begins (("Resources", "SiteBucket"): 12), from 1.
    """

    sections: Mapping[str, Any]
    lines: Mapping[tuple[str, str], int]

    def members(self, section: str) -> Mapping[str, Any]:
        """A section's members by name; none where there is no such section."""
        found = self.sections.get(section, {})
        return found if isinstance(found, Mapping) else {section: found}

    def line(self, section: str, name: str) -> int | None:
        """Where the member begins, or None where it is not in the template."""
        return self.lines.get((section, name))

    def default(self, parameter: str) -> str | None:
        """What a parameter is unless told otherwise; None where it has to be told."""
        value: str | None = self.members("Parameters").get(parameter, {}).get("Default")
        return value


@dataclass(frozen=True)
class Part:
    """A member of a section that the deployed template and this checkout's don't have in common.
    `line` is the one in the checkout's."""

    section: str
    name: str
    change: PartChange
    line: int | None

    def __str__(self) -> str:
        return f"{self.section}.{self.name} {self.change}"


@dataclass(frozen=True)
class Setting:
    """A parameter whose value is not the declared one; `declared` is None where the checkout gives
    none at all, and a deploy from it would be refused."""

    name: str
    deployed: str
    declared: str | None
    line: int | None


def parts(deployed: Template, declared: Template) -> Iterator[Part]:
    """In which members the deployed template differs from the checkout's."""
    for section in SECTIONS:
        there, here = deployed.members(section), declared.members(section)
        for name in sorted(there.keys() | here.keys()):
            if name not in there:
                yield Part(section, name, "is not deployed", declared.line(section, name))
            elif name not in here:
                yield Part(section, name, "is declared no more", None)
            elif there[name] != here[name]:
                yield Part(section, name, "differs", declared.line(section, name))


def settings(
    deployed: Mapping[str, str],
    declared: Mapping[str, str],
    template: Template,
    uploaded: frozenset[str],
) -> Iterator[Setting]:
    """Which of a stack's parameters are not what the checkout says.

    `declared` are the values that its parameters file and its deploy give, the defaults are the
    checkout's `template`'s. A parameter in `uploaded` is what a deploy sends to the code bucket,
    and is looked at with the code; what the template does not have is a difference of templates.
    """
    for name, value in sorted(deployed.items()):
        if name in uploaded or name not in template.members("Parameters") or value == MASKED:
            continue
        wanted = declared.get(name, template.default(name))
        if value != wanted:
            yield Setting(name, value, wanted, template.line("Parameters", name))


def masked(deployed: Mapping[str, str]) -> tuple[str, ...]:
    """The parameters whose values CloudFormation does not show."""
    return tuple(sorted(name for name, value in deployed.items() if value == MASKED))

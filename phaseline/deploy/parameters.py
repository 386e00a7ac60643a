"""Pure: assigns the parameters of a parameters file and of the command line to templates."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from phaseline.errors import ConfigurationError

COMMON = "common"
"""The section whose parameters go to every template that declares them."""
Sections = Mapping[str, Mapping[str, str]]
"""The values of parameters by section and name."""


@dataclass(frozen=True)
class TemplateParameters:
    """The names of a template's parameters; the `required` ones have no default."""

    names: frozenset[str]
    required: frozenset[str]


def read(text: str, where: str, stacks: Iterable[str]) -> Sections:
    """Return the sections of a parameters file.

    The text is a JSON object with the section `common`, whose parameters go to every template that
    declares them, and one section for each of `stacks`. Raises ConfigurationError, which names
    `where` and the invalid part.

    >>> read('{"common": {"Phase": "tested"}}', "demo.json", ["site"])
    {'common': {'Phase': 'tested'}}
    """
    names = [COMMON, *stacks]
    try:
        sections = json.loads(text)
    except ValueError as error:
        raise _wrong(where, f"expected a JSON object, found no JSON: {error}") from error
    if not isinstance(sections, dict):
        raise _wrong(where, f"expected a JSON object, found {type(sections).__name__}")
    for name, section in sections.items():
        if name not in names or not isinstance(section, dict):
            raise _wrong(where, f"'{name}': expected objects named {', '.join(names)}")
        for parameter, value in section.items():
            if not isinstance(value, str):
                raise _wrong(
                    where, f"'{name}.{parameter}': expected a text, found {json.dumps(value)}"
                )
    return sections


def given(stack: str, sections: Sections, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the values for a stack: of `common`, replaced by its section, and by `overrides`.

    >>> given("slack", {"common": {"A": "1", "B": "1"}, "slack": {"B": "2"}}, {"C": "3"})
    {'A': '1', 'B': '2', 'C': '3'}
    """
    return {**sections.get(COMMON, {}), **sections.get(stack, {}), **overrides}


def assign(
    declared: Mapping[str, TemplateParameters],
    sections: Sections,
    overrides: Mapping[str, str],
    *,
    computed: Mapping[str, str],
    later: frozenset[str],
    defaults: Mapping[str, str],
    selected: Iterable[str],
) -> dict[str, dict[str, str]]:
    """Return the parameters of each stack of `declared`.

    `overrides` take precedence over the section of a stack, then `common`, then `defaults`. Only
    the deploy sets the `computed` values, and the parameters in `later`, which the caller adds.
    Raises ConfigurationError for a name that no template declares, for a value that differs from
    the computed one, and for a stack in `selected` with a required parameter that has no value.
    """
    every_name = frozenset[str]().union(*(parameters.names for parameters in declared.values()))
    for values in (sections.get(COMMON, {}), overrides):
        _check(values, "no template declares it", every_name, computed, later)
    for stack, parameters in declared.items():
        unknown = f"the template of {stack} does not declare it"
        _check(sections.get(stack, {}), unknown, parameters.names, computed, later)
    assigned = {
        stack: {
            name: value
            for name, value in {
                **defaults,
                **given(stack, sections, overrides),
                **computed,
            }.items()
            if name in parameters.names
        }
        for stack, parameters in declared.items()
    }
    for stack in selected:
        missing = declared[stack].required - assigned[stack].keys() - later
        if missing:
            raise ConfigurationError(
                f"parameters of {stack}",
                f"the template needs a value for {', '.join(sorted(missing))}",
                "Add it to the parameters file, or pass --parameter Name=Value.",
            )
    return assigned


def _check(
    values: Mapping[str, str],
    unknown: str,
    known: frozenset[str],
    computed: Mapping[str, str],
    later: frozenset[str],
) -> None:
    for name, value in values.items():
        if name in later or computed.get(name, value) != value:
            raise ConfigurationError(
                f"parameter {name}",
                f"deploy sets it to {computed.get(name, 'the package that it uploads')},"
                f" found {value!r}",
                "Remove the parameter.",
            )
        if name not in known:
            names = ", ".join(sorted(known - computed.keys() - later))
            raise ConfigurationError(f"parameter {name}", unknown, f"Use one of: {names}.")


def _wrong(where: str, found: str) -> ConfigurationError:
    return ConfigurationError(where, found, "Correct the parameters file; nothing was changed.")

"""Pure: which template gets which parameter of a parameters file and of the command line."""

import json
from collections.abc import Iterable, Mapping

from phaseline.deploy.stacks import Parameters
from phaseline.errors import ConfigurationError

COMMON = "common"
"""The section whose parameters go to every template that declares them."""
Sections = Mapping[str, Mapping[str, str]]


def read(text: str, where: str, stacks: Iterable[str]) -> Sections:
    """The sections of a parameters file.

    The text is a JSON object of objects of texts: those in `common` go to every template that
    declares their name, those in one named as one of `stacks` to this stack only. Raises
    ConfigurationError naming `where` and what in it is of another shape.
    """
    names = [COMMON, *stacks]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(where, f"expected a JSON object, found no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _wrong(where, f"expected a JSON object, found {type(found).__name__}")
    for name, section in found.items():
        if name not in names or not isinstance(section, dict):
            raise _wrong(where, f"'{name}': expected objects named {', '.join(names)}")
        for parameter, value in section.items():
            if not isinstance(value, str):
                raise _wrong(
                    where, f"'{name}.{parameter}': expected a text, found {json.dumps(value)}"
                )
    return found


def assign(
    declared: Mapping[str, Parameters],
    sections: Sections,
    overrides: Mapping[str, str],
    *,
    computed: Mapping[str, str],
    later: frozenset[str],
    defaults: Mapping[str, str],
    selected: Iterable[str],
) -> dict[str, dict[str, str]]:
    """The parameters of each stack of `declared`.

    `overrides` go before a stack's own section, that before `common`, that before `defaults`.
    `computed` values, and those of the names in `later`, which the caller adds, belong to the
    deploy alone. Raises ConfigurationError for a name that no template declares, for another
    value than the deploy's own, and for a parameter of a stack in `selected` without a value.
    """
    everywhere = frozenset[str]().union(*(one.names for one in declared.values()))
    for given in (sections.get(COMMON, {}), overrides):
        _check(given, "no template declares it", everywhere, computed, later)
    for stack, parameters in declared.items():
        found = f"the template of {stack} does not declare it"
        _check(sections.get(stack, {}), found, parameters.names, computed, later)
    common = {**defaults, **sections.get(COMMON, {})}
    assigned = {
        stack: {
            name: value
            for name, value in {
                **common,
                **sections.get(stack, {}),
                **overrides,
                **computed,
            }.items()
            if name in parameters.names
        }
        for stack, parameters in declared.items()
    }
    for stack in selected:
        lacking = declared[stack].required - assigned[stack].keys() - later
        if lacking:
            raise ConfigurationError(
                f"parameters of {stack}",
                f"the template needs a value for {', '.join(sorted(lacking))}",
                "Add it to the parameters file, or pass --parameter Name=Value.",
            )
    return assigned


def _check(
    given: Mapping[str, str],
    found: str,
    known: frozenset[str],
    computed: Mapping[str, str],
    later: frozenset[str],
) -> None:
    for name, value in given.items():
        if name in later or computed.get(name, value) != value:
            raise ConfigurationError(
                f"parameter {name}",
                f"deploy sets it by itself, to {computed.get(name, 'what it uploads')},"
                f" found {value!r}",
                "Leave it out.",
            )
        if name not in known:
            names = ", ".join(sorted(known - computed.keys() - later))
            raise ConfigurationError(f"parameter {name}", found, f"These exist: {names}.")


def _wrong(where: str, found: str) -> ConfigurationError:
    return ConfigurationError(where, found, "Correct the parameters file; nothing was changed.")

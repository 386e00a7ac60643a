"""Pure: which template gets which parameter of a parameters file and of the command line."""

import json
from collections.abc import Iterable, Mapping

from phaseline.errors import ConfigurationError
from phaseline.stacks import Parameters

COMMON = "common"
"""The section whose parameters go to every template that declares them."""
Sections = Mapping[str, Mapping[str, str]]


def read(text: str, where: str, stacks: Iterable[str]) -> Sections:
    """The sections of a parameters file.

    The text is a JSON object with sections `common` and one for each of `stacks`, all optional;
    a section is an object of texts. Raises ConfigurationError naming `where` and the section.
    """
    names = [COMMON, *stacks]
    shape = f"a JSON object of the sections {', '.join(names)}, each an object of texts"
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(where, f"expected {shape}, found no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _wrong(where, f"expected {shape}, found {type(found).__name__}")
    for section, values in found.items():
        if section not in names:
            raise _wrong(where, f"the section '{section}' is none of {', '.join(names)}")
        if not isinstance(values, dict):
            raise _wrong(where, f"section '{section}': expected an object, found {values!r}")
        for name, value in values.items():
            if not isinstance(value, str):
                raise _wrong(where, f"'{section}.{name}': expected a text, found {value!r}")
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
    deploy alone. Raises ConfigurationError for a name that no template declares, one that belongs
    to the deploy, and a parameter of a stack in `selected` that nothing gives a value.
    """
    everywhere = frozenset[str]().union(*(one.names for one in declared.values()))
    for name in [*sections.get(COMMON, {}), *overrides]:
        _check(name, "any template", everywhere, computed.keys() | later)
    for stack, parameters in declared.items():
        for name in sections.get(stack, {}):
            _check(name, f"the template of {stack}", parameters.names, computed.keys() | later)
    given = {**defaults, **sections.get(COMMON, {})}
    assigned = {
        stack: {
            name: value
            for name, value in {
                **given,
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


def _check(name: str, whose: str, known: Iterable[str], own: Iterable[str]) -> None:
    if name in own:
        raise ConfigurationError(
            f"parameter {name}", "deploy sets it by itself", "Leave it out of the parameters."
        )
    if name not in known:
        names = ", ".join(sorted(set(known) - set(own)))
        raise ConfigurationError(
            f"parameter {name}", f"{whose} declares it nowhere", f"These exist: {names}."
        )


def _wrong(where: str, found: str) -> ConfigurationError:
    return ConfigurationError(where, found, "Correct the parameters file; nothing was changed.")

"""The plan of a deployment, from the templates and the parameters file of this checkout."""

import sysconfig
from collections.abc import Iterable
from pathlib import Path

from phaseline.deploy.parameters import Sections, read
from phaseline.deploy.plan import EVERY, TEMPLATES, Plan
from phaseline.errors import ConfigurationError
from scripts.cli import checkout


def make_plan(
    environment: str,
    parameters_file: Path | None,
    overrides: Iterable[tuple[str, str]],
    selected: Iterable[str],
    role_arn: str = "",
) -> Plan:
    """Return the plan of an environment from this repository and the parameters file."""
    repository = checkout.root()
    folder = repository / "infra"
    return Plan(
        environment=environment,
        selected=frozenset(selected),
        templates={name: (folder / f"{TEMPLATES[name]}.yaml").read_text() for name in EVERY},
        sections=_sections(environment, parameters_file),
        overrides=dict(overrides),
        repository=repository,
        environment_paths=[Path(sysconfig.get_path("purelib"))],
        role_arn=role_arn,
    )


def _sections(environment: str, file: Path | None) -> Sections:
    """Return the sections of the parameters file, or none if the environment has no file."""
    path = file or checkout.root() / "infra" / "parameters" / f"{environment}.json"
    try:
        return read(path.read_text("utf-8"), str(path), EVERY)
    except FileNotFoundError as error:
        if file is None:
            return {}
        raise ConfigurationError(
            str(path), "the parameters file does not exist", "Correct the path in --parameters."
        ) from error

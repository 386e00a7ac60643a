"""Lets the functions of a local system call AWS, GitHub and Slack through proxies."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.system import System
from tests.chaos import proxy
from tests.chaos.fates import Fates

SUFFIX = "FunctionName"


@contextmanager
def through_proxies(system: System, fates: Fates) -> Iterator[Mapping[str, str]]:
    """Run proxies before all services, and yield their addresses by those of the services."""
    upstreams: dict[str, proxy.Describe] = {
        system.endpoint: proxy.of_aws,
        system.github_url: proxy.of_github,
        system.slack_url: proxy.of_slack,
    }
    with proxy.before(upstreams, fates) as addresses, _pointed(system, addresses):
        yield addresses


@contextmanager
def _pointed(system: System, addresses: Mapping[str, str]) -> Iterator[None]:
    """Let all functions call these addresses instead of the ones that they call now."""
    client = system.client("lambda")
    before = {name: _variables(client, name) for name in _functions(system)}
    try:
        for name, variables in before.items():
            other = {key: addresses.get(value, value) for key, value in variables.items()}
            endpoint = {"AWS_ENDPOINT_URL": addresses[system.endpoint]}
            _set(client, name, other | endpoint)
        yield
    finally:
        for name, variables in before.items():
            _set(client, name, variables)


def _functions(system: System) -> list[str]:
    return [
        value
        for outputs in system.outputs.values()
        for key, value in outputs.items()
        if key.endswith(SUFFIX)
    ]


def _variables(client: Any, name: str) -> dict[str, str]:
    configuration = client.get_function_configuration(FunctionName=name)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


def _set(client: Any, name: str, variables: Mapping[str, str]) -> None:
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": dict(variables)}
    )

"""Two environments in an order: what one verified is what the next one is promoted to."""

from collections.abc import Iterator

import pytest

from local.cdn.edge import Edge
from local.serving import serve
from local.system import ENVIRONMENT, System, deployment
from local.system.deployment import WITH_BOUNDARY
from phaseline.deploy import environment
from phaseline.deploy.environment import PREFIX, Environment
from phaseline.documents.store import Documents
from tests.system.conftest import promote
from tests.system.scripts import Ran, Scripts, scripts

__all__ = ["scripts"]

LATER = "later"
NAME = "lane-keeper"


@pytest.fixture(scope="module")
def later(system: System) -> Iterator[Environment]:
    """A second environment of the same account, whose versions come from the first one."""
    cloudfront = system.client("cloudfront")
    edge = Edge(cloudfront=cloudfront, endpoint=system.endpoint)
    server = serve(edge)
    order = {"SiteUrl": server.url, "PromotesFrom": ENVIRONMENT}
    deployment.run_deploy(
        system,
        "later.log",
        deployment.parameters(system) | order,
        "--environment",
        LATER,
        *WITH_BOUNDARY,
    )
    found = environment.read(system.client("cloudformation"), LATER)
    edge.serve_distribution(found.distribution)
    yield found
    # It would build each commit of the frontend that other tests push.
    client = system.client("cloudformation")
    client.delete_stack(StackName=f"phaseline-{LATER}-pipeline")
    client.get_waiter("stack_delete_complete").wait(StackName=f"phaseline-{LATER}-pipeline")
    server.stop()


@pytest.fixture
def soaking(system: System, later: Environment) -> Iterator[None]:
    """The second environment takes what was live in the first one for an hour."""
    order = deployment.parameters(system) | {"SiteUrl": later.site_url, "PromotesFrom": ENVIRONMENT}
    deployment.run_deploy(system, "soak.log", order | {"SoakMinutes": "60"}, "--environment", LATER)
    yield
    deployment.run_deploy(system, "soak.log", order | {"SoakMinutes": "0"}, "--environment", LATER)


def ask(scripts: Scripts, *arguments: str, name: str = NAME, run: str = "1") -> Ran:
    """Ask for a promotion to the second environment."""
    about = ["--environment", LATER, "--action", "promote", "--type", "opt", "--algorithm", name]
    return scripts.run("release", *about, "--reason", "next", "--json", *arguments, run=run)


def entry(system: System, found: Environment, name: str = NAME) -> object:
    """An algorithm's entry in an environment's document, as it is shown."""
    documents = Documents(system.client("s3"), found.metadata_bucket, PREFIX, lambda _: None)
    known = documents.read("opt").document.algorithms.get(name)
    return (known.version, known.display) if known else None


def test_verified_version_is_promoted_to_the_next_environment(
    system: System, later: Environment, scripts: Scripts
) -> None:
    """A version that was verified in the first is promoted to the second, the same to the byte; the
    second hears nothing from the table, and takes nothing that was not verified."""
    first = environment.read(system.client("cloudformation"), ENVIRONMENT)
    promote(system, "opt", NAME, "1.0.0")
    assert entry(system, later) is None

    difference = scripts.run("diff", "--environment", LATER, "--from", ENVIRONMENT, "--json")
    assert NAME in difference.out
    foreseen = ask(scripts, "--dry-run").json["differences"]
    assert any(NAME in line and "1.0.0" in line for line in foreseen["website"])
    unknown = ask(scripts, "--version", "9.9.9", run="2")
    assert (unknown.code, f"not known as verified in {ENVIRONMENT}" in unknown.err) == (7, True)

    promoted = ask(scripts)
    assert promoted.code == 0, promoted.err
    assert entry(system, later) == entry(system, first)
    assert ask(scripts).json["outcome"] == "already-done"


@pytest.mark.usefixtures("soaking")
def test_version_that_was_not_live_for_long_enough_is_refused(
    system: System, later: Environment, scripts: Scripts
) -> None:
    """A version that was not live in the first for long enough is refused, and told from when on
    it is not."""
    promote(system, "opt", "soaked", "1.1.0")
    refused = ask(scripts, name="soaked", run="3")
    assert refused.code == 7
    assert f"it was live in {ENVIRONMENT} for 0 min of the required 60" in refused.err
    assert "Repeat the request at" in refused.err
    first = environment.read(system.client("cloudformation"), ENVIRONMENT)
    assert entry(system, later, "soaked") != entry(system, first, "soaked")

"""Unknown algorithms and versions, and the names that were meant."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.errors import InputError
from scripts.release.known import check_algorithm, check_version, versions
from scripts.services import Services
from tests.builders.environments import DEMO
from tests.builders.releases import release
from tests.builders.services import empty
from tests.builders.stores import AT, make_table, rewrite

ENTRY = Entry("1.0.0", {}, "r", "", "0", AT)


@pytest.fixture
def services() -> Iterator[Services]:
    """An environment with opt/route-planner 1.0.0, whose 0.9.0 is marked as bad, and 1.1.0 of it
    and 2.0.0 of in/cleaner in the algorithms table."""
    with empty() as found:
        rewrite(found.documents, "opt", with_planner)
        found.ledger.record([release(algorithm="route-planner")], at=AT)
        found.registry.client.create_table(
            TableName="algorithms",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("algorithm", "version")
            ],
            KeySchema=[
                {"AttributeName": "algorithm", "KeyType": "HASH"},
                {"AttributeName": "version", "KeyType": "RANGE"},
            ],
        )
        for name, version, type_ in (("route-planner", "1.1.0", "opt"), ("cleaner", "2.0.0", "in")):
            item = {"algorithm": name, "version": version, "type": type_}
            found.registry.client.put_item(
                TableName="algorithms", Item={key: {"S": value} for key, value in item.items()}
            )
        yield found


def with_planner(document: Document) -> Document:
    mark = {"route-planner": {"0.9.0": Mark("slow", "ana", AT)}}
    return document.revise(algorithms={"route-planner": ENTRY, "swap": ENTRY}, bad=mark)


def test_algorithms_of_document_and_table_are_known(services: Services) -> None:
    check_algorithm(services, ["opt"], "route-planner")
    check_algorithm(services, ["in", "out"], "cleaner")


@pytest.mark.parametrize(
    ("type_", "name", "hint"),
    [
        ("opt", "route-planer", "Did you mean opt/route-planner?"),
        ("in", "route-planner", "Did you mean opt/route-planner?"),
        ("opt", "x", "Known are opt/route-planner, opt/swap."),
        ("opt", "swaps", "Did you mean opt/swap?"),
    ],
)
def test_unknown_algorithm_is_an_error_that_names_the_nearest(
    services: Services, type_: str, name: str, hint: str
) -> None:
    with pytest.raises(InputError) as raised:
        check_algorithm(services, [type_], name)
    assert raised.value.remedy == hint


def test_versions_are_those_that_an_action_can_name(services: Services) -> None:
    given = (services, "opt", "route-planner")
    assert versions(*given, "promote") == {"1.1.0"}
    assert versions(*given, "rollback") == {"1.0.0"}
    assert versions(*given, "clear") == {"1.0.0", "0.9.0"}


def test_version_to_promote_comes_from_the_upstream(services: Services) -> None:
    upstream = Services("staging")
    vars(upstream)["environment"] = replace(DEMO, name="staging", ledger_table="upstream")
    make_table(upstream.ledger.client, "upstream")
    upstream.ledger.record([release(algorithm="route-planner", version="3.0.0")], at=AT)
    vars(services)["upstream"] = upstream
    assert versions(services, "opt", "route-planner", "promote") == {"3.0.0"}


def test_unknown_version_is_an_error_that_names_the_nearest(services: Services) -> None:
    with pytest.raises(InputError) as raised:
        check_version(services, "opt", "route-planner", "1.10", "promote")
    assert raised.value.remedy == "Did you mean 1.1.0?"

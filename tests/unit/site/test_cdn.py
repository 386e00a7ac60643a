"""The distribution is found, and changed paths are invalidated once."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import ConfigurationError, TimedOutError
from phaseline.site import cdn
from phaseline.site.cdn import Cdn, Completed, Progress
from tests.builders.calls import Calls
from tests.builders.distributions import ORIGIN, distribution


def test_distribution_on_the_second_page_is_found() -> None:
    with mock_aws():
        client = boto3.client("cloudfront")
        for number in range(104):
            distribution(client, f"other-{number}.s3.amazonaws.com")
        wanted = distribution(client, ORIGIN)
        assert cdn.find(client, ORIGIN) == wanted
        assert cdn.find(client, ORIGIN.upper()) == wanted


def test_distribution_with_a_similar_origin_is_not_found() -> None:
    """Neither with a longer name that contains the wanted one, nor with a shorter one."""
    with mock_aws():
        client = boto3.client("cloudfront")
        distribution(client, f"old-{ORIGIN}")
        distribution(client, "site-staging.s3.eu-west-1.amazonaws.com")
        distribution(client, "site.s3.amazonaws.com")
        with pytest.raises(ConfigurationError, match=r"found 0 among 3 \(candidates: none\)"):
            cdn.find(client, ORIGIN)


def test_two_distributions_are_an_error_that_lists_them() -> None:
    with mock_aws():
        client = boto3.client("cloudfront")
        ids = [distribution(client, ORIGIN), distribution(client, ORIGIN)]
        with pytest.raises(ConfigurationError, match="found 2") as raised:
            cdn.find(client, ORIGIN)
        assert all(id_ in str(raised.value) for id_ in ids)


def test_disabled_distribution_is_not_found() -> None:
    """The error lists it as disabled."""
    with mock_aws():
        client = boto3.client("cloudfront")
        distribution(client, ORIGIN, enabled=False)
        with pytest.raises(ConfigurationError, match=r"found 0.*disabled"):
            cdn.find(client, ORIGIN)
        wanted = distribution(client, ORIGIN)
        assert cdn.find(client, ORIGIN) == wanted


def test_staging_distribution_is_not_found() -> None:
    """It has the origins of its primary distribution."""
    client = boto3.client("cloudfront")
    origins = {"Quantity": 1, "Items": [{"Id": "site", "DomainName": ORIGIN}]}
    items = [
        {"Id": id_, "DomainName": f"{id_}.example", "Enabled": True, "Origins": origins}
        | {"Staging": id_ == "STAGING"}
        for id_ in ("STAGING", "PRIMARY")
    ]
    Calls(client, ListDistributions=lambda _: {"DistributionList": {"Items": items}})
    assert cdn.find(client, ORIGIN) == "PRIMARY"


def test_account_without_distributions_is_a_configuration_error() -> None:
    """Its listing has no items."""
    with mock_aws(), pytest.raises(ConfigurationError, match="found 0 among 0"):
        cdn.find(boto3.client("cloudfront"), ORIGIN)


class Edge:
    """The invalidations of CloudFront, and a clock that only pauses advance."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.known: dict[str, tuple[str, ...]] = {}
        self.ready_at = 0.0
        self.full_until = 0.0
        self.full_for_paths = False
        self.refused, self.taken = "", {("/*",)}
        self.share = 1.0
        client = boto3.client("cloudfront")
        self.calls = Calls(client, CreateInvalidation=self.create, GetInvalidation=self.get)
        self.cdn = Cdn(client, "EDIST", pause=self.sleep, clock=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds * self.share

    def create(self, params: dict[str, Any]) -> dict[str, Any] | str:
        batch = params["InvalidationBatch"]
        items = tuple(batch["Paths"]["Items"])
        assert batch["Paths"]["Quantity"] == len(items)
        if self.refused and items not in self.taken:
            return self.refused
        if self.now < self.full_until or (self.full_for_paths and items != ("/*",)):
            return "TooManyInvalidationsInProgress"
        known = self.known.setdefault(batch["CallerReference"], items)
        assert known == items
        return self.get({"Id": f"I{list(self.known).index(batch['CallerReference'])}"})

    def get(self, params: dict[str, Any]) -> dict[str, Any]:
        status = "Completed" if self.now >= self.ready_at else "InProgress"
        return {"Invalidation": {"Id": params["Id"], "Status": status}}


def start(edge: Edge) -> Progress:
    """Return the progress of a first invocation."""
    return Progress(started=edge.now)


def finish(edge: Edge) -> Completed:
    """Invoke until the invalidation is complete."""
    progress: Completed | Progress = start(edge)
    while isinstance(progress, Progress):
        progress = edge.cdn.advance("e1", ["/a"], Progress(**progress.token()))
    return progress


def test_invalidation_that_is_complete_needs_no_pause() -> None:
    edge = Edge()
    assert edge.cdn.advance("e1", ["/a"], start(edge)) == Completed("I0")
    assert edge.slept == []


def test_repeated_request_returns_the_same_invalidation() -> None:
    """Such as after a lost answer."""
    edge = Edge()
    first = edge.cdn.advance("e1", ["/a", "/b"], start(edge))
    second = edge.cdn.advance("e1", ["/a", "/b"], start(edge))
    assert first == second
    assert len(edge.known) == 1


def test_each_execution_has_an_invalidation_of_its_own() -> None:
    """An earlier one may have taken place before the files of this one were uploaded."""
    edge = Edge()
    for number in range(2):
        completed = edge.cdn.advance(f"e{number}", ["/a"], start(edge))
        assert completed == Completed(f"I{number}")


def test_next_invocation_continues_with_the_same_invalidation() -> None:
    """An invocation polls for some seconds, and then passes on the invalidation's ID."""
    edge = Edge()
    edge.ready_at = edge.now + 60
    progress = edge.cdn.advance("e1", ["/a"], start(edge))
    assert progress == Progress(started=1000.0, attempt=2, invalidation="I0")
    assert edge.now <= 1000 + cdn.PATIENCE
    while isinstance(progress, Progress):
        progress = edge.cdn.advance("e1", ["/a"], Progress(**progress.token()))
    assert progress == Completed("I0")
    assert len(edge.calls.of("CreateInvalidation")) == 1


def test_pauses_grow_while_too_many_invalidations_are_in_progress() -> None:
    edge = Edge()
    edge.full_until = edge.now + 6
    assert edge.cdn.advance("e1", ["/a"], start(edge)) == Completed("I0")
    assert edge.slept == [1, 2, 4]
    assert list(edge.known.values()) == [("/a",)]


def test_no_pause_is_longer_than_eight_seconds() -> None:
    """Each pause is a random part of the time that is asked for."""
    edge = Edge()
    edge.share, edge.ready_at = 0.1, edge.now + 60
    edge.cdn.advance("e1", ["/a"], start(edge))
    assert edge.slept[:6] == [1, 2, 4, 8, 8, 8]


def test_next_invocation_uses_a_wildcard_if_the_paths_exceed_the_quota() -> None:
    edge = Edge()
    edge.full_for_paths = True
    progress = edge.cdn.advance("e1", ["/a"], start(edge))
    assert progress == Progress(started=1000.0, attempt=2, everything=True)
    assert edge.cdn.advance("e1", ["/a"], progress) == Completed("I0")
    assert list(edge.known.values()) == [("/*",)]


@pytest.mark.parametrize("code", ["InvalidArgument", "BatchTooLarge"])
def test_paths_that_are_refused_give_way_to_everything(code: str) -> None:
    """Whatever CloudFront has against a path: all others would stay in the cache, at each try."""
    edge = Edge()
    edge.refused = code
    assert edge.cdn.advance("e1", ["/a"], start(edge)) == Completed("I0")
    assert list(edge.known.values()) == [("/*",)]


def test_invalidation_of_everything_that_is_refused_is_an_error() -> None:
    """Such as for a distribution that does not exist."""
    edge = Edge()
    edge.refused, edge.taken = "InvalidArgument", set()
    with pytest.raises(edge.cdn.client.exceptions.InvalidArgument):
        edge.cdn.advance("e1", ["/a"], start(edge))


@pytest.mark.parametrize(
    ("created", "said"), [(True, "I0 is still in progress"), (False, "none could be created")]
)
def test_error_of_a_timeout_has_the_progress(created: bool, said: str) -> None:
    edge = Edge()
    edge.ready_at = 1e9
    edge.full_until = 0.0 if created else 1e9
    with pytest.raises(TimedOutError, match=said):
        finish(edge)
    assert edge.now - 1000 < cdn.AGE_LIMIT + 2 * cdn.PATIENCE

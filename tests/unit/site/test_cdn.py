"""The distribution is found, and changed paths are invalidated once."""

from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
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


def test_account_without_distributions_is_a_configuration_error() -> None:
    """Its listing has no items."""
    with mock_aws(), pytest.raises(ConfigurationError, match="found 0 among 0"):
        cdn.find(boto3.client("cloudfront"), ORIGIN)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (None, ("/*",)),
        ([], ()),
        (["/a.css"], ("/a.css",)),
        (["/index.html"], ("/", "/index.html")),
        (["/blog/index.html"], ("/blog/", "/blog/index.html")),
        (["/myindex.html"], ("/myindex.html",)),
        (["/a b.html"], ("/a%20b.html",)),
        (["/größe.html"], ("/gr%C3%B6%C3%9Fe.html",)),
        (["/100%.html", "/a#b", "/{x}"], ("/100%25.html", "/%7Bx%7D", "/a%23b")),
        (["/a+b@c,d;e=f&g.html"], ("/a+b@c,d;e=f&g.html",)),
        (["/~me.html"], ("/%7Eme.html", "/~me.html")),
    ],
)
def test_paths(changed: list[str] | None, expected: tuple[str, ...]) -> None:
    """Paths are sorted, encoded where CloudFront wants it, and an index counts as its folder."""
    assert set(cdn.paths(changed)) == set(expected)
    assert list(cdn.paths(changed)) == sorted(expected)


def test_many_paths_become_everything() -> None:
    """A hundred paths are named; one more, and `/*` takes their place."""
    hundred = [f"/{number}.css" for number in range(100)]
    assert len(cdn.paths(hundred)) == 100
    assert cdn.paths([*hundred, "/more.css"]) == ("/*",)


@given(st.lists(st.text(min_size=1).map(lambda name: f"/{name}")))
def test_paths_are_what_cloudfront_takes(changed: list[str]) -> None:
    """Each path starts with a slash and is printable ASCII without a blank or an unsafe sign."""
    for path in cdn.paths([c.encode("utf-8", "ignore").decode() for c in changed]):
        assert path.startswith("/")
        assert path.isascii()
        assert path.isprintable()
        assert not set(path) & set(' <>"{}|\\^[]`#')


def test_reference_depends_on_execution_and_paths() -> None:
    """Equal requests have one reference whatever their order; others have another."""
    one = cdn.reference("e1", ["/a", "/b"])
    assert one == cdn.reference("e1", ["/b", "/a"])
    assert one != cdn.reference("e2", ["/a", "/b"])
    assert one != cdn.reference("e1", ["/*"])


class Edge:
    """The invalidations of CloudFront, and a clock that only pauses advance."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.known: dict[str, tuple[str, ...]] = {}
        self.ready_at = 0.0
        self.full_until = 0.0
        self.full_for_paths = False
        client = boto3.client("cloudfront")
        self.calls = Calls(client, CreateInvalidation=self.create, GetInvalidation=self.get)
        self.cdn = Cdn(client, "EDIST", pause=self.sleep, clock=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def create(self, params: dict[str, Any]) -> dict[str, Any] | str:
        batch = params["InvalidationBatch"]
        items = tuple(batch["Paths"]["Items"])
        assert batch["Paths"]["Quantity"] == len(items)
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


def test_next_invocation_uses_a_wildcard_if_the_paths_exceed_the_quota() -> None:
    edge = Edge()
    edge.full_for_paths = True
    progress = edge.cdn.advance("e1", ["/a"], start(edge))
    assert progress == Progress(started=1000.0, attempt=2, everything=True)
    assert edge.cdn.advance("e1", ["/a"], progress) == Completed("I0")
    assert list(edge.known.values()) == [("/*",)]


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

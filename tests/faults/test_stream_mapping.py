"""What becomes of records when deliveries fail, repeat and split."""

import itertools
import random
from types import ModuleType
from typing import Any

import boto3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.aws.stream_mapping import StreamMapping, sequence
from phaseline.documents.store import Documents
from tests.builders.listener import listener as listener  # a fixture
from tests.builders.stores import BUCKET, never
from tests.events import stream_record

EXAMPLES = itertools.count()
"""Each example has an algorithm of its own: hypothesis may run one seed twice."""

NAMES = (f"algorithm-{number}" for number in itertools.count())
"""Names that are new to the document, which all examples of a test share."""


def active_versions() -> dict[str, str]:
    """The active versions of the stored document of `opt`."""
    documents = Documents(boto3.client("s3"), BUCKET, "metadata/", never)
    return documents.read("opt").document.versions()


def test_poison_record_is_discarded_alone(listener: ModuleType) -> None:
    """A record that can never be read is discarded alone; those around it are taken in order."""
    records = [stream_record(n, algorithm=f"a{n}") for n in range(1, 20)]
    records[7] = stream_record(8, type_="unknown")
    mapping = StreamMapping(listener.handler)
    mapping.run(records)
    assert [sequence(record) for record in mapping.discarded] == [8]
    assert len(active_versions()) == 18
    assert mapping.deliveries.count(8) > mapping.retries


def test_poison_records_at_both_ends_are_discarded_alone(listener: ModuleType) -> None:
    """Bad records at the head and the tail of a batch take no good one along."""
    records = [stream_record(n, algorithm=f"a{n}") for n in range(1, 6)]
    records[0] = stream_record(1, version="not a version")
    records[4] = stream_record(5, type_="unknown")
    mapping = StreamMapping(listener.handler)
    mapping.run(records)
    assert [sequence(record) for record in mapping.discarded] == [1, 5]
    assert sorted(active_versions()) == ["a2", "a3", "a4"]


def test_nothing_after_a_failure_runs_before_it(listener: ModuleType) -> None:
    """While one record fails, the records behind it have no effect."""
    seen: list[dict[str, str]] = []

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = listener.handler(event, context)
            return answer
        finally:
            if len(event["Records"]) > 1:
                seen.append(active_versions())

    records = [
        stream_record(1, version="1.0"),
        stream_record(2, type_="unknown"),
        stream_record(3, version="3.0"),
    ]
    StreamMapping(handler).run(records)
    assert seen[0] == {"route-planner": "1.0"}
    assert active_versions() == {"route-planner": "3.0"}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 12))
def test_newest_version_is_active_after_crashes(listener: ModuleType, seed: int, size: int) -> None:
    """Whichever invocations die before or after their effects, the newest version is active."""
    rng, name, base = random.Random(seed), next(NAMES), 10**20

    def unreliable(event: dict[str, Any], context: object) -> dict[str, Any]:
        moment = rng.random()
        if moment < 0.2:
            raise TimeoutError
        answer: dict[str, Any] = listener.handler(event, context)
        if moment > 0.8:
            raise TimeoutError
        return answer

    records = [stream_record(base + n, algorithm=name, version=f"{n}.0") for n in range(size)]
    mapping = StreamMapping(unreliable, batch_size=rng.randint(1, 6), retries=60)
    mapping.run(records)
    assert mapping.discarded == []
    assert active_versions()[name] == f"{size - 1}.0"

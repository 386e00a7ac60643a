"""What a person names: an algorithm, a release or an execution, in full or by a short ID."""

from collections.abc import Iterator

import pytest

from phaseline.errors import InputError
from phaseline.pipeline.executions import Execution
from phaseline.releases.release import Release
from scripts.history.find import carrier, find, find_execution
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.executions import E1, E2, E3, summary
from tests.builders.releases import release
from tests.builders.services import empty
from tests.builders.stores import AT

OLD = "99999999-0000-0000-0000-000000000000"
"""An execution that is not among the newest."""
RELEASE = release(
    release_id="opt-a-1.0.0-eb519411", document_version="v7", requested_at=AT, revision=7
)
SAME = release(release_id="in-b-1.0.0-eb51ffff", type="in", algorithm="b", document_version="v1")


@pytest.fixture
def services() -> Iterator[Services]:
    """An environment with two releases and three executions: E3, the newest, is in progress."""
    with empty() as found:
        found.ledger.record([RELEASE, SAME], at=AT)
        listed = [
            summary(E3, "InProgress", Opt="v9"),
            summary(E2, "Succeeded", Opt="v7"),
            summary(E1, "Failed", Opt="v7"),
        ]
        Calls(
            found.codepipeline,
            ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": listed},
            GetPipelineExecution=lambda asked: (
                {"pipelineExecution": {"status": "Succeeded"}}
                if asked["pipelineExecutionId"] == OLD
                else "PipelineExecutionNotFoundException"
            ),
        )
        yield found


@pytest.mark.parametrize("text", ["opt-a-1.0.0-eb519411", "eb519411", "eb519"])
def test_release_is_found_by_its_id_and_by_the_end_of_it(services: Services, text: str) -> None:
    found = find(services, text)
    assert isinstance(found, Release)
    assert found.release_id == RELEASE.release_id


@pytest.mark.parametrize(("text", "id_"), [(E2, E2), ("00000002", E2), (OLD, OLD)])
def test_execution_is_found_by_its_id_and_by_the_beginning_of_it(
    services: Services, text: str, id_: str
) -> None:
    found = find(services, text)
    assert isinstance(found, Execution)
    assert found.id == id_


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("0000000", "several IDs are meant", "Name one of them in full."),
        ("eb51", "several IDs are meant", "Name one of them in full."),
        ("opt-a-1.0.1-eb519411", "no release and no execution", "Did you mean"),
        ("77777777", "no release and no execution", "phaseline history lists"),
        (OLD.replace("9", "8"), "no release and no execution", "phaseline history lists"),
        ("x", "no release and no execution", "phaseline history lists"),
    ],
)
def test_other_texts_are_an_error(services: Services, text: str, found: str, remedy: str) -> None:
    with pytest.raises(InputError) as raised:
        find(services, text)
    assert found in raised.value.found
    assert remedy in raised.value.remedy


def test_without_a_name_the_execution_in_progress_is_found(services: Services) -> None:
    assert find_execution(services, None).id == E3


def test_execution_of_a_release_is_the_one_that_brought_it(services: Services) -> None:
    """The failed one before it brought nothing to visitors."""
    assert find_execution(services, "eb519411").id == E2
    with pytest.raises(InputError, match="no execution carries it"):
        find_execution(services, SAME.release_id)


def test_release_without_a_document_has_no_execution(services: Services) -> None:
    assert carrier(services, release(revision=None)) is None

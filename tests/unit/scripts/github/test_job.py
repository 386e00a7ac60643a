"""Workflow commands of a job."""

from typing import TYPE_CHECKING

from scripts.github import job

if TYPE_CHECKING:
    pass


def test_annotation_is_escaped() -> None:
    """A message cannot start a workflow command, and a title cannot end early."""
    assert job.annotation("a:b,c%", "one\n::set-output::x\r") == (
        "::error title=a%3Ab%2Cc%25::one%0A::set-output::x%0A"
    )

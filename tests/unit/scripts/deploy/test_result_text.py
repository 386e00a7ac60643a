"""The result of a deployment as lines, as JSON and in a job's summary."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from phaseline.deploy.change_sets import ResourceChange, StackResult
from phaseline.deploy.execute import (
    DeployResult,
    Uploaded,
)
from phaseline.deploy.package import Package
from scripts.deploy import result_text

if TYPE_CHECKING:
    pass


def outcome() -> DeployResult:
    """One changed stack, one as it was, one of a dry run's unknowns."""
    bucket = ResourceChange("Modify", "Bucket", "AWS::S3::Bucket", "True", ("Name",))
    built = Package("site_publisher", Path("p.zip"), "ab", "cd", "zQ==", 1234)
    return DeployResult(
        stacks={
            "registry": StackResult("phaseline-demo-registry", "none", outputs={"Table": "t"}),
            "site": StackResult("phaseline-demo-site", "update", (bucket,)),
            "publish": StackResult("phaseline-demo-publish", "create", note="why"),
        },
        documents=["metadata/in.zip"],
        packages=[Uploaded(built, built.key, sent=True)],
    )


def test_result_as_lines_shows_changes_and_outputs() -> None:
    """A dry run says "would be"."""
    assert list(result_text.lines(False, outcome())) == [
        "metadata/in.zip: created",
        "code/site_publisher/ab-cd.zip: uploaded, 1,234 B",
        "phaseline-demo-registry: no changes",
        "  Table = t",
        "phaseline-demo-site: updated",
        "  ~ Bucket (AWS::S3::Bucket): Name, replaced: True",
        "phaseline-demo-publish: created; why",
    ]
    assert "phaseline-demo-site: would be updated" in result_text.lines(True, outcome())


def test_result_as_data_is_plain_json() -> None:
    found = json.loads(json.dumps(result_text.data("demo", True, outcome())))
    assert found["stacks"]["site"]["changes"][0]["resource"] == "Bucket"
    assert found["packages"]["site_publisher"] == {
        "key": "code/site_publisher/ab-cd.zip",
        "code_sha256": "zQ==",
        "size": 1234,
        "sent": True,
    }
    assert (found["environment"], found["dry_run"]) == ("demo", True)


def test_result_in_a_summary_is_not_markdown() -> None:
    shown = result_text.markdown("demo", ["a_b_c: created", "  ~ *x*"])
    assert shown == "### Stacks of demo\n\n    a_b_c: created\n      ~ *x*\n"

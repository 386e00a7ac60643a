"""The diff command against the local system."""

import json

import pytest

from local.demo.demo import BROKEN_BUILD
from local.system import ENVIRONMENT, System, table
from phaseline.deploy.environment import STACKS
from phaseline.documents.entry import Entry
from phaseline.documents.store import Documents
from tests.builders.stores import rewrite
from tests.system.conftest import COMPLETE, promote, settle
from tests.system.scripts import Scripts, build_with
from tests.system.scripts import good_build as good_build  # a fixture
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import eventually

OTHER = "staging"


@pytest.fixture
def broken_build(system: System, good_build: str) -> None:
    """A frontend that can't be built, until the end of the test."""
    del good_build
    build_with(system, BROKEN_BUILD)


@pytest.fixture
def other(system: System) -> Documents:
    """The documents of another environment, of which there is no more than stacks and a bucket."""
    bucket = f"phaseline-{OTHER}-metadata"
    s3 = system.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    cloudformation = system.client("cloudformation")
    for short in STACKS:
        name = f"phaseline-{ENVIRONMENT}-{short}"
        known = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in known["Outputs"]}
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in known["Parameters"]}
        if short == "site":
            outputs["MetadataBucketName"] = bucket
        template = {
            "Parameters": {
                key: {"Type": "String", "Default": value} for key, value in parameters.items()
            },
            "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        cloudformation.create_stack(
            StackName=f"phaseline-{OTHER}-{short}", TemplateBody=json.dumps(template)
        )
    documents = Documents(s3, bucket, "metadata/", lambda _: None)
    documents.create_missing()
    return documents


def test_pending_versions_are_shown(system: System, scripts: Scripts, broken_build: None) -> None:
    """A version in the document whose build fails, from what is served to what is active."""
    del broken_build
    table.write_algorithm(
        system, "ahead", "1.0.0", type_="opt", phase=COMPLETE, title="Ahead", summary="It comes"
    )
    eventually(lambda: "ahead" in scripts.document().document.algorithms)
    settle(system)
    ran = scripts.run("diff", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["differences"] == [
        {
            "type": "opt", "algorithm": "ahead", "kind": "version", "name": None,
            "before": None, "after": "1.0.0",
        }
    ]  # fmt: skip
    served, active = ran.json["revisions"]["opt"]
    assert served < active == scripts.document().document.revision
    assert "  opt/ahead: nothing -> 1.0.0\n" in scripts.run("diff").out


def test_equal_website_has_no_differences(system: System, scripts: Scripts) -> None:
    """Once a release is verified, the documents hold what visitors see."""
    promote(system, "opt", "in-step", "1.0.0")
    settle(system)
    ran = scripts.run("diff")
    assert ran.code == 0, ran.err
    assert ran.out.count("no difference that visitors would see") == 3


def test_documents_of_two_environments_are_compared(
    system: System, scripts: Scripts, other: Documents
) -> None:
    """What the other one's documents hold otherwise."""
    promote(system, "opt", "both", "1.0.0")
    entry = Entry("1.1.0", {}, "opt-both-1.1.0", "", "10", "2026-11-24T20:00:00Z")

    rewrite(other, "opt", lambda document: document.revise(algorithms={"both": entry}))
    ran = scripts.run("diff", "--from", OTHER)
    assert ran.code == 0, ran.err
    assert f"from the documents of {ENVIRONMENT} to those of {OTHER}:" in ran.out
    assert "  opt/both: 1.0.0 -> 1.1.0\n" in ran.out


def test_missing_environment_is_named(scripts: Scripts) -> None:
    """A configuration error that names its first missing stack."""
    ran = scripts.run("diff", "--from", "nowhere")
    assert ran.code == 3
    assert "phaseline-nowhere-registry: it is not deployed" in ran.err

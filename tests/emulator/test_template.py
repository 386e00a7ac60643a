"""CloudFormation's types for pipelines and connections."""

from pathlib import Path
from typing import Any

from tests.emulator.conftest import Emulator
from tests.waiting import eventually

TEMPLATE = (Path(__file__).parent / "stack.yaml").read_text()


def updated(emulator: Emulator, template: str) -> str:
    """Update the stack with a template: the status that it ends in."""
    client = emulator.client("cloudformation")
    stack = client.describe_stacks(StackName="delivery")["Stacks"][0]
    client.update_stack(
        StackName="delivery",
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=stack["Parameters"],
    )

    def look() -> str:
        status: str = client.describe_stacks(StackName="delivery")["Stacks"][0]["StackStatus"]
        return "" if status.endswith("IN_PROGRESS") else status

    return eventually(look)


def pipeline(emulator: Emulator) -> dict[str, Any]:
    """The pipeline as it is declared now."""
    client = emulator.client("codepipeline")
    declared: dict[str, Any] = client.get_pipeline(name="delivery")["pipeline"]
    return declared


def test_changed_template_makes_a_new_version(stack: Emulator) -> None:
    """An update of the resource is an update of the pipeline, in place."""
    before = pipeline(stack)["version"]
    assert updated(stack, TEMPLATE.replace("DefaultValue: red", "DefaultValue: green")) == (
        "UPDATE_COMPLETE"
    )
    after = pipeline(stack)
    assert after["version"] == before + 1
    assert after["variables"] == [{"name": "COLOUR", "defaultValue": "green"}]


def test_unknown_property_is_refused(stack: Emulator) -> None:
    """A misspelt property of the pipeline rolls the update back and says which it is."""
    wrong = TEMPLATE.replace("              Namespace: Opt", "              NameSpace: Opt")
    assert updated(stack, wrong) == "UPDATE_ROLLBACK_COMPLETE"
    events = stack.client("cloudformation").describe_stack_events(StackName="delivery")
    reasons = [event.get("ResourceStatusReason", "") for event in events["StackEvents"]]
    assert any("extraneous key [NameSpace]" in reason for reason in reasons)


def test_connection_is_available(stack: Emulator) -> None:
    """A connection can be used at once, which on AWS takes a person."""
    (connection,) = stack.client("codeconnections").list_connections()["Connections"]
    assert (connection["ConnectionName"], connection["ConnectionStatus"]) == ("github", "AVAILABLE")

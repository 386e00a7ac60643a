"""Checks that the pipeline equals its template, that its stages are enabled, and its connection."""

from collections.abc import Mapping

from phaseline.deploy.stack import Stack
from phaseline.drift import pipeline_rules
from phaseline.drift.deployed import CheckResult, Deployed, summary
from phaseline.drift.report import Finding
from phaseline.drift.template_rules import Template
from phaseline.drift.template_values import Values

CONNECTION_REMEDIES = {
    "PENDING": "Complete it in the console: Developer Tools, Settings, Connections.",
    "ERROR": "Install the connection's app again: Developer Tools, Settings, Connections.",
    "missing": "Create one in Developer Tools, set ConnectionArn to its ARN, and deploy.",
}
OTHER_STATUS = "Look at it in the console: Developer Tools, Settings, Connections."


def pipeline(deployed: Deployed, stack: Stack, exports: Mapping[str, str]) -> CheckResult:
    """Compare the pipeline with the deployed template, and find disabled stages."""
    name = deployed.output(stack, "PipelineName")
    subject, template = f"pipeline {name}", deployed.template(stack)
    [logical] = [
        logical
        for logical, one in template.members("Resources").items()
        if one["Type"] == pipeline_rules.PIPELINE
    ]
    place = deployed.place(stack, logical)
    properties = template.members("Resources")[logical]["Properties"]
    declared = _values(deployed, stack, template, exports).resolve(properties)
    client = deployed.clients.codepipeline
    try:
        current = client.get_pipeline(name=name)["pipeline"]
    except client.exceptions.PipelineNotFoundException:
        sentence = (
            f"The {subject} was deleted. Delete the stack {stack.name}, which holds no data, then"
            f" deploy. {deployed.remedy}"
        )
        return CheckResult((Finding("pipeline", subject, "missing", sentence, **place),))
    findings = []
    if differences := pipeline_rules.differences(declared, current):
        sentence = (
            f"The {subject} differs from its template: {summary(differences)}."
            " Revert the change, or change the template and deploy."
        )
        findings.append(Finding("pipeline", subject, "; ".join(differences), sentence, **place))
    for stage, reason in pipeline_rules.disabled(declared, client.get_pipeline_state(name=name)):
        sentence = (
            f"The transition into the stage {stage} of the {subject} was disabled"
            f" ({reason or 'no reason given'}). To enable it, run: aws codepipeline"
            f" enable-stage-transition --pipeline-name {name} --stage-name {stage}"
            " --transition-type Inbound"
        )
        findings.append(Finding("pipeline", subject, f"{stage} is closed", sentence, **place))
    return CheckResult(tuple(findings))


def connection(deployed: Deployed, stack: Stack) -> CheckResult:
    """Check whether the connection to GitHub is available."""
    arn = deployed.output(stack, "ConnectionArn")
    client = deployed.clients.connections(arn.split(":")[2])
    try:
        details = client.get_connection(ConnectionArn=arn)["Connection"]
    except client.exceptions.ResourceNotFoundException:
        details = {}
    status = details.get("ConnectionStatus", "missing")
    if status == "AVAILABLE":
        return CheckResult()
    sentence = (
        f"The pipeline cannot read the frontend, because the status of its connection to GitHub is"
        f" {status.lower()}: {arn}. {CONNECTION_REMEDIES.get(status, OTHER_STATUS)}"
    )
    return CheckResult((Finding("connection", f"connection {arn}", status, sentence),))


def _values(
    deployed: Deployed, stack: Stack, template: Template, exports: Mapping[str, str]
) -> Values:
    """Return the values to which the functions in the stack's template resolve."""
    client, pseudo = deployed.clients.cloudformation, stack.pseudo()
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    account = f"arn:{pseudo['AWS::Partition']}:iam::{pseudo['AWS::AccountId']}"
    return Values(
        {
            **pseudo,
            **stack.parameters,
            **{
                resource["LogicalResourceId"]: resource["PhysicalResourceId"]
                for resource in resources
                if "PhysicalResourceId" in resource
            },
        },
        {
            (resource["LogicalResourceId"], "Arn"): (
                f"{account}:role/{resource['PhysicalResourceId']}"
            )
            for resource in resources
            if resource["ResourceType"] == "AWS::IAM::Role" and "PhysicalResourceId" in resource
        },
        exports,
        template.members("Conditions"),
    )

"""Whether the pipeline is as its template declares it and open, and its connection usable."""

from collections.abc import Mapping

from phaseline.deploy.stack import Stack
from phaseline.drift import pipeline_rules
from phaseline.drift.deployed import CheckResult, Deployed, several
from phaseline.drift.report import Finding
from phaseline.drift.template_rules import Template
from phaseline.drift.template_values import Values

CONNECTION_REMEDIES = {
    "PENDING": "Complete it in the console: Developer Tools, Settings, Connections.",
    "ERROR": "Install the app of the connection again: Developer Tools, Settings, Connections.",
    "missing": "Make one there, give its ARN as ConnectionArn, and deploy.",
}


def pipeline(deployed: Deployed, stack: Stack, exports: Mapping[str, str]) -> CheckResult:
    """Whether the pipeline is what the deployed template says, and no stage is closed."""
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
        found = client.get_pipeline(name=name)["pipeline"]
    except client.exceptions.PipelineNotFoundException:
        sentence = (
            f"The {subject} does not exist any more. Delete the stack {stack.name}, which"
            f" holds no data, then deploy. {deployed.remedy}"
        )
        return CheckResult((Finding("pipeline", subject, "missing", sentence, **place),))
    findings = []
    if told := pipeline_rules.differences(declared, found):
        sentence = (
            f"The {subject} is not as its template declares it: {several(told)}."
            " Set it back, or declare what is wanted in the template and deploy."
        )
        findings.append(Finding("pipeline", subject, "; ".join(told), sentence, **place))
    for stage, reason in pipeline_rules.disabled(declared, client.get_pipeline_state(name=name)):
        sentence = (
            f"Nothing enters the stage {stage} of the {subject}: its transition was disabled"
            f" ({reason or 'no reason given'}). When that is over, run: aws codepipeline"
            f" enable-stage-transition --pipeline-name {name} --stage-name {stage}"
            " --transition-type Inbound"
        )
        findings.append(Finding("pipeline", subject, f"{stage} is closed", sentence, **place))
    return CheckResult(tuple(findings))


def connection(deployed: Deployed, stack: Stack) -> CheckResult:
    """Whether the connection to GitHub can be used."""
    arn = deployed.output(stack, "ConnectionArn")
    client = deployed.clients.connections(arn.split(":")[2])
    try:
        found = client.get_connection(ConnectionArn=arn)["Connection"]
    except client.exceptions.ResourceNotFoundException:
        found = {}
    status = found.get("ConnectionStatus", "missing")
    if status == "AVAILABLE":
        return CheckResult()
    sentence = (
        f"The connection to GitHub is {status.lower()}, so that the pipeline can't read the"
        f" frontend: {arn}. {CONNECTION_REMEDIES[status]}"
    )
    return CheckResult((Finding("connection", f"connection {arn}", status, sentence),))


def _values(
    deployed: Deployed, stack: Stack, template: Template, exports: Mapping[str, str]
) -> Values:
    """What the functions in the stack's template stand for."""
    client, pseudo = deployed.clients.cloudformation, stack.pseudo()
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    resources = [one for page in pages for one in page["StackResourceSummaries"]]
    account = f"arn:{pseudo['AWS::Partition']}:iam::{pseudo['AWS::AccountId']}"
    return Values(
        {
            **pseudo,
            **stack.parameters,
            **{
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for one in resources
                if "PhysicalResourceId" in one
            },
        },
        {
            (one["LogicalResourceId"], "Arn"): f"{account}:role/{one['PhysicalResourceId']}"
            for one in resources
            if one["ResourceType"] == "AWS::IAM::Role" and "PhysicalResourceId" in one
        },
        exports,
        template.members("Conditions"),
    )

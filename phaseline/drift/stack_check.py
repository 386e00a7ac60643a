"""Checks that a stack's resources equal its template, and that its template is the checkout's."""

from collections.abc import Callable, Iterator

from phaseline.deploy.plan import UPLOADED
from phaseline.deploy.stack import Stack
from phaseline.drift import pipeline_rules, template_rules
from phaseline.drift.deployed import CheckResult, Deployed, file_of, summary
from phaseline.drift.report import Failure, Finding
from phaseline.drift.stacks import DriftedResource, PropertyDifference, detect


def drift(
    deployed: Deployed,
    stack: Stack,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limit: float,
) -> CheckResult:
    """Return the drift that CloudFormation detects, without pipelines (see pipeline_check)."""
    subject = f"stack {stack.name}"
    detected = detect(
        deployed.clients.cloudformation,
        stack.name,
        clock=clock,
        sleep=sleep,
        limit=limit,
    )
    failure = f"Its drift is not known: {detected.failure}."
    failures = (Failure(subject, failure),) if detected.failure else ()
    return CheckResult(
        tuple(
            _drifted(deployed, stack, resource)
            for resource in detected.drifted
            if resource.type != pipeline_rules.PIPELINE
        ),
        tuple(
            f"{subject}: {resource.resource} ({resource.type})"
            for resource in detected.unchecked
            if resource.type != pipeline_rules.PIPELINE
        ),
        failures,
    )


def _drifted(deployed: Deployed, stack: Stack, drifted: DriftedResource) -> Finding:
    if drifted.status == "DELETED":
        differences = ["it is gone"]
    else:
        differences = [_difference(difference) for difference in drifted.differences]
    where = f"{drifted.resource} ({drifted.type}) of stack {stack.name}"
    return Finding(
        "stack-drift",
        f"stack {stack.name}",
        f"{drifted.resource}: {'; '.join(differences)}",
        f"{where} differs from its template: {summary(differences)}."
        " Revert the change, or change the template and deploy.",
        **deployed.place(stack, drifted.resource),
    )


def template(deployed: Deployed, stack: Stack) -> CheckResult:
    """Compare the stack's template and parameters with the checkout's."""
    subject, file = f"stack {stack.name}", file_of(stack.short)
    declared = deployed.checkout.templates[stack.short]
    findings = []
    if parts := list(template_rules.parts(deployed.template(stack), declared)):
        differences = [str(part) for part in parts]
        sentence = (
            f"The {subject} was not deployed from the {file} of this checkout:"
            f" {summary(differences)}. {deployed.remedy}"
        )
        lines = [part.line for part in parts if part.line is not None]
        line = lines[0] if lines else None
        findings.append(
            Finding("template", subject, "; ".join(differences), sentence, file=file, line=line)
        )
    if not deployed.checkout.has_parameters:
        return CheckResult(
            tuple(findings),
            (f"{subject}: its parameters, because the checkout has no parameters file for them",),
        )
    findings += _settings(deployed, stack)
    hidden = template_rules.masked(stack.parameters)
    return CheckResult(
        tuple(findings),
        tuple(
            f"{subject}: the parameter {name}, because it is declared with NoEcho"
            for name in hidden
        ),
    )


def _settings(deployed: Deployed, stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each parameter of a stack that differs from the checkout's."""
    subject, file = f"stack {stack.name}", file_of(stack.short)
    values, declared = (
        deployed.checkout.parameters[stack.short], deployed.checkout.templates[stack.short],
    )  # fmt: skip
    for setting in template_rules.settings(stack.parameters, values, declared, UPLOADED):
        expected = "nothing" if setting.declared is None else repr(setting.declared)
        found = f"{setting.name}: expected {expected}, found {setting.deployed!r}"
        sentence = (
            f"A parameter of the {subject} differs from this checkout: {found}."
            " Correct the parameters file, or deploy the stack."
        )
        yield Finding("parameter", subject, found, sentence, file=file, line=setting.line)


def _difference(difference: PropertyDifference) -> str:
    expected, found = difference.expected or "nothing", difference.actual or "nothing"
    return f"{difference.path}: expected {expected}, found {found}"

"""Whether a stack is as it was deployed, and was deployed from the checkout."""

from collections.abc import Callable, Iterator

from phaseline.deploy.plan import UPLOADED
from phaseline.deploy.stack import Stack
from phaseline.drift import pipeline_rules, template_rules
from phaseline.drift.deployed import CheckResult, Deployed, file_of, several
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
    """What CloudFormation detects; the pipeline is compared here instead."""
    subject = f"stack {stack.name}"
    seen = detect(
        deployed.clients.cloudformation,
        stack.name,
        clock=clock,
        sleep=sleep,
        limit=limit,
    )
    return CheckResult(
        tuple(
            _drifted(deployed, stack, one)
            for one in seen.drifted
            if one.type != pipeline_rules.PIPELINE
        ),
        tuple(
            f"{subject}: {one.resource} ({one.type})"
            for one in seen.unchecked
            if one.type != pipeline_rules.PIPELINE
        ),
        (Failure(subject, f"Its drift is not known: {seen.failure}."),) if seen.failure else (),
    )


def _drifted(deployed: Deployed, stack: Stack, drifted: DriftedResource) -> Finding:
    if drifted.status == "DELETED":
        told = ["it is gone"]
    else:
        told = [_difference(one) for one in drifted.differences]
    where = f"{drifted.resource} ({drifted.type}) of stack {stack.name}"
    return Finding(
        "stack-drift",
        f"stack {stack.name}",
        f"{drifted.resource}: {'; '.join(told)}",
        f"{where} is not as the stack declares it: {several(told)}."
        " Set it back, or declare what is wanted in the template and deploy.",
        **deployed.place(stack, drifted.resource),
    )


def template(deployed: Deployed, stack: Stack) -> CheckResult:
    """Whether the stack's template and parameters are the checkout's."""
    subject, file = f"stack {stack.name}", file_of(stack.short)
    declared = deployed.checkout.templates[stack.short]
    findings = []
    if parts := list(template_rules.parts(deployed.template(stack), declared)):
        told = [str(part) for part in parts]
        sentence = (
            f"The {subject} was not deployed from the {file} of this checkout:"
            f" {several(told)}. {deployed.remedy}"
        )
        lines = [part.line for part in parts if part.line is not None]
        line = lines[0] if lines else None
        findings.append(
            Finding("template", subject, "; ".join(told), sentence, file=file, line=line)
        )
    if not deployed.checkout.has_parameters:
        return CheckResult(
            tuple(findings),
            (f"{subject}: its parameters, which no file of this checkout tells",),
        )
    findings += _settings(deployed, stack)
    hidden = template_rules.masked(stack.parameters)
    return CheckResult(
        tuple(findings),
        tuple(f"{subject}: the parameter {one}, which is not shown" for one in hidden),
    )


def _settings(deployed: Deployed, stack: Stack) -> Iterator[Finding]:
    """The parameters of a stack that are not the checkout's."""
    subject, file = f"stack {stack.name}", file_of(stack.short)
    values, declared = (
        deployed.checkout.parameters[stack.short], deployed.checkout.templates[stack.short],
    )  # fmt: skip
    for one in template_rules.settings(stack.parameters, values, declared, UPLOADED):
        wanted = "nothing" if one.declared is None else repr(one.declared)
        found = f"{one.name}: expected {wanted}, found {one.deployed!r}"
        sentence = (
            f"A parameter of the {subject} is not what this checkout gives it: {found}."
            " Correct the parameters file, or deploy what it says."
        )
        yield Finding("parameter", subject, found, sentence, file=file, line=one.line)


def _difference(one: PropertyDifference) -> str:
    expected, found = one.expected or "nothing", one.actual or "nothing"
    return f"{one.path}: expected {expected}, found {found}"

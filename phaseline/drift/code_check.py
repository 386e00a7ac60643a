"""Checks whether a function runs the code that its stack declares, and redeploys it if not."""

from typing import TYPE_CHECKING

from phaseline.deploy.plan import FUNCTIONS, resource
from phaseline.deploy.stack import Stack, describe
from phaseline.drift import function_code
from phaseline.drift.deployed import CheckResult, Deployed
from phaseline.drift.function_code import DeclaredFunction, Redeployment
from phaseline.drift.report import Finding, Repair
from phaseline.errors import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def code(deployed: Deployed, stack: Stack, declared: DeclaredFunction) -> CheckResult:
    """Compare the code that a function runs, the code that its stack declares, and the code that
    the checkout builds."""
    subject = f"function {declared.function}"
    compared = function_code.compare(
        deployed.clients.functions, declared, deployed.checkout.code[declared.function]
    )
    place = deployed.place(stack, resource(declared.function))
    findings = []
    if compared.outdated:
        found = f"declared {compared.declared.content}, this checkout builds {compared.checkout}"
        sentence = (
            f"The stack {stack.name} declares other code for {declared.name} than this checkout"
            f" builds. {deployed.remedy}"
        )
        findings.append(Finding("code", subject, found, sentence, **place))
    if compared.changed:
        found = f"declared {compared.declared.code_sha256}, found {compared.runs}"
        sentence = (
            f"{declared.name} does not run the code that the stack {stack.name} declares: somebody"
            " changed it. Run the drift check with --repair, which redeploys the function."
        )
        repair = Repair("redeploy", {"function": declared.function})
        findings.append(Finding("code", subject, found, sentence, repair, **place))
    return CheckResult(tuple(findings))


def redeploy(
    cloudformation: "CloudFormationClient",
    redeployment: Redeployment,
    environment: str,
    function: str,
) -> bool:
    """Redeploy the code that the function's stack declares; return False if it runs that already.

    Raises ConfigurationError if the stack or the function does not exist, RefusedError while an
    operation on the stack is in progress, and the errors of `Redeployment.run`.
    """
    short = FUNCTIONS[function]
    stack = describe(cloudformation, environment, short)
    functions = [] if stack is None else function_code.declared_in(stack.outputs, stack.parameters)
    declared = next((one for one in functions if one.function == function), None)
    if stack is None or declared is None:
        raise ConfigurationError(
            f"function {function}",
            f"the stack phaseline-{environment}-{short} does not declare it",
            f"Deploy: phaseline deploy --environment {environment}",
        )
    if stack.changing:
        raise RefusedError(
            f"function {function}",
            f"the stack {stack.name} is being changed ({stack.status})",
            "Run this again after the operation.",
        )
    return redeployment.run(declared)

"""Whether a function runs the code that its stack declares, and the repair of one that does not."""

from typing import TYPE_CHECKING

from phaseline.deploy.plan import FUNCTIONS, resource
from phaseline.deploy.stack import Stack, describe
from phaseline.drift import function_code
from phaseline.drift.deployed import Deployed, Found
from phaseline.drift.function_code import Declared, Redeployment
from phaseline.drift.report import Finding, Repair
from phaseline.errors import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def code(deployed: Deployed, stack: Stack, declared: Declared) -> Found:
    """Whether a function runs what its stack declares, and that is what the checkout builds."""
    subject = f"function {declared.function}"
    compared = function_code.compare(
        deployed.clients.functions, declared, deployed.checkout.code[declared.function]
    )
    place = deployed.place(stack, resource(declared.function))
    findings = []
    if compared.outdated:
        found = f"declared {compared.declared.content}, this checkout builds {compared.checkout}"
        sentence = (
            f"The code of {declared.name} in the stack {stack.name} is not what this checkout"
            f" builds. {deployed.remedy}"
        )
        findings.append(Finding("code", subject, found, sentence, **place))
    if compared.changed:
        found = f"declared {compared.declared.code_sha256}, found {compared.runs}"
        sentence = (
            f"{declared.name} does not run what the stack {stack.name} declares: somebody"
            " changed its code. Redeploy it, which --repair does."
        )
        repair = Repair("redeploy", {"function": declared.function})
        findings.append(Finding("code", subject, found, sentence, repair, **place))
    return Found(tuple(findings))


def redeploy(
    cloudformation: "CloudFormationClient",
    redeployment: Redeployment,
    environment: str,
    function: str,
) -> bool:
    """Give a function the code that its stack declares; False where it runs that already.

    Raises ConfigurationError where the stack or the function is not there, RefusedError while the
    stack is being changed, and what `Redeployment.run` raises.
    """
    short = FUNCTIONS[function]
    stack = describe(cloudformation, environment, short)
    declared = {} if stack is None else function_code.declared_in(stack.outputs, stack.parameters)
    found = [one for one in declared if one.function == function]
    if stack is None or not found:
        raise ConfigurationError(
            f"function {function}",
            f"the stack phaseline-{environment}-{short} does not declare it",
            f"Deploy: python -m scripts deploy --environment {environment}",
        )
    if stack.changing:
        raise RefusedError(
            f"function {function}",
            f"the stack {stack.name} is being changed ({stack.status})",
            "Look again when that has ended.",
        )
    return redeployment.run(found[0])

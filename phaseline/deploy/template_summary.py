"""Reads the parameters of a template from CloudFormation."""

from typing import TYPE_CHECKING

from phaseline.deploy.parameters import TemplateParameters
from phaseline.deploy.validation import validation_errors
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

TEMPLATE_LIMIT = 51_200
"""Maximum size in bytes of a template that a request contains.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


def template_parameters(
    client: "CloudFormationClient", stack: str, template: str
) -> TemplateParameters:
    """Return the parameters that a template declares.

    Raises ConfigurationError if the template is invalid or larger than TEMPLATE_LIMIT.
    """
    size = len(template.encode())
    if size > TEMPLATE_LIMIT:
        raise ConfigurationError(
            f"template of stack {stack}",
            f"at most {TEMPLATE_LIMIT:,} bytes are accepted in a request, found {size:,}",
            "Move some of its resources to another stack.",
        )
    with validation_errors(stack):
        summary = client.get_template_summary(TemplateBody=template)
    parameters = summary.get("Parameters", [])
    return TemplateParameters(
        frozenset(parameter["ParameterKey"] for parameter in parameters),
        frozenset(
            parameter["ParameterKey"] for parameter in parameters if "DefaultValue" not in parameter
        ),
    )

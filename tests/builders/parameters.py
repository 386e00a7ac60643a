"""The parameters that templates declare, in tests of deployments."""

from phaseline.deploy.parameters import TemplateParameters
from phaseline.deploy.plan import FUNCTIONS


def keys_of(stack: str) -> str:
    """The parameters for the code of a stack's functions."""
    names = [name for name, owner in FUNCTIONS.items() if owner == stack]
    return " ".join(f"{name.title().replace('_', '')}CodeKey" for name in names)


TEMPLATES = {
    "registry": "Environment",
    "site": "Environment PipelineName Alias?",
    "listener": "Environment RegistryStack SiteStack CodeBucket " + keys_of("listener"),
    "publish": "Environment RegistryStack SiteStack PipelineName CodeBucket " + keys_of("publish"),
    "slack": "Environment RegistryStack SiteStack PipelineName SlackChannel CodeBucket "
    + keys_of("slack"),
    "watch": "Environment RegistryStack SiteStack PipelineName CodeBucket " + keys_of("watch"),
    "pipeline": "Environment SiteStack PublishStack SlackStack PipelineName",
    "cloudformation": "Environment PipelineName",
    "github": "Environment PipelineName CloudFormationStack",
    "drift": "Environment PipelineName GithubStack",
}
"""The parameters that each template of these tests declares; one with a default has a `?`."""


def declared(names: str) -> TemplateParameters:
    """Parameters as in TEMPLATES."""
    words = names.split()
    required = frozenset(word for word in words if not word.endswith("?"))
    return TemplateParameters(frozenset(word.rstrip("?") for word in words), required)

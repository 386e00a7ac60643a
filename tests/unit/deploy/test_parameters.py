"""The parameters of each template, from the parameters file and the command line."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from phaseline.deploy.parameters import assign, read
from phaseline.deploy.plan import STACKS
from phaseline.errors import ConfigurationError
from tests.builders.parameters import TEMPLATES, declared

if TYPE_CHECKING:
    pass


def assigned(sections: dict[str, Any], **overrides: str) -> dict[str, dict[str, str]]:
    """What each template of TEMPLATES gets of a parameters file and the command line."""
    return assign(
        {name: declared(names) for name, names in TEMPLATES.items()},
        read(json.dumps(sections), "demo.json", STACKS),
        overrides,
        computed={
            "Environment": "demo",
            "RegistryStack": "r",
            "SiteStack": "s",
            "PublishStack": "p",
            "SlackStack": "l",
        },
        later=frozenset(
            word for text in TEMPLATES.values() for word in text.split() if "Code" in word
        ),
        defaults={"PipelineName": "phaseline-demo"},
        selected=STACKS,
    )


@pytest.mark.parametrize("section", ["common", "slack"])
def test_parameter_goes_only_to_templates_that_declare_it(section: str) -> None:
    found = assigned({section: {"SlackChannel": "C1"}})
    assert found["registry"] == {"Environment": "demo"}
    assert found["slack"]["SlackChannel"] == "C1"
    assert found["pipeline"] == {
        "Environment": "demo",
        "SiteStack": "s",
        "PublishStack": "p",
        "SlackStack": "l",
        "PipelineName": "phaseline-demo",
    }


def test_command_line_overrides_section_overrides_common_overrides_default() -> None:
    common = {"PipelineName": "two", "SlackChannel": "C1"}
    sections = {"common": common, "site": {"PipelineName": "three"}}
    found = assigned(sections)
    assert (found["pipeline"]["PipelineName"], found["site"]["PipelineName"]) == ("two", "three")
    everywhere = assigned(sections, PipelineName="four")
    stacks = ("site", "publish", "slack", "watch", "pipeline")
    assert {everywhere[name]["PipelineName"] for name in stacks} == {"four"}


@pytest.mark.parametrize(
    ("sections", "overrides", "found"),
    [
        ({"common": {"Slackchannel": "C1"}}, {}, "parameter Slackchannel: no template declares it"),
        ({}, {"Slackchannel": "C1"}, "parameter Slackchannel: no template declares it"),
        ({"site": {"SlackChannel": "C1"}}, {}, "the template of site does not declare it"),
        (
            {"common": {"Environment": "other"}},
            {},
            "deploy sets it to demo, found 'other'",
        ),
        ({"common": {"CodeBucket": "mine"}}, {}, "deploy sets it to the package that it uploads"),
        ({}, {}, "parameters of slack: the template needs a value for SlackChannel"),
    ],
)
def test_wrong_parameters_are_named(
    sections: dict[str, Any], overrides: dict[str, str], found: str
) -> None:
    """Unknown, misplaced, computed and missing ones."""
    with pytest.raises(ConfigurationError, match=re.escape(found)):
        assigned(sections, **overrides)


def test_computed_value_may_be_in_the_parameters_file() -> None:
    """CloudFormation's own tools need a complete file."""
    found = assigned({"common": {"Environment": "demo", "SlackChannel": "C1"}})
    assert found["site"]["Environment"] == "demo"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "found no JSON"),
        ("[]", "found list"),
        ('{"site": {"A": 1}}', "'site.A': expected a text, found 1"),
        ('{"sites": {}}', "'sites': expected objects named common, registry"),
        ('{"site": "A"}', "'site': expected objects named"),
    ],
)
def test_invalid_parameters_file_is_refused_with_the_place(text: str, found: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(found)) as caught:
        read(text, "demo.json", STACKS)
    assert caught.value.where == "demo.json"

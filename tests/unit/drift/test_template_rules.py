"""Templates and parameters: what counts as a difference to the checkout, and what does not."""

import pytest

from phaseline.drift.template_rules import Part, Setting, Template, masked, parts, settings
from phaseline.errors import ConfigurationError
from scripts.deploy import templates

TEXT = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Name:
    Type: String
  Days:
    Type: Number
    Default: 30
  FunctionCodeKey:
    Type: String
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
Resources:
  # Where messages wait.
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !If [Named, !Ref Name, !Ref AWS::NoValue]
      MessageRetentionPeriod: 1209600
Outputs:
  Arn:
    Value: !GetAtt Queue.Arn
"""


def read(text: str) -> Template:
    """A template of these tests."""
    return templates.read(text, "infra/queue.yaml")


def changed(*replacements: tuple[str, str]) -> Template:
    """The template with parts of its text replaced."""
    text = TEXT
    for before, after in replacements:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return read(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  # Where messages wait.\n", ""),
        ("1209600", '"1209600"'),
        ("!GetAtt Queue.Arn", "{Fn::GetAtt: [Queue, Arn]}"),
        ("!GetAtt Queue.Arn", "{Fn::GetAtt: Queue.Arn}"),
        ("\n  Arn:\n    Value: !GetAtt Queue.Arn\n", " {Arn: {Value: !GetAtt Queue.Arn}}\n"),
        ("Parameters:\n", "Description: A queue.\nParameters:\n"),
        ("    Default: 30\n", "    Default: 30\n    Description: How long.\n"),
    ],
    ids=["comment", "quotes", "long-form", "dotted", "layout", "description", "parameter-text"],
)
def test_change_without_effect_is_not_a_difference(before: str, after: str) -> None:
    """CloudFormation updates nothing, so that a deploy could not remove the difference."""
    assert list(parts(read(TEXT), changed((before, after)))) == []


def test_json_template_equals_the_yaml_template() -> None:
    body = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}}}
    yaml = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 5}}}"
    assert list(parts(templates.read(body, "stack"), read(yaml))) == []


def test_differing_members_are_named_with_their_lines() -> None:
    checkout = changed(
        ("1209600", "60"), ("  Arn:\n", "  QueueArn:\n"), ('[!Ref Name, ""]', '[!Ref Name, "-"]')
    )
    assert list(parts(read(TEXT), checkout)) == [
        Part("Conditions", "Named", "differs", 11),
        Part("Resources", "Queue", "differs", 14),
        Part("Outputs", "Arn", "is declared no more", None),
        Part("Outputs", "QueueArn", "is not deployed", 20),
    ]


def test_difference_is_described_in_words() -> None:
    [part] = parts(read(TEXT), changed(("1209600", "60")))
    assert str(part) == "Resources.Queue differs"


@pytest.mark.parametrize("text", ["Resources: [", "- a", "Resources: []", "{}", ""])
def test_invalid_template_is_refused_with_its_source(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"infra/queue\.yaml"):
        read(text)


def test_parameters_are_compared_with_file_and_defaults() -> None:
    """The parameters that locate the code are compared with the code."""
    deployed = {"Name": "letters", "Days": "7", "FunctionCodeKey": "code/a.zip"}
    uploaded = frozenset({"FunctionCodeKey"})
    found = list(settings(deployed, {"Name": "mail"}, read(TEXT), uploaded))
    assert found == [Setting("Days", "7", "30", 5), Setting("Name", "letters", "mail", 3)]
    assert not list(settings(deployed, {"Name": "letters", "Days": "7"}, read(TEXT), uploaded))


def test_parameter_without_a_declared_value_is_found() -> None:
    found = list(settings({"Name": "mail", "Days": "30"}, {}, read(TEXT), frozenset()))
    assert found == [Setting("Name", "mail", None, 3)]


def test_parameter_that_the_template_lacks_is_not_compared() -> None:
    """It is a difference between the templates."""
    assert not list(settings({"Days": "30", "Old": "1"}, {}, read(TEXT), frozenset()))


def test_masked_parameter_is_not_compared() -> None:
    deployed = {"Name": "****", "Days": "30"}
    assert not list(settings(deployed, {"Name": "secret"}, read(TEXT), frozenset()))
    assert masked(deployed) == ("Name",)

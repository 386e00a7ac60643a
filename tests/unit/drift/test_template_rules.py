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
def test_what_changes_nothing_is_no_difference(before: str, after: str) -> None:
    """CloudFormation finds nothing to update in it, so that a deploy would not end it."""
    assert list(parts(read(TEXT), changed((before, after)))) == []


def test_a_template_of_json_is_the_same_template() -> None:
    """As boto3 answers it, which is not as text."""
    body = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}}}
    yaml = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 5}}}"
    assert list(parts(templates.read(body, "stack"), read(yaml))) == []


def test_members_that_differ_are_named_with_their_lines() -> None:
    """Changed, new and gone, with the line of the checkout's template."""
    checkout = changed(
        ("1209600", "60"), ("  Arn:\n", "  QueueArn:\n"), ('[!Ref Name, ""]', '[!Ref Name, "-"]')
    )
    assert list(parts(read(TEXT), checkout)) == [
        Part("Conditions", "Named", "differs", 11),
        Part("Resources", "Queue", "differs", 14),
        Part("Outputs", "Arn", "is declared no more", None),
        Part("Outputs", "QueueArn", "is not deployed", 20),
    ]


def test_a_resource_that_is_declared_otherwise_is_told_in_words() -> None:
    """As a sentence has it."""
    [part] = parts(read(TEXT), changed(("1209600", "60")))
    assert str(part) == "Resources.Queue differs"


@pytest.mark.parametrize("text", ["Resources: [", "- a", "Resources: []", "{}", ""])
def test_what_is_no_template_is_refused(text: str) -> None:
    """With where it was read from."""
    with pytest.raises(ConfigurationError, match=r"infra/queue\.yaml"):
        read(text)


def test_parameters_are_what_file_and_defaults_say() -> None:
    """Each other value is found, with the line that declares it; the code's are looked at with the
    code."""
    deployed = {"Name": "letters", "Days": "7", "FunctionCodeKey": "code/a.zip"}
    uploaded = frozenset({"FunctionCodeKey"})
    found = list(settings(deployed, {"Name": "mail"}, read(TEXT), uploaded))
    assert found == [Setting("Days", "7", "30", 5), Setting("Name", "letters", "mail", 3)]
    assert not list(settings(deployed, {"Name": "letters", "Days": "7"}, read(TEXT), uploaded))


def test_a_value_that_the_checkout_lacks_is_found() -> None:
    """A deploy from it would be refused."""
    found = list(settings({"Name": "mail", "Days": "30"}, {}, read(TEXT), frozenset()))
    assert found == [Setting("Name", "mail", None, 3)]


def test_a_parameter_of_another_template_is_no_parameter() -> None:
    """That the templates differ is told by their parts."""
    assert not list(settings({"Days": "30", "Old": "1"}, {}, read(TEXT), frozenset()))


def test_what_is_not_shown_can_not_be_compared() -> None:
    """It is told as unchecked, not as the same."""
    deployed = {"Name": "****", "Days": "30"}
    assert not list(settings(deployed, {"Name": "secret"}, read(TEXT), frozenset()))
    assert masked(deployed) == ("Name",)

"""The functions of a template, worked out by what is known of its stack."""

from typing import Any

import pytest

from phaseline.drift.template_values import UnresolvedError, Values

VALUES = Values(
    references={"Name": "site", "Empty": "", "Bucket": "site-bucket-1", "AWS::Region": "eu-west-1"},
    attributes={("Role", "Arn"): "arn:role"},
    exports={"stack-site-Name": "exported"},
    conditions={
        "Named": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]},
        "Lost": {"Fn::Equals": [{"Ref": "Name"}, {"Ref": "Empty"}]},
        "Both": {"Fn::And": [{"Condition": "Named"}, {"Fn::Or": [{"Condition": "Lost"}, "Named"]}]},
    },
)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"Ref": "Bucket"}, "site-bucket-1"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:role"),
        ({"Fn::ImportValue": {"Fn::Sub": "stack-${Name}-Name"}}, "exported"),
        ({"Fn::Sub": "${AWS::Region}:${Role.Arn}:${!Kept}"}, "eu-west-1:arn:role:${Kept}"),
        ({"Fn::Sub": ["${One}/${Name}", {"One": {"Ref": "Bucket"}}]}, "site-bucket-1/site"),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", "acme/site"]}]}, "site"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}, "a-site"),
        ({"Fn::If": ["Named", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Lost", "yes", "no"]}, "no"),
        ({"Fn::If": ["Both", "yes", "no"]}, "yes"),
        ({"A": {"Fn::If": ["Lost", "x", {"Ref": "AWS::NoValue"}]}, "B": "b"}, {"B": "b"}),
        (["a", {"Ref": "AWS::NoValue"}], ["a"]),
    ],
)
def test_functions_are_resolved(value: Any, wanted: Any) -> None:
    assert VALUES.resolve(value) == wanted


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"Ref": "Other"}, "Ref Other"),
        ({"Fn::GetAtt": ["Role", "RoleId"]}, r"GetAtt Role\.RoleId"),
        ({"Fn::ImportValue": "other"}, "export other"),
        ({"Fn::FindInMap": ["a", "b", "c"]}, "Fn::FindInMap"),
        ({"Fn::If": ["Other", "a", "b"]}, "condition Other"),
    ],
)
def test_unknown_value_is_named(value: Any, what: str) -> None:
    with pytest.raises(UnresolvedError, match=what):
        VALUES.resolve({"Deep": [value]})

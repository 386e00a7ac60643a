"""Templates that break one rule each, with the rule and a part of its message."""

from tests.contract import template_rules as rules
from tests.contract.template_rules import Rule

ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}}]
      Policies: [{PolicyDocument: {Statement: [%s]}}]
"""


PIPELINE = """
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Stages: [{Name: Source, Actions: [{Name: Bad, %s}]}]
"""


BAD: list[tuple[Rule, str, str]] = [
    (rules.described, "no sentence", "Parameters: {Name: {Type: String, AllowedPattern: a}}"),
    (
        rules.described,
        "takes any value",
        "Parameters: {Name: {Type: String, Description: A name.}}",
    ),
    (rules.grouped, "stands in 0 groups", "Parameters: {Name: {Type: String}}"),
    (rules.exported, "not exported", "Outputs: {Id: {Description: An id., Value: a}}"),
    (
        rules.exported,
        "not exported",
        "Outputs: {Id: {Description: Id., Value: a, Export: {Name: Id}}}",
    ),
    (rules.protected_buckets, "not encrypted", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.protected_buckets, "does not block", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.protected_buckets, "other owners", "  Bucket: {Type: AWS::S3::Bucket}"),
    (
        rules.protected_buckets,
        "name of its own",
        "  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: taken}}",
    ),
    (rules.tls_only, "without TLS", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.tls_only, "without TLS", "  Queue: {Type: AWS::SQS::Queue}"),
    (rules.encrypted, "not encrypted", "  Table: {Type: AWS::DynamoDB::Table}"),
    (rules.encrypted, "point in time", "  Table: {Type: AWS::DynamoDB::Table}"),
    (rules.encrypted, "not encrypted", "  Queue: {Type: AWS::SQS::Queue}"),
    (
        rules.retained,
        "not retained",
        "  Table: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain}",
    ),
    (rules.narrow_actions, "s3:Get*", ROLE % "{Effect: Allow, Action: 's3:Get*', Resource: a}"),
    (
        rules.narrow_actions,
        "s3:Put*",
        "  Policy: {Type: AWS::IAM::Policy, Properties: {PolicyDocument: {Statement:"
        " [{Effect: Allow, Action: 's3:Put*', Resource: a}]}}}",
    ),
    (rules.narrow_actions, "all but", ROLE % "{Effect: Allow, NotAction: a, Resource: a}"),
    (
        rules.narrow_resources,
        "on everything",
        ROLE % "{Effect: Allow, Action: [s3:GetObject], Resource: '*'}",
    ),
    (
        rules.missing_is_told,
        "can't tell a missing object",
        ROLE % "{Effect: Allow, Action: [s3:ListBucket], Resource: a,"
        " Condition: {StringLike: {'s3:prefix': 'metadata/*'}}}",
    ),
    (
        rules.one_service_trusted,
        "trusts",
        (ROLE % "").replace("lambda.amazonaws.com", "[a.amazonaws.com, b.amazonaws.com]"),
    ),
    (
        rules.one_service_trusted,
        "trusts",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{AWS: '*'}"),
    ),
    (
        rules.one_service_trusted,
        "trusts any sub",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{Federated: a}"),
    ),
    (
        rules.one_service_trusted,
        "trusts any workflow",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{Federated: a}"),
    ),
    (
        rules.one_service_trusted,
        "trusts a subject by names",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {StringEquals: {"
            "'token.actions.githubusercontent.com:sub': 'repo:acme/automation:environment:x'}}",
        ),
    ),
    (
        rules.one_service_trusted,
        "trusts every branch",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {StringEquals: {"
            "'token.actions.githubusercontent.com:sub': 'repo:a@1/b@2:environment:x'}}",
        ),
    ),
    (
        rules.one_service_trusted,
        "of another kind",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {ForAnyValue:StringLike: {a: b}}",
        ),
    ),
    (rules.bounded, "no permissions boundary", ROLE % ""),
    (
        rules.role_of_its_own,
        "2 functions share",
        "  A: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}\n"
        "  B: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}",
    ),
    (
        rules.helpful_alarms,
        "no remedy",
        "  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmDescription: Errors.}}",
    ),
    (rules.helpful_alarms, "reaches nobody", "  Alarm: {Type: AWS::CloudWatch::Alarm}"),
    (rules.helpful_alarms, "no data", "  Alarm: {Type: AWS::CloudWatch::Alarm}"),
    (
        rules.helpful_alarms,
        "no data",
        "  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {TreatMissingData: notBreaching,"
        " ComparisonOperator: LessThanThreshold}}",
    ),
    (
        rules.guarded_targets,
        "drops",
        "  Rule: {Type: AWS::Events::Rule, Properties: {Targets: [{Id: a, Arn: b}]}}",
    ),
    (
        rules.modern_sources,
        "ThirdParty",
        PIPELINE % "ActionTypeId: {Category: Source, Owner: ThirdParty, Provider: GitHub}",
    ),
    (
        rules.modern_sources,
        "polls",
        PIPELINE % "ActionTypeId: {Category: Source, Owner: AWS, Provider: S3}",
    ),
    (
        rules.portable,
        "arn:aws",
        "  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: 'arn:aws:sns:a'}}",
    ),
]

"""The roles allow the actions that the handlers of CloudFormation's resource types need."""

import json
from pathlib import Path

import cfnlint  # type: ignore[import-untyped] # it has no types

from tests.builders.roles import (
    DRIFT_ROLES,
    STACKS,
    actions,
    documents,
    inline,
    listed,
)
from tests.templates import load_stack

UNUSED_PREFIXES = (
    "dynamodb:Associate",
    "dynamodb:Batch",
    "dynamodb:CreateTableReplica",
    "dynamodb:DeleteItem",
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:DescribeImport",
    "dynamodb:Disable",
    "dynamodb:Enable",
    "dynamodb:GetItem",
    "dynamodb:Import",
    "dynamodb:Put",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateContributorInsights",
    "dynamodb:UpdateItem",
    "dynamodb:UpdateKinesis",
    "ec2:",
    "elasticfilesystem:",
    "firehose:",
    "iam:AttachRolePolicy",
    "iam:CreateServiceLinkedRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "kinesis:",
    "kms:",
    "lambda:AssociateRuntimeAlias",
    "lambda:DeleteFunctionCodeSigningConfig",
    "lambda:DeleteFunctionConcurrency",
    "lambda:GetCodeSigningConfig",
    "lambda:GetLayerVersion",
    "lambda:PassCapacityProvider",
    "lambda:PublishVersion",
    "lambda:PutFunctionCodeSigningConfig",
    "lambda:PutFunctionConcurrency",
    "lambda:PutFunctionRecursionConfig",
    "lambda:PutFunctionScalingConfig",
    "lambda:PutRuntimeManagementConfig",
    "logs:AssociateKmsKey",
    "logs:CreateLogDelivery",
    "logs:CreateLogStream",
    "logs:DeleteDataProtectionPolicy",
    "logs:DeleteIndexPolicy",
    "logs:DeleteResourcePolicy",
    "logs:DescribeLogStreams",
    "logs:DisassociateKmsKey",
    "logs:PutBearerTokenAuthentication",
    "logs:PutDataProtectionPolicy",
    "logs:PutIndexPolicy",
    "logs:PutLog",
    "logs:PutResourcePolicy",
    "s3:CreateBucketMetadata",
    "s3:DeleteBucketAnalytics",
    "s3:DeleteBucketCors",
    "s3:DeleteBucketEncryption",
    "s3:DeleteBucketLifecycle",
    "s3:DeleteBucketMetadata",
    "s3:DeleteBucketMetrics",
    "s3:DeleteBucketReplication",
    "s3:DeleteBucketWebsite",
    "s3:DeleteObject",
    "s3:GetObjectMetadata",
    "s3:PutAccelerate",
    "s3:PutAnalytics",
    "s3:PutBucketAbac",
    "s3:PutBucketAcl",
    "s3:PutBucketCORS",
    "s3:PutBucketLogging",
    "s3:PutBucketObjectLock",
    "s3:PutBucketReplication",
    "s3:PutBucketWebsite",
    "s3:PutIntelligent",
    "s3:PutInventory",
    "s3:PutMetrics",
    "s3:PutObject",
    "s3:PutReplication",
    "s3:REST",
    "s3:UpdateBucketMetadata",
    "s3files:",
    "s3tables:",
    "cloudfront:CreateConnectionGroup",
    "cloudfront:GetConnectionGroup",
    "cloudfront:GetVpcOrigin",
    "cloudfront:UpdateDistributionWithStagingConfig",
    "codepipeline:DisableStageTransition",
    "codepipeline:EnableStageTransition",
    "codepipeline:StartPipelineExecution",
)
"""Actions that handlers need only for properties that the templates do not set, such as customer
managed keys, replicas, layers, staging distributions and permissions boundaries."""
NOT_IN_IAM = {"cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution"}
"""Maps operations to the IAM action of another name that allows them."""
NO_SCHEMA = {"AWS::CodeBuild::Project"}
"""Resource types whose schema lists no permissions."""


def handlers() -> dict[str, dict[str, list[str]]]:
    """Return the permissions of CloudFormation's handlers, by resource type and operation.

    They are part of the resource schemas in the package cfn-lint.
    """
    folder = Path(cfnlint.__file__).parent / "data/schemas/resources"
    permissions: dict[str, dict[str, list[str]]] = {}
    for path in folder.glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        for operation, handler in schema.get("handlers", {}).items():
            by_operation = permissions.setdefault(schema["typeName"], {})
            by_operation[operation] = handler.get("permissions", [])
    return permissions


def resource_types() -> set[str]:
    """Return the resource types of the stacks whose schema lists permissions."""
    resources = (resource for name in STACKS for resource in load_stack(name)["Resources"].values())
    return {resource["Type"] for resource in resources} - NO_SCHEMA


def needed(*operations: str) -> set[str]:
    """Return the actions that these operations need for the resource types of the stacks."""
    types, permissions = resource_types(), handlers()
    assert types <= permissions.keys()
    actions = {
        NOT_IN_IAM.get(action, action)
        for type_ in types
        for operation in operations
        for action in permissions[type_].get(operation, [])
    }
    return {action for action in actions if not action.startswith(UNUSED_PREFIXES)}


def test_cloudformation_role_allows_every_handler_except_the_deletion_of_data() -> None:
    lacking = needed("create", "read", "update", "delete") - actions("ServiceRole")
    assert lacking == {"dynamodb:DeleteTable", "s3:DeleteBucket", "sqs:DeleteQueue"}


def test_drift_role_allows_every_read_handler() -> None:
    """CloudFormation detects drift with the rights of its caller."""
    # A read handler passes no role, although its schema lists the permission.
    assert needed("read") - actions("DriftRole") - {"iam:PassRole"} == set()


def test_every_exception_from_the_handlers_is_needed() -> None:
    reading = documents("DriftRole", DRIFT_ROLES, "AWS::IAM::ManagedPolicy")
    policies = inline("ServiceRole") + reading
    granted = {
        action
        for document in policies
        for statement in document["Statement"]
        for action in listed(statement["Action"])
    }
    assert not [action for action in granted if action.startswith(UNUSED_PREFIXES)]
    permissions = handlers()
    listed_actions = {
        action
        for type_ in resource_types()
        for actions in permissions[type_].values()
        for action in actions
    }
    unneeded = [
        prefix
        for prefix in UNUSED_PREFIXES
        if not any(action.startswith(prefix) for action in listed_actions)
    ]
    assert unneeded == []

"""Pure: what a CloudFormation template of ours must keep to, beyond what cfn-lint asks.

A rule takes a decoded template and yields one line for each fault that it finds.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.contract.authorization import on_everything

Template = dict[str, Any]
Rule = Callable[[Template], Iterator[str]]

STATEFUL = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"}
GITHUB = "token.actions.githubusercontent.com"
IDENTITY = {"aud", "sub", "repository_id", "job_workflow_ref"}
"""The claims that say which job of which repository it is that asks for a role."""
BOUNDARY = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/phaseline-${Environment}-boundary"
"""The permissions boundary, which infra/cloudformation-role.yaml declares."""
PUBLIC_ACCESS = {
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
}


def resources(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical ids and properties of the resources of one type."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def described(template: Template) -> Iterator[str]:
    """Every parameter says what it is, and what it may be."""
    for name, parameter in template.get("Parameters", {}).items():
        if not parameter.get("Description", "").endswith("."):
            yield f"parameter {name} has no sentence that describes it"
        if not parameter.keys() & {"AllowedPattern", "AllowedValues", "MinValue"}:
            yield f"parameter {name} takes any value"


def grouped(template: Template) -> Iterator[str]:
    """Every parameter stands in one group of the console's form."""
    groups = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    listed = [name for group in groups.get("ParameterGroups", []) for name in group["Parameters"]]
    for name in template.get("Parameters", {}):
        if listed.count(name) != 1:
            yield f"parameter {name} stands in {listed.count(name)} groups"
    for name in set(listed) - template.get("Parameters", {}).keys():
        yield f"a group lists {name}, which is no parameter"


def exported(template: Template) -> Iterator[str]:
    """Every output is described, and exported under the stack's name and its own."""
    for name, output in template.get("Outputs", {}).items():
        if "Description" not in output:
            yield f"output {name} has no description"
        if output.get("Export") != {"Name": {"Fn::Sub": "${AWS::StackName}-" + name}}:
            yield f"output {name} is not exported as ${{AWS::StackName}}-{name}"


def protected_buckets(template: Template) -> Iterator[str]:
    """Every bucket is encrypted, blocks public access and takes part in no ACLs."""
    for name, bucket in resources(template, "AWS::S3::Bucket"):
        if "BucketEncryption" not in bucket:
            yield f"bucket {name} is not encrypted"
        blocks = bucket.get("PublicAccessBlockConfiguration", {})
        if {key for key, on in blocks.items() if on is True} != PUBLIC_ACCESS:
            yield f"bucket {name} does not block public access"
        owner = [{"ObjectOwnership": "BucketOwnerEnforced"}]
        if bucket.get("OwnershipControls", {}).get("Rules") != owner:
            yield f"bucket {name} lets objects have other owners"
        if "BucketName" in bucket:
            yield f"bucket {name} has a name of its own, which can be taken"


def tls_only(template: Template) -> Iterator[str]:
    """Every bucket and queue refuses what does not come over TLS."""
    for kind, policy_kind, key in (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
    ):
        covered = [
            json.dumps(policy[key])
            for _, policy in resources(template, policy_kind)
            if any(_denies_plain_text(one) for one in policy["PolicyDocument"]["Statement"])
        ]
        for name, _ in resources(template, kind):
            if not any(json.dumps({"Ref": name}) in one for one in covered):
                yield f"{name} has no policy that denies access without TLS"


def _denies_plain_text(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] in {"s3:*", "sqs:*"}
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )


def encrypted(template: Template) -> Iterator[str]:
    """Every table and queue is encrypted; every table can be restored to a point in time."""
    for name, table in resources(template, "AWS::DynamoDB::Table"):
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield f"table {name} is not encrypted"
        recovery = table.get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") is not True:
            yield f"table {name} can't be restored to a point in time"
    for name, queue in resources(template, "AWS::SQS::Queue"):
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"queue {name} is not encrypted"


def retained(template: Template) -> Iterator[str]:
    """What holds data outlives its stack."""
    for name, resource in template["Resources"].items():
        policies = [resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")]
        if resource["Type"] in STATEFUL and policies != ["Retain", "Retain"]:
            yield f"{name} is not retained when it is deleted or replaced"


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in resources(template, "AWS::IAM::Role"):
        others = [arn for arn in role.get("ManagedPolicyArns", []) if "Fn::ImportValue" not in arn]
        if others:  # an imported one is a policy of ours, and checked where it is
            yield name, {"Action": "managed policies", "Resource": "*"}
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, policy in resources(template, kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def narrow_actions(template: Template) -> Iterator[str]:
    """Nobody is granted an action with a wildcard, or everything but something."""
    for name, statement in _statements(template):
        if statement.keys() & {"NotAction", "NotResource"}:
            yield f"{name} is granted all but something"
        for action in _list(statement.get("Action", [])):
            if "*" in action:
                yield f"{name} is granted {action}"


def narrow_resources(template: Template) -> Iterator[str]:
    """`*` as resource stands only with actions that know no other."""
    for name, statement in _statements(template):
        everything = "*" in _list(statement.get("Resource", []))
        if everything and not all(map(on_everything, _list(statement["Action"]))):
            yield f"{name} is granted {statement['Action']} on everything"


def missing_is_told(template: Template) -> Iterator[str]:
    """Listing a bucket has no condition on a prefix: a read of a missing key has none to meet it,
    and is then a 403 in place of a 404."""
    for name, statement in _statements(template):
        listing = "s3:ListBucket" in _list(statement.get("Action", []))
        if listing and "s3:prefix" in json.dumps(statement.get("Condition", {})):
            yield f"{name} can't tell a missing object from a forbidden one"


def one_service_trusted(template: Template) -> Iterator[str]:
    """A role is assumed by one service, or by named jobs on GitHub, and nobody else."""
    for name, role in resources(template, "AWS::IAM::Role"):
        trusts = role["AssumeRolePolicyDocument"]["Statement"]
        if len(trusts) == 1 and trusts[0].get("Principal", {}).keys() == {"Federated"}:
            yield from (f"{name} {fault}" for fault in _loose_trust(trusts[0]))
            continue
        principals = [json.dumps(trust.get("Principal")) for trust in trusts]
        services = [trust.get("Principal", {}).get("Service") for trust in trusts]
        if len(trusts) != 1 or not isinstance(services[0], str) or len(trusts[0]["Principal"]) > 1:
            yield f"{name} trusts {', '.join(principals)}"


def bounded(template: Template) -> Iterator[str]:
    """A role that a deployment can create has the permissions boundary. An administrator deploys
    CloudFormation's role, and those of jobs on GitHub."""
    for name, role in resources(template, "AWS::IAM::Role"):
        trust = role["AssumeRolePolicyDocument"]["Statement"][0]
        service = trust.get("Principal", {}).get("Service", "")
        is_deployed = service not in {"", "cloudformation.amazonaws.com"}
        if is_deployed and role.get("PermissionsBoundary") != {"Fn::Sub": BOUNDARY}:
            yield f"{name} has no permissions boundary"


def _loose_trust(statement: dict[str, Any]) -> Iterator[str]:
    """What is left open about the job that may assume a role by its token from GitHub."""
    conditions = statement.get("Condition", {})
    equal = conditions.get("StringEquals", {})
    for claim in sorted(IDENTITY - {"job_workflow_ref"}):
        if f"{GITHUB}:{claim}" not in equal:
            yield f"trusts any {claim}"
    if (
        "environment:" in json.dumps(equal.get(f"{GITHUB}:sub", ""))
        and f"{GITHUB}:ref" not in equal
    ):
        yield "trusts every branch that may use the environment"
    like = conditions.get("StringLike", {})
    if f"{GITHUB}:job_workflow_ref" not in equal | like:
        yield "trusts any workflow"
    if not json.dumps(equal.get(f"{GITHUB}:sub", "")).count("@") >= 2:
        yield "trusts a subject by names, which another repository may get"
    if conditions.keys() - {"StringEquals", "StringLike"}:
        yield "has a condition of another kind"


def role_of_its_own(template: Template) -> Iterator[str]:
    """No two functions share a role."""
    roles = [json.dumps(one["Role"]) for _, one in resources(template, "AWS::Lambda::Function")]
    for role in sorted(set(roles)):
        if roles.count(role) > 1:
            yield f"{roles.count(role)} functions share the role {role}"


def helpful_alarms(template: Template) -> Iterator[str]:
    """An alarm says what to do, can be sent to people, and is quiet without data unless that is
    what it is about."""
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm"):
        if "Remedy: " not in json.dumps(alarm.get("AlarmDescription", "")):
            yield f"alarm {name} names no remedy"
        if "AlarmTopicArn" not in json.dumps(alarm.get("AlarmActions", "")):
            yield f"alarm {name} reaches nobody"
        misses = alarm.get("ComparisonOperator") == "LessThanThreshold"
        if alarm.get("TreatMissingData") != ("breaching" if misses else "notBreaching"):
            yield f"alarm {name} takes no data for the wrong thing"


def guarded_targets(template: Template) -> Iterator[str]:
    """What a rule can't deliver is tried again within bounds and then kept."""
    for name, rule in resources(template, "AWS::Events::Rule"):
        for target in rule["Targets"]:
            if "DeadLetterConfig" not in target or "RetryPolicy" not in target:
                yield f"rule {name} drops what it can't deliver"


def modern_sources(template: Template) -> Iterator[str]:
    """No GitHub version 1 source, no OAuth token, and nothing polls."""
    for _, pipeline in resources(template, "AWS::CodePipeline::Pipeline"):
        for action in (action for stage in pipeline["Stages"] for action in stage["Actions"]):
            kind, settings = action["ActionTypeId"], action.get("Configuration", {})
            if kind["Owner"] != "AWS" or "OAuthToken" in settings:
                yield f"action {action['Name']} is of the owner {kind['Owner']}"
            polls = settings.get("PollForSourceChanges")
            if (kind["Category"], kind["Provider"]) == ("Source", "S3") and polls != "false":
                yield f"action {action['Name']} polls"


def portable(template: Template) -> Iterator[str]:
    """No ARN names a partition; no value outside the parameters names a region or an account."""
    text = json.dumps({"Resources": template["Resources"], "Outputs": template.get("Outputs", {})})
    for literal in ("arn:aws", "us-east-1", "eu-central-1", ".amazonaws.com/", "000000000000"):
        if literal in text:
            yield f"{literal} is written out"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


RULES: tuple[Rule, ...] = (
    described,
    grouped,
    exported,
    protected_buckets,
    tls_only,
    encrypted,
    retained,
    narrow_actions,
    narrow_resources,
    missing_is_told,
    one_service_trusted,
    bounded,
    role_of_its_own,
    helpful_alarms,
    guarded_targets,
    modern_sources,
    portable,
)

"""CloudFormation resource types that ministack lacks: pipelines, connections, OIDC providers.

In a template, the names of the API's members begin with a capital letter. A member that the API
does not have is refused.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack.services import iam
from ministack.services.cloudformation import provisioners

from local.aws.codepipeline.service import CodePipeline
from local.aws.ministack.connections import Connections
from local.aws.ministack.shapes import ServiceError, check
from local.aws.names import generated_name

Created = tuple[str, dict[str, Any]]

_NOT_DECLARED = {"DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags"}


def handlers(service: CodePipeline, connections: Connections) -> dict[str, dict[str, Any]]:
    """Return ministack's handlers by resource type."""
    pipelines = _Pipelines(service)
    return {
        "AWS::CodePipeline::Pipeline": {
            "create": pipelines.create,
            "update": pipelines.update,
            "update_with_logical_id": True,
            "delete": lambda name, _properties: service.delete({"name": name}),
        },
        "AWS::CodeConnections::Connection": _connection("codeconnections", connections),
        "AWS::CodeStarConnections::Connection": _connection("codestar-connections", connections),
        "AWS::IAM::OIDCProvider": {
            "create": _create_provider,
            "update": _update_provider,
            "delete": lambda arn, _properties: iam._oidc_providers.pop(arn, None),
        },
    }


def naming(original: Callable[..., str]) -> Callable[..., str]:
    """Cut generated names as CloudFormation does; ministack keeps the stack's name whole."""

    def name(
        stack: str,
        logical_id: str,
        *,
        lowercase: bool = False,
        max_len: int = 128,
        seeded: bool = True,
    ) -> str:
        whole = original(stack, logical_id, max_len=1024, seeded=seeded)
        cut = generated_name(stack, logical_id, whole.rpartition("-")[2], max_len)
        return cut.lower() if lowercase else cut

    return name


def log_group(step: Callable[..., Created], position: int) -> Callable[..., Created]:
    """Have a step of the type for log groups generate the name as CloudFormation does.

    The properties are the step's argument at `position`. An update has the logical ID as its last
    argument, and the stack's name before it; a creation has the ID first, and the name last.
    """

    def named(*arguments: Any) -> Created:
        given = list(arguments)
        stack, logical_id = given[3:] if position == 2 else (given[2], given[0])
        name = provisioners._physical_name(stack, logical_id, max_len=512)
        given[position] = {"LogGroupName": name, **given[position]}
        return step(*given)

    return named


def bounded(step: Callable[..., Created], position: int) -> Callable[..., Created]:
    """Have a step of the type for roles set the permissions boundary, which ministack leaves out.

    The properties are the step's argument at `position`.
    """

    def with_boundary(*arguments: Any) -> Created:
        arn = arguments[position].get("PermissionsBoundary")
        if arn and iam._boundary_policy_error(arn):
            raise ValueError(
                f"Scope ARN: {arn} does not exist or is not attachable. (Service: Iam)"
            )
        name, attributes = step(*arguments)
        iam._roles[name]["PermissionsBoundary"] = arn
        return name, attributes

    return with_boundary


def to_api(value: Any, shape: Shape, path: str) -> Any:
    """Return a template's value with the names and types of the API. Raises ValueError."""
    if isinstance(shape, StructureShape):
        spelled = {name[:1].upper() + name[1:]: name for name in shape.members}
        unknown = sorted(value.keys() - spelled.keys())
        if unknown:
            raise ValueError(f"extraneous key [{unknown[0]}] is not permitted at {path}")
        return {
            spelled[name]: to_api(member, shape.members[spelled[name]], f"{path}/{name}")
            for name, member in value.items()
        }
    if isinstance(shape, ListShape):
        return [to_api(item, shape.member, f"{path}/{i}") for i, item in enumerate(value)]
    if isinstance(shape, MapShape):
        return {str(k): to_api(item, shape.value, f"{path}/{k}") for k, item in value.items()}
    if shape.type_name == "integer":
        return int(value)
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    if isinstance(value, bool):
        return json.dumps(value)
    return value if isinstance(value, dict | list) else str(value)


class _Pipelines:
    """AWS::CodePipeline::Pipeline. Ref is the name, Fn::GetAtt knows Version."""

    def __init__(self, service: CodePipeline) -> None:
        self._service = service
        asked = service.protocol.service.operation_model("CreatePipeline").input_shape
        assert asked is not None  # noqa: S101 - the operation takes a pipeline
        self._shape = asked.members["pipeline"]

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> Created:
        name = properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=100)
        declaration = self._declaration(name, properties)
        tags = [{"key": t["Key"], "value": t["Value"]} for t in properties.get("Tags", [])]
        made = self._try(self._service.create, {"pipeline": declaration, "tags": tags})
        return name, {"Version": str(made["pipeline"]["version"])}

    def update(
        self,
        name: str,
        _old: dict[str, Any],
        new: dict[str, Any],
        stack: str,
        logical_id: str,
    ) -> Created:
        if new.get("Name", name) != name:
            created = self.create(logical_id, new, stack)
            self._service.delete({"name": name})
            return created
        made = self._try(self._service.update, {"pipeline": self._declaration(name, new)})
        if str(new.get("RestartExecutionOnUpdate", "false")).lower() == "true":
            trigger = {"triggerType": "StartPipelineExecution", "triggerDetail": "CloudFormation"}
            self._service.start(name, trigger, {})
        return name, {"Version": str(made["pipeline"]["version"])}

    def _declaration(self, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        declared = {k: v for k, v in properties.items() if k not in _NOT_DECLARED}
        declaration = to_api({**declared, "Name": name}, self._shape, "#")
        self._try(check, declaration, self._shape)
        return dict(declaration)

    def _try(self, work: Any, *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except ServiceError as error:
            raise ValueError(f"{error.message} (Service: CodePipeline; {error.code})") from error


def _connection(service: str, connections: Connections) -> dict[str, Any]:
    """A connection type. Ref is the ARN. A changed name or provider replaces the connection."""

    def create(_logical_id: str, properties: dict[str, Any], _stack: str) -> Created:
        unknown = properties.keys() - {"ConnectionName", "ProviderType", "HostArn", "Tags"}
        if unknown or "ConnectionName" not in properties:
            raise ValueError(f"Connection properties {sorted(properties)} do not fit the type")
        arn = connections.create(service, properties)
        return arn, _attributes(arn)

    def update(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Created:
        if {**old, "Tags": None} == {**new, "Tags": None}:
            return arn, _attributes(arn)
        created = create("", new, stack)
        connections.delete(arn)
        return created

    return {
        "create": create,
        "update": update,
        "delete": lambda arn, _properties: connections.delete(arn),
    }


def _attributes(arn: str) -> dict[str, Any]:
    return {
        "ConnectionArn": arn,
        "ConnectionStatus": "AVAILABLE",
        "OwnerAccountId": arn.split(":")[4],
    }


def _create_provider(_logical_id: str, properties: dict[str, Any], _stack: str) -> Created:
    """AWS::IAM::OIDCProvider. Ref is the ARN."""
    unknown = properties.keys() - {"Url", "ClientIdList", "ThumbprintList", "Tags"}
    if unknown or "Url" not in properties:
        raise ValueError(f"OIDCProvider properties {sorted(properties)} do not fit the type")
    asked = {"Url": properties["Url"]}
    for index, client in enumerate(properties.get("ClientIdList", []), 1):
        asked[f"ClientIDList.member.{index}"] = client
    status, _, body = iam._create_oidc_provider(asked)
    if status != 200:
        raise ValueError(f"{properties['Url']} (Service: Iam): {body!r}")
    host = properties["Url"].split("://", 1)[-1].rstrip("/")
    arn = next(arn for arn in iam._oidc_providers if arn.endswith(f":oidc-provider/{host}"))
    return arn, {"Arn": arn}


def _update_provider(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Created:
    """A changed URL replaces the provider. Audiences are changed in place."""
    if old.get("Url") != new.get("Url"):
        created = _create_provider("", new, stack)
        iam._oidc_providers.pop(arn, None)
        return created
    iam._oidc_providers[arn]["ClientIDList"] = list(new.get("ClientIdList", []))
    return arn, {"Arn": arn}

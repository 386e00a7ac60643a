"""boto3 and moto compute once per process what they would compute again in each test.

It is the same each time, and took two thirds of the time of the unit tests. Nothing of what a
test stores in moto is shared.
"""

import functools
from typing import Any

import botocore.session
from moto.core import models
from moto.core.base_backend import BaseBackend
from moto.core.config import default_user_config
from moto.dynamodb.parsing.expressions import (  # type: ignore[attr-defined] # it has no types
    UpdateExpressionParser,
)
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator


def share() -> None:
    """Make boto3 and moto share it."""
    # The loader holds the models of the services, which no client changes.
    _cache(botocore.session, "create_loader")
    # boto3.client() keeps its session; by default, moto puts it aside in each test.
    default_user_config["core"]["reset_boto3_session"] = False
    # moto compiles patterns of URLs for the library `requests`; only botocore calls AWS here.
    models.RESPONSES_METHODS.clear()
    # moto computes the URLs of a service for each call.
    backend: Any = BaseBackend
    backend.urls = property(functools.cache(backend.urls.fget))
    # moto parses an update expression twice for each call; it works on a copy of the result.
    _cache(UpdateExpressionParser, "make")
    # These validators check all nodes below the one that they are given. moto gives them each
    # node of an update expression, which takes a time that is quadratic in its length.
    _only_root(ActionCountValidator)
    _only_root(OverlappingPathsValidator)


def _cache(owner: Any, function: str) -> None:
    setattr(owner, function, functools.cache(getattr(owner, function)))


def _only_root(validator: Any) -> None:
    validator.traverse = validator.process

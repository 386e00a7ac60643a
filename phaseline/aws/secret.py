"""A token in Secrets Manager or SSM Parameter Store, which is read once and cached."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.refusals import code_of, may_pass
from phaseline.errors import ConfigurationError, RemoteCallError
from phaseline.text import is_token

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient


@dataclass
class Secret:
    """The value of a Secrets Manager secret or an SSM parameter, which is named by its ARN.

    It is read at the first use and cached, so a warm Lambda function reads it once. `refetch` reads
    it again, after a service has refused a token that was rotated. No part of the value appears in
    an error or in `repr`.
    """

    arn: str
    secretsmanager: "SecretsManagerClient" = field(repr=False)
    ssm: "SSMClient" = field(repr=False)
    _value: str | None = field(default=None, init=False, repr=False)

    def value(self) -> str:
        """Return the token.

        Raises ConfigurationError if it cannot be read or is not a plain token, and RemoteCallError
        if the service does not answer.
        """
        if self._value is None:
            self._value = self._fetch()
        return self._value

    def refetch(self) -> str:
        """Read the token again, and return it."""
        self._value = None
        return self.value()

    def _fetch(self) -> str:
        try:
            text = self._read()
        except BotoCoreError as error:
            raise RemoteCallError(
                self.arn,
                f"the service did not answer ({type(error).__name__})",
                "The next use tries again. Check the function's network access to the service.",
            ) from None
        except ClientError as error:
            if may_pass(error):
                raise RemoteCallError(
                    self.arn,
                    f"the service gives no answer of use ({code_of(error)})",
                    "It is asked again at the next use.",
                ) from None
            raise ConfigurationError(
                self.arn,
                f"the secret can't be read ({code_of(error)})",
                "Create it, or correct the template's token parameter and deploy again.",
            ) from None
        if not is_token(text):
            raise ConfigurationError(
                self.arn,
                "expected a token as plain text on one line, found another format",
                "Store the token as plain text, without JSON, quotes or line breaks.",
            )
        return text

    def _read(self) -> str:
        service = self.arn.split(":")[2] if self.arn.startswith("arn:") else ""
        if service == "secretsmanager":
            stored = self.secretsmanager.get_secret_value(SecretId=self.arn)
            return stored.get("SecretString", "").strip()  # a binary secret has no SecretString
        if service == "ssm":
            answer = self.ssm.get_parameter(Name=self.arn, WithDecryption=True)
            return answer["Parameter"]["Value"].strip()
        raise ConfigurationError(
            self.arn or "the token's ARN",
            "expected the ARN of a Secrets Manager secret or of an SSM parameter",
            "Set the template's token parameter to such an ARN and deploy again.",
        )

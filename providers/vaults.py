"""The secret stores of others, each through its vendor's SDK, with the credentials that the SDK finds by itself."""

from __future__ import annotations

import json
import os
from functools import partial, wraps
from importlib.util import find_spec

from brim.core.errors import SettingsError
from brim.core.references import Fetch

_TIMEOUT_S = 10


def fetchers(*, google_endpoint: str | None = None) -> dict[str, Fetch]:
    """Return who reads from which store, by the scheme of a reference.

    Args:
        google_endpoint: another address of Google's Secret Manager, such as a regional one.
    """
    return {
        "aws-sm": _told("boto3", "aws", _aws),
        "vault": _told("hvac", "vault", _vault),
        "azure-kv": _told("azure.keyvault.secrets", "azure", _azure),
        "gcp-sm": _told("google.cloud.secretmanager", "gcp", partial(_google, google_endpoint)),
    }


def _told(package: str, extra: str, fetch: Fetch) -> Fetch:
    """Return a reader whose errors are sentences: an SDK's own may hold what it was answered."""

    @wraps(_vault)
    def read(name: str) -> str:
        if not _is_there(package):
            raise SettingsError(f"{package} is not installed.", hint=f"pip install 'brim[{extra}]'.")
        try:
            return fetch(name)
        except SettingsError:
            raise
        except Exception as error:  # each SDK has a tree of its own, and others below it
            raise SettingsError(f"{_said(error)}.") from None

    return read


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _said(error: Exception) -> str:
    """Return what an SDK's error is called, with the vendor's code for it where there is one."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    code = code or getattr(error, "status_code", None) or getattr(error, "code", None)
    if callable(code):
        code = None
    name = type(error).__name__
    return f"the store answered {name}" + (f" ({code})" if code and str(code) != name else "")


def _aws(name: str) -> str:
    import boto3
    from botocore.config import Config

    secret_id, _, field = name.partition("#")
    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"max_attempts": 2})
    client = boto3.session.Session().client("secretsmanager", config=config)
    try:
        found = client.get_secret_value(SecretId=secret_id)
    finally:
        client.close()
    if "SecretString" not in found:
        raise SettingsError("it is no text.")
    return _field(found["SecretString"], field)


def _vault(name: str) -> str:
    import hvac

    path, _, field = name.partition("#")
    if not field:
        raise SettingsError("the field is missing.", hint="Write vault:PATH#field.")
    client = hvac.Client(timeout=_TIMEOUT_S)
    try:
        if not client.token and (role := os.environ.get("VAULT_ROLE")):
            with open("/var/run/secrets/kubernetes.io/serviceaccount/token", encoding="utf-8") as token:  # noqa: PTH123
                client.auth.kubernetes.login(role=role, jwt=token.read().strip())
        found = client.read(path)
    finally:
        client.adapter.close()
    if found is None:
        raise SettingsError("there is nothing at this path.")
    data = found["data"]
    if (
        isinstance(data.get("data"), dict) and "metadata" in data
    ):  # the second version of the key-value engine
        data = data["data"]
    if field not in data:
        raise SettingsError("it has no such field.")
    return str(data[field])


def _azure(name: str) -> str:
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    vault, _, secret = name.partition("/")
    if not secret:
        raise SettingsError("the name is missing.", hint="Write azure-kv:VAULT/NAME.")
    host = vault if "." in vault or ":" in vault else f"{vault}.vault.azure.net"
    with (
        DefaultAzureCredential() as credential,
        SecretClient(
            f"https://{host}", credential, connection_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S
        ) as client,
    ):
        return client.get_secret(secret).value or ""


def _google(endpoint: str | None, name: str) -> str:
    from google.cloud import secretmanager

    project, _, secret = name.partition("/")
    if not secret:
        raise SettingsError("the name is missing.", hint="Write gcp-sm:PROJECT/NAME.")
    options = {"api_endpoint": endpoint} if endpoint else None
    with secretmanager.SecretManagerServiceClient(transport="rest", client_options=options) as client:
        answer = client.access_secret_version(
            name=f"projects/{project}/secrets/{secret}/versions/latest", timeout=_TIMEOUT_S
        )
    return answer.payload.data.decode()


def _field(secret: str, field: str) -> str:
    """Return one field of a secret that is JSON, or all of it."""
    if not field:
        return secret
    try:
        fields = json.loads(secret)
    except ValueError:
        raise SettingsError("it is no JSON, so it has no fields.") from None
    if not isinstance(fields, dict) or field not in fields:
        raise SettingsError("it has no such field.")
    return str(fields[field])

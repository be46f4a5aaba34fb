"""Secret stores of others: AWS's as moto serves it, the rest over HTTP as their documentation has the calls."""

import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.server import ThreadedMotoServer

from brim import SettingsError
from brim.core.references import References
from brim.providers.vaults import fetchers

SECRET = "sk-the-secret-itself"

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Scripted:
    """An HTTP server that answers by path; ``asked`` keeps what came."""

    def __init__(self, answers, certificate=None):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, dict(self.headers)))
                for start, answer in answers.items():
                    if self.path.startswith(start):
                        status, headers, body = answer(self.headers)
                        break
                else:
                    status, headers, body = 404, {}, {"errors": []}
                said = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def _read(reference, **options):
    return (await References(fetchers(**options)).read(reference)).get_secret_value()


async def _fails(reference, *, said="", **options):
    with pytest.raises(SettingsError) as caught:
        await References(fetchers(**options)).read(reference)
    assert reference in caught.value.sentence and said in caught.value.sentence
    assert SECRET not in str(caught.value)


async def test_aws_secrets_manager(monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        client = boto3.client("secretsmanager")
        client.create_secret(Name="plain", SecretString=SECRET)
        client.create_secret(Name="team/openai", SecretString=json.dumps({"key": SECRET, "other": "x"}))
        client.create_secret(Name="bytes", SecretBinary=b"\x00\x01")
        assert await _read("aws-sm:plain") == SECRET
        assert await _read("aws-sm:team/openai#key") == SECRET
        await _fails("aws-sm:team/openai#nothing", said="no such field")
        await _fails("aws-sm:plain#key", said="no JSON")
        await _fails("aws-sm:bytes", said="no text")
        await _fails("aws-sm:missing", said="ResourceNotFoundException")
        references = References(fetchers(), lifetime_s=0)
        client.put_secret_value(SecretId="plain", SecretString="rotated")
        assert (await references.read("aws-sm:plain")).get_secret_value() == "rotated"
        client.close()
    finally:
        server.stop()


async def test_hashicorp_vault(monkeypatch):
    def second(headers):
        if headers["X-Vault-Token"] != "vault-token":
            return 403, {}, {"errors": ["permission denied"]}
        return 200, {}, {"data": {"data": {"key": SECRET}, "metadata": {"version": 3}}}

    answers = {
        "/v1/secret/data/openai": second,
        "/v1/kv/openai": lambda headers: (200, {}, {"data": {"key": SECRET}}),
        "/v1/secret/data/broken": lambda headers: (500, {}, {"errors": [f"leaks {SECRET}"]}),
    }
    with Scripted(answers) as server:
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("VAULT_TOKEN", "vault-token")
        assert await _read("vault:secret/data/openai#key") == SECRET
        assert await _read("vault:kv/openai#key") == SECRET
        await _fails("vault:secret/data/openai#nothing", said="no such field")
        await _fails("vault:secret/data/missing#key", said="nothing at this path")
        await _fails("vault:secret/data/broken#key", said="InternalServerError")
        await _fails("vault:secret/data/openai", said="field is missing")
        monkeypatch.setenv("VAULT_TOKEN", "wrong")
        await _fails("vault:secret/data/openai#key", said="Forbidden")
    await _fails("vault:secret/data/openai#key", said="ConnectionError")


async def test_azure_key_vault(monkeypatch, tmp_path):
    certificate = _certificate(tmp_path / "server.pem", "kv.localhost")
    resolve = socket.getaddrinfo
    monkeypatch.setattr(  # names below localhost are not known everywhere
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: resolve("127.0.0.1" if host == "kv.localhost" else host, *rest, **more),
    )

    def secret(headers):
        if headers.get("Authorization") != "Bearer azure-token":
            challenge = f'Bearer authorization="https://login.localhost/tenant", resource="https://localhost:{vault.port}"'
            return 401, {"WWW-Authenticate": challenge}, {}
        return (
            200,
            {},
            {
                "value": SECRET,
                "id": f"https://kv.localhost:{vault.port}/secrets/openai/1",
                "attributes": {"enabled": True},
            },
        )

    def token(headers):
        assert headers["X-IDENTITY-HEADER"] == "identity"
        return (
            200,
            {},
            {
                "access_token": "azure-token",
                "expires_on": "4102444800",
                "resource": "r",
                "token_type": "Bearer",
            },
        )

    def missing(headers):
        return 404, {}, {"error": {"code": "SecretNotFound", "message": f"leaks {SECRET}"}}

    answers = {"/secrets/openai": secret, "/secrets/missing": missing}
    with Scripted(answers, certificate) as vault, Scripted({"/token": token}) as identity:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{identity.port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "identity")
        place = f"kv.localhost:{vault.port}"
        assert await _read(f"azure-kv:{place}/openai") == SECRET
        await _fails(f"azure-kv:{place}/missing", said="ResourceNotFoundError")
        await _fails("azure-kv:name-only", said="name is missing")


async def test_google_secret_manager(monkeypatch, tmp_path):
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": _private_key().decode(),
        "client_email": "brim@p.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # where its SDK would ask about regions meanwhile

    def secret(headers):
        assert headers["Authorization"].startswith("Bearer ey")
        return 200, {}, {"name": "n", "payload": {"data": base64.b64encode(SECRET.encode()).decode()}}

    def denied(headers):
        return 403, {}, {"error": {"code": 403, "message": f"leaks {SECRET}", "status": "PERMISSION_DENIED"}}

    answers = {
        "/v1/projects/p/secrets/openai/versions/latest:access": secret,
        "/v1/projects/p/secrets/denied/versions/latest:access": denied,
    }
    with Scripted(answers) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        assert await _read("gcp-sm:p/openai", google_endpoint=endpoint) == SECRET
        await _fails("gcp-sm:p/denied", google_endpoint=endpoint, said="Forbidden (403)")
        await _fails("gcp-sm:name-only", google_endpoint=endpoint, said="name is missing")


def _private_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(path, name):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path

"""An OIDC server that is not ours: nanoidp, in a process of its own, on a free port."""

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key

AUDIENCE = "quintet-at-partner"
CLIENT, SECRET = "partner-app", "partner-secret"
PASSWORD = "partner-password"
# A person whose subject is a UUID, as Keycloak's are, and one whose subject is a name.
KEYCLOAK_PERSON = "5f0c1a52-8f3f-4b61-9d53-0d8f1f2e9a11"
NAMED_PERSON = "grace"


@dataclass
class OIDCServer:
    """A running server, and the directory where it keeps its configuration and keys."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "nanoidp", "--config", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.directory / "log").read_text()
            try:
                self.get("/.well-known/openid-configuration")
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError((self.directory / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as reply:
            return json.load(reply)

    def post(self, path: str, values: dict[str, str]) -> Any:
        body = urllib.parse.urlencode(values).encode()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}{path}", data=body, headers={"Authorization": f"Basic {basic}"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def sign_in(self, person: str = KEYCLOAK_PERSON) -> dict[str, str]:
        """Sign a person in; return the server's answer with its tokens."""
        return dict(
            self.post(
                "/token",
                {
                    "grant_type": "password",
                    "username": person,
                    "password": PASSWORD,
                    "scope": "openid email",
                },
            )
        )

    def token(self, person: str = KEYCLOAK_PERSON) -> str:
        """Return an access token as the server made it."""
        return str(self.sign_in(person)["access_token"])

    def rotate(self) -> None:
        """Have the server sign with a new key."""
        assert self.post("/api/keys/rotate", {})["success"]

    def signed(self, **claims: Any) -> str:
        """Return a token with the server's own key, its claims changed; None leaves one out."""
        whole = jwt.decode_complete(self.token(), options={"verify_signature": False})
        values = {k: v for k, v in {**whole["payload"], **claims}.items() if v is not None}
        key = load_pem_private_key((self.directory / "keys/rsa_private.pem").read_bytes(), None)
        return jwt.encode(
            values,
            key,
            algorithm="RS256",  # type: ignore[arg-type]
            headers={"kid": whole["header"]["kid"]},
        )


def make_server(directory: Path) -> OIDCServer:
    """Configure a server on a free port; the caller starts and stops it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = OIDCServer(directory, port)
    settings = {
        "config_version": 1,
        "server": {"host": "127.0.0.1", "port": port},
        "oauth": {
            "issuer": server.url,
            "audience": AUDIENCE,
            "token_expiry_minutes": 5,
            "clients": [{"client_id": CLIENT, "client_secret": SECRET, "description": "Partner"}],
        },
    }
    people = {
        name: {
            "password": PASSWORD,
            "email": f"{name}@partner.example",
            "roles": ["USER"],
            "tenant": "their-own-idea-of-a-tenant",
        }
        for name in (KEYCLOAK_PERSON, NAMED_PERSON)
    }
    (directory / "settings.yaml").write_text(yaml.safe_dump(settings))
    (directory / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": people}))
    return server

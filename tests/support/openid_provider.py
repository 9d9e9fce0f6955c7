"""A small provider of OpenID Connect: who is asked for a code gives it, and it gives a signed token for the code."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "plasmoscope", "the client's secret"


class OpenIDProvider:
    """Runs on this machine."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.signing_key = self.key
        self.changes: dict[str, Any] = {}
        """What the next tokens claim instead."""
        self._codes: dict[str, dict[str, str]] = {}

    def agree(self, address: str, subject: str = "u-17", name: str = "Amina") -> str:
        """Log somebody in who was sent to an address, and give where they are sent back to."""
        place = urlsplit(address)
        asked = {key: values[0] for key, values in parse_qs(place.query).items()}
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked | {"subject": subject, "name": name}
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def token(self, asked: dict[str, str], client: str) -> dict[str, Any] | None:
        """What a code is worth, once."""
        begun = self._codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if begun is None or challenge != begun["code_challenge"] or asked.get("redirect_uri") != begun["redirect_uri"]:
            return None
        if client != f"{CLIENT}:{SECRET}":
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": begun["subject"], "preferred_username": begun["name"],
            "iat": now, "exp": now + 300, "nonce": begun["nonce"],
        }  # fmt: skip
        claims = {name: value for name, value in (claims | self.changes).items() if value is not None}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signing_key)
        return {"access_token": "unused", "token_type": "Bearer", "id_token": signed}


@contextmanager
def running_provider() -> Iterator[OpenIDProvider]:
    """One on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("openid-configuration"):
                self._send(
                    {
                        "issuer": provider.issuer,
                        "authorization_endpoint": f"{provider.issuer}/authorize",
                        "token_endpoint": f"{provider.issuer}/token",
                        "jwks_uri": f"{provider.issuer}/keys",
                    }
                )
            else:
                self._send(KeySet([provider.key]).as_dict(private=False))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = {key: values[0] for key, values in parse_qs(body).items()}
            client = base64.b64decode(self.headers.get("Authorization", "Basic ").partition(" ")[2]).decode()
            answer = provider.token(asked, client)
            self._send(answer or {"error": "invalid_grant"}, 200 if answer else 400)

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, content: object, status: int = 200) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = OpenIDProvider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""Logging in at a provider of OpenID Connect, such as a hospital's own, by the authorization code flow with PKCE.

https://openid.net/specs/openid-connect-core-1_0.html
"""

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.store.openid import Begun, Person
from plasmoscope.store.records import Role
from plasmoscope.web.settings import is_loopback

_log = logging.getLogger(__name__)
_SECONDS = 10
_LEEWAY_SECONDS = 60
# None that is made with a secret, which the provider's public key could be taken for.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_NAMES = ("preferred_username", "name", "email", "sub")


@dataclass(frozen=True)
class Provider:
    """Where people log in."""

    issuer: str
    client_id: str
    secret: str
    new_people: Role | None = None
    """Of whoever has no account yet, and gets one; None: they are refused."""


class NotRecognisedError(PlasmoscopeError):
    """The provider cannot be asked, or what it tells is not to be believed."""


class OpenID:
    """Asks a provider who somebody is."""

    def __init__(self, provider: Provider) -> None:
        """Ready to ask; the provider itself is asked first when somebody logs in.

        Raises:
            MissingExtraError: the packages for it are not installed.
            PlasmoscopeError: its address is not of https.
        """
        require_extra("oidc", "Logging in by OpenID Connect")
        place = urlsplit(provider.issuer)
        if place.scheme != "https" and not (place.scheme == "http" and is_loopback(place.hostname or "")):
            raise PlasmoscopeError(
                f"{provider.issuer} is no address of https; give the provider's issuer as it names it."
            )
        self.provider = provider
        self._metadata: dict[str, Any] | None = None

    def address(self, begun: Begun, redirect: str) -> str:
        """Where to send somebody to log in.

        Raises:
            NotRecognisedError: the provider cannot be asked.
        """
        url, _ = self._client(redirect).create_authorization_url(
            self._told()["authorization_endpoint"],
            state=begun.state,
            code_verifier=begun.verifier,
            nonce=begun.nonce,
        )
        return str(url)

    def person(self, code: str, nonce: str, verifier: str, redirect: str) -> Person:
        """Who came back with a code.

        Raises:
            NotRecognisedError: the provider cannot be asked or does not know the code, or its token is not to be
                believed.
        """
        from authlib.common.errors import AuthlibBaseError
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from requests import RequestException

        told = self._told()
        try:
            token = self._client(redirect).fetch_token(
                told["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
            )
            keys = KeySet.import_key_set(_json(told["jwks_uri"]))
            signed = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS)
            options = {
                "iss": {"essential": True, "value": self.provider.issuer},
                "aud": {"essential": True, "value": self.provider.client_id},
            }
            known = {
                "nonce": nonce,
                "client_id": self.provider.client_id,
                "access_token": token.get("access_token"),
            }
            claims = CodeIDToken(signed.claims, signed.header, options, known)
            claims.validate(leeway=_LEEWAY_SECONDS)
            subject = str(claims["sub"])
            names = (" ".join(str(claims.get(name) or "").split()) for name in _NAMES)
            return Person(self.provider.issuer, subject, next(filter(None, names), subject))
        except (AuthlibBaseError, JoseError, RequestException, LookupError, TypeError, ValueError) as error:
            _log.warning("A log-in by OpenID Connect was refused: %s", error)
            raise NotRecognisedError(f"{type(error).__name__}: {error}") from error

    def _client(self, redirect: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self.provider.client_id,
            self.provider.secret,
            scope="openid profile",
            redirect_uri=redirect,
            code_challenge_method="S256",
            default_timeout=_SECONDS,
        )

    def _told(self) -> dict[str, Any]:
        """What the provider tells of itself; asked once."""
        from requests import RequestException

        if self._metadata is None:
            try:
                told = _json(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
                if told["issuer"] != self.provider.issuer:
                    raise ValueError(f"it calls itself {told['issuer']}")
                self._metadata = {name: str(told[name]) for name in _ENDPOINTS}
            except (RequestException, LookupError, TypeError, ValueError) as error:
                _log.warning("The provider of OpenID Connect cannot be asked: %s", error)
                raise NotRecognisedError(f"{type(error).__name__}: {error}") from error
        return self._metadata


_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def _json(address: str) -> Any:
    import requests

    answer = requests.get(address, timeout=_SECONDS, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()

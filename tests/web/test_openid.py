"""Logging in at a provider of OpenID Connect, and what must not work there."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from sqlalchemy import update

from openid_provider import CLIENT, SECRET, OpenIDProvider, running_provider
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import MissingExtraError
from plasmoscope.store import accounts, openid
from plasmoscope.store.audit import entries
from plasmoscope.store.records import OpenIDLogin, now
from plasmoscope.web.security.identity import SESSION_COOKIE
from plasmoscope.web.security.openid import OpenID, Provider
from workstation import PASSWORD, add_account, running, workstation


@pytest.fixture(scope="module")
def hospital() -> Iterator[OpenIDProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(hospital: OpenIDProvider) -> OpenIDProvider:
    hospital.changes, hospital.signing_key = {}, hospital.key
    return hospital


@pytest.fixture
def client(tmp_path: Path, provider: OpenIDProvider) -> Iterator[TestClient]:
    with reached(tmp_path, provider, "reader") as client:
        yield client


def reached(folder: Path, provider: OpenIDProvider, new_people: Any = None, **settings: Any) -> Any:
    oidc = Provider(provider.issuer, CLIENT, SECRET, new_people)
    return workstation(folder, host="0.0.0.0", oidc=oidc, **settings)


def go(client: TestClient, then: str = "/cells") -> str:
    """Where the browser is sent to log in."""
    answer = client.get("/openid/login", params={"then": then}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def come_back(client: TestClient, address: str) -> Any:
    return client.get(address, follow_redirects=False)


def refused(answer: Any, reason: str = "openid_failed") -> bool:
    return bool(answer.status_code == 403 and answer.json()["error"]["reason"] == reason)


def in_as(client: TestClient) -> bool:
    return client.get("/api/v1/slides").status_code == 200


def test_whoever_the_provider_knows_logs_in_and_is_led_to_the_page_they_asked_for(
    client: TestClient, provider: OpenIDProvider
) -> None:
    assert "/openid/login?then=" in client.get("/login", headers={"accept": "text/html"}).text
    answer = come_back(client, provider.agree(go(client)))
    assert (answer.status_code, answer.headers["location"]) == (303, "/cells")
    assert in_as(client)
    assert client.post("/api/v1/slides", json={}).status_code == 403, "new people are readers here"
    client.cookies.clear()
    come_back(client, provider.agree(go(client), name="Amina Another"))
    with running(client).store.reading() as session:
        done = [(entry.action, entry.subject) for entry in entries(session)]
    assert done == [("log in", "account/1"), ("log in", "account/1"), ("add account", "account/1")], "one person"


def test_one_server_takes_up_what_another_began_and_the_same_answer_counts_once_on_both(
    database: str | None, tmp_path: Path, provider: OpenIDProvider
) -> None:
    settings = {"database_url": database, "new_people": "technician"}
    with (
        reached(tmp_path, provider, **settings) as one,
        reached(tmp_path, provider, **settings) as other,
    ):
        back = provider.agree(go(one))
        # The browser goes to whichever server the proxy chooses, with its cookies.
        other.cookies.update(one.cookies)
        assert come_back(other, back).status_code == 303
        assert in_as(other)
        one.cookies.update(other.cookies)
        assert in_as(one), "a session of both"
        assert refused(come_back(one, back))
        assert refused(come_back(other, back))
        # Nor does another browser's end it.
        begun = provider.agree(go(one))
        other.cookies.clear()
        assert refused(come_back(other, begun))
        with running(other).store.reading() as session:
            assert [account.name for account in accounts.all_accounts(session)] == ["Amina"]


def test_a_new_person_becomes_nobody_else_who_has_that_name(client: TestClient, provider: OpenIDProvider) -> None:
    add_account(client, "Amina", "admin")
    come_back(client, provider.agree(go(client)))
    assert client.get("/api/v1/accounts").status_code == 403
    for password in ("", PASSWORD):
        answer = client.post("/api/v1/login", json={"name": "Amina (2)", "password": password})
        assert answer.status_code == 401


def test_an_unknown_person_is_refused_until_an_account_is_linked_and_a_deactivated_one_too(
    tmp_path: Path, provider: OpenIDProvider
) -> None:
    with reached(tmp_path, provider) as client:
        assert refused(come_back(client, provider.agree(go(client))), "openid_unknown")
        add_account(client, "Amina", "technician")
        with running(client).store.session() as session:
            told = next(entry for entry in entries(session) if entry.action == "fail to log in").detail
            issuer, subject = told["openid"].split(" ")
            openid.link(session, "tests", 1, issuer, subject)
        assert come_back(client, provider.agree(go(client))).status_code == 303
        assert in_as(client)
        with running(client).store.session() as session:
            accounts.deactivate(session, "tests", 1)
        assert refused(come_back(client, provider.agree(go(client))), "openid_unknown")
        assert not in_as(client)


WRONG: dict[str, dict[str, Any]] = {
    "wrong issuer": {"iss": "https://evil.example"},
    "wrong audience": {"aud": "another client"},
    "another party's": {"aud": [CLIENT, "other"], "azp": "other"},
    "expired": {"exp": int(time.time()) - 600},
    "without an end": {"exp": None},
    "wrong nonce": {"nonce": "of another log-in"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_token_that_is_not_for_this_log_in_is_refused(
    client: TestClient, provider: OpenIDProvider, changes: dict[str, Any]
) -> None:
    provider.changes = changes
    assert refused(come_back(client, provider.agree(go(client))))
    assert not in_as(client)
    with running(client).store.reading() as session:
        assert [entry.action for entry in entries(session)] == ["fail to log in"]


def test_a_token_that_another_key_signed_is_refused(client: TestClient, provider: OpenIDProvider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert refused(come_back(client, provider.agree(go(client))))


def test_a_code_and_a_state_are_good_once_and_not_for_long(client: TestClient, provider: OpenIDProvider) -> None:
    back = provider.agree(go(client))
    assert come_back(client, back).status_code == 303
    client.cookies.delete(SESSION_COOKIE)
    assert refused(come_back(client, back)), "the same again"
    late = provider.agree(go(client))
    with running(client).store.session() as session:
        session.execute(update(OpenIDLogin).values(expires=now() - timedelta(seconds=1)))
    assert refused(come_back(client, late))
    # A code of one log-in with the state of another.
    first, second = provider.agree(go(client)), go(client)
    mixed = first.split("&state=")[0] + "&state=" + provider.agree(second).split("&state=")[1]
    assert refused(come_back(client, mixed))
    for address in ("/openid/callback", "/openid/callback?state=x", "/openid/callback?error=access_denied"):
        assert refused(come_back(client, address)), address


def test_nobody_is_logged_in_by_another_persons_way_back(client: TestClient, provider: OpenIDProvider) -> None:
    attackers = provider.agree(go(client), "u-evil", "Mallory")
    client.cookies.clear()
    assert refused(come_back(client, attackers)), "this browser began nothing"
    go(client)
    assert refused(come_back(client, attackers)), "nor this"
    assert not in_as(client)


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil"])
def test_it_leads_to_no_other_site(client: TestClient, provider: OpenIDProvider, then: str) -> None:
    assert come_back(client, provider.agree(go(client, then))).headers["location"] == "/"


def test_two_servers_of_one_database_take_up_each_others_log_ins(tmp_path: Path, provider: OpenIDProvider) -> None:
    with reached(tmp_path, provider, "reader") as one, reached(tmp_path, provider, "reader") as other:
        back = provider.agree(go(one))
        other.cookies.update(one.cookies)
        assert come_back(other, back).status_code == 303
        one.cookies.update(other.cookies)
        assert in_as(one)


def test_without_a_provider_there_is_no_such_page_and_one_that_is_away_is_said(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        assert client.get("/openid/login").status_code == 404
        assert client.get("/openid/callback").status_code == 404
        assert "openid" not in client.get("/login", headers={"accept": "text/html"}).text
    away = Provider("http://127.0.0.1:9", CLIENT, SECRET)
    with workstation(tmp_path, host="0.0.0.0", oidc=away) as client:
        answer = client.get("/openid/login")
        assert (answer.status_code, answer.json()["error"]["reason"]) == (503, "openid_failed")


def test_a_provider_without_https_and_missing_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlasmoscopeError, match="no address of https"):
        OpenID(Provider("http://login.example", CLIENT, SECRET))
    monkeypatch.setattr("plasmoscope.extras._missing", lambda extra: ["authlib"])
    with pytest.raises(MissingExtraError, match=r"plasmoscope\[oidc\]"):
        OpenID(Provider("https://login.example", CLIENT, SECRET))

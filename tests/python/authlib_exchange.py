"""Asks an exchange of ours for credentials by authlib, and verifies them by the keys that it publishes."""

import os
import time

import httpx
from authlib.integrations.httpx_client import OAuth2Client, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk, jwt

ISSUER, SUBJECT = os.environ["ISSUER"], os.environ["SUBJECT"]
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
AUDIENCE = "https://vectors.test"

metadata = httpx.get(f"{ISSUER}/.well-known/oauth-authorization-server").raise_for_status().json()
assert metadata["issuer"] == ISSUER and GRANT in metadata["grant_types_supported"], metadata
keys = jwk.KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).raise_for_status().json())


def web():
    return OAuth2Client("web", os.environ["SECRET"], token_endpoint_auth_method="client_secret_basic")


def batch():
    key = jwk.ECKey.import_key(os.environ["KEY"], {"kid": os.environ["KID"]})
    client = OAuth2Client("batch", key, token_endpoint_auth_method="private_key_jwt")
    client.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"], alg="ES256"))
    return client


def exchange(client, subject=SUBJECT, **more):
    form = {"subject_token": subject, "subject_token_type": ACCESS, "audience": AUDIENCE, **more}
    return client.fetch_token(metadata["token_endpoint"], grant_type=GRANT, **form)


def refused(code, act):
    try:
        answer = act()
    except OAuthError as error:
        assert error.error == code, error
        return
    raise AssertionError(f"{code} was not raised: {answer}")


for client, name in ((web(), "web"), (batch(), "batch")):
    answer = exchange(client)
    assert answer["issued_token_type"] == ACCESS and answer["token_type"] == "Bearer", answer
    assert answer["scope"] == "docs:read" and 0 < answer["expires_in"] <= 300, answer
    token = jwt.decode(answer["access_token"], keys, algorithms=["ES256"])
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        sub={"essential": True, "value": "alice"},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
        client_id={"essential": True, "value": name},
        scope={"essential": True, "value": "docs:read"},
    )
    rules.validate(token.claims)
    assert token.header["typ"] == "at+jwt", token.header
    assert token.claims["act"] == {"sub": name}, token.claims
    assert token.claims["portcullis_root"]["jti"] == "root", token.claims
    assert token.claims["exp"] <= time.time() + 300

refused("invalid_scope", lambda: exchange(web(), scope="hr:read"))
refused("invalid_target", lambda: exchange(web(), audience="https://other.test"))
refused("invalid_request", lambda: exchange(web(), subject="x.y.z"))
wrong = OAuth2Client("web", "not-the-secret-of-the-web", token_endpoint_auth_method="client_secret_basic")
refused("invalid_client", lambda: exchange(wrong))
print("all went as told")

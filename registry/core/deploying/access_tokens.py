"""Tokens of endpoints with ``auth_mode: aml_token``: JWTs that the registry signs and every edge verifies by itself.

A token is one of the endpoint's keys for a time: its claim ``key`` is how that key's hash begins. So what the key may
do holds for the token, and a key that is regenerated or deleted takes its tokens along.
"""

import msgspec

from registry.core.deploying.keys import KeyHash
from registry.core.security.rs256 import PrivateKey, decode, encode, verify

LIFETIME_S = 3600
SKEW_S = 30  # by which the clocks of the registry and an edge may differ
KEY_ID_LENGTH = 32  # hexadecimal digits; a key's own hash has 64, so neither is ever taken for the other

_HEADER = encode(b'{"alg":"RS256","typ":"JWT"}')


class AccessToken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What Azure ML's ``get-credentials`` prints; times are Unix seconds. From the refresh time on, ask for another."""

    access_token: str
    expiry_time_utc: int
    refresh_after_time_utc: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme of the header


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says: for which endpoint, by which key of it, to whom, from when and until when."""

    iss: str = "slipway"
    aud: str
    sub: str
    key: str
    iat: int
    exp: int
    jti: str


def key_id(sha256: str) -> str:
    """Return how a token names a key, by the key's hash."""
    return sha256[:KEY_ID_LENGTH]


def issue(
    signing: PrivateKey,
    endpoint: str,
    key: KeyHash,
    *,
    to: str,
    token_id: str,
    now_s: int,
    for_s: int = LIFETIME_S,
) -> AccessToken:
    """Sign a token. It ends with its key, if that is sooner."""
    end_s = now_s + for_s
    if key.rules.expires_ms is not None:
        end_s = min(end_s, key.rules.expires_ms // 1000)
    claims = Claims(aud=endpoint.lower(), sub=to, key=key_id(key.sha256), iat=now_s, exp=end_s, jti=token_id)
    signed = f"{_HEADER}.{encode(msgspec.json.encode(claims))}"
    token = f"{signed}.{encode(signing.sign(signed.encode()))}"
    refresh_s = now_s + max(0, end_s - now_s) // 2
    return AccessToken(access_token=token, expiry_time_utc=end_s, refresh_after_time_utc=refresh_s)


def read_token(public: str, token: str, now_ms: int) -> Claims | None:
    """Return the claims of a token that holds now; None of anything else.

    The edge's rules do the same (``keys.j2``).
    """
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if header != _HEADER or not public or not verify(public, signed.encode(), decode(signature) or b""):
        return None
    try:
        claims = msgspec.json.decode(decode(payload) or b"", type=Claims)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return claims if claims.iat - SKEW_S <= now_ms / 1000 < claims.exp + SKEW_S else None

"""Who looks at the console: somebody with an access key, remembered by an encrypted cookie."""

import hmac
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "darkroom"
SECONDS = 12 * 3600
SecretOf = Callable[[str], str | None]


class SignIn:
    """Checks keys, and makes and reads cookies."""

    def __init__(self, vault: Fernet, secret_of: SecretOf) -> None:
        """Take what encrypts cookies, and what knows secrets."""
        self._vault, self._secret_of = vault, secret_of

    def is_right(self, key_id: str, secret: str) -> bool:
        """Say whether key and secret belong together."""
        known = self._secret_of(key_id)
        return hmac.compare_digest((known or "").encode(), secret.encode()) and known is not None

    def remember(self, response: Response, request: Request, key_id: str) -> None:
        """Put the cookie on a response: no script reads it, no other site sends it."""
        token = self._vault.encrypt(f"console {key_id}".encode()).decode()
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, token, SECONDS, httponly=True, samesite="strict", secure=secure)

    def key_of(self, request: Request) -> str | None:
        """Return the access key of the request's cookie, None if it is none, too old, or the key was deleted."""
        try:
            token = self._vault.decrypt(request.cookies.get(COOKIE, "").encode(), ttl=SECONDS)
        except InvalidToken:
            return None
        kind, _, key_id = token.decode().partition(" ")
        return key_id if kind == "console" and self._secret_of(key_id) else None

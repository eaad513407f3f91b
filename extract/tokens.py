"""Tokens that are minted in this process and stored nowhere."""

import threading
import time
from collections.abc import Callable

from extract.api import TIMEOUT_S, Unauthorized, opened, read_body
from extract.settings import setting_name

MARGIN_S = 300
"""A token is good for this much longer when it is used, or for half of its life."""


class MintedToken:
    """A token that is minted when it is needed, and again before it expires.

    Args:
        mint: Returns a token and for how many seconds it lives.
    """

    def __init__(self, mint: Callable[[], tuple[str, float]]) -> None:
        self.mint = mint
        self.lock = threading.Lock()
        self.given = threading.local()
        self.token = ""
        self.good_until = float("-inf")

    def headers(self, renew: bool) -> dict[str, str]:
        """Return the header that carries a good token.

        Several threads may be refused at once: the first of them mints, the others take its token.

        Raises:
            Unauthorized: What the token is minted with is wrong.
        """
        with self.lock:
            is_refused = renew and self.given.__dict__.get("token") == self.token
            if is_refused or time.monotonic() > self.good_until:
                self.token, life = self.mint()
                self.good_until = time.monotonic() + max(life - MARGIN_S, life / 2)
            self.given.token = self.token
            return {"Authorization": f"Bearer {self.token}"}


def client_token(source: str, url: str, client_id: str, client_secret: str) -> MintedToken:
    """Return the token of a service account, minted by OAuth client credentials.

    Args:
        source: Name of the source, for messages.
        url: Where tokens are minted.
        client_id: Id of the client.
        client_secret: Its secret.
    """
    name = setting_name(source, "client_secret")
    client = {"client_id": client_id, "client_secret": client_secret}

    def mint() -> tuple[str, float]:
        with opened(url) as session:
            reply = session.post(
                url,
                data={"grant_type": "client_credentials", **client},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            read_body(reply, f"{source}: {url}")
        if 300 <= reply.status_code < 500:
            raise Unauthorized(f"{name}: {url} refused the client ({reply.status_code})")
        reply.raise_for_status()
        try:
            answer = reply.json()
            token = answer["access_token"]
        except (ValueError, LookupError, TypeError):
            raise Unauthorized(f"{name}: {url} answered without a token") from None
        return token, float(answer.get("expires_in") or 1800)

    return MintedToken(mint)

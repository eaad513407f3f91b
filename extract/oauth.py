"""OAuth tokens by client credentials, minted in this process and nowhere stored."""

import threading
import time

from extract.api import TIMEOUT_S, Refused, opened
from extract.settings import setting_name


class ClientToken:
    """The token of a service account: minted when needed, anew before it expires.

    Args:
        source: Name of the source, for messages.
        url: Where tokens are minted.
        client_id: Id of the client.
        client_secret: Its secret.
    """

    def __init__(self, source: str, url: str, client_id: str, client_secret: str) -> None:
        self.source = source
        self.url = url
        self.client = {"client_id": client_id, "client_secret": client_secret}
        self.lock = threading.Lock()
        self.given = threading.local()
        self.token = ""
        self.good_until = float("-inf")

    def headers(self, renew: bool) -> dict[str, str]:
        """Return the header that carries a token which is good for five more minutes.

        Several threads may be refused at once: the first of them mints, the others take its token.

        Raises:
            Refused: The client's id or secret is wrong.
        """
        with self.lock:
            is_refused = renew and self.given.__dict__.get("token") == self.token
            if is_refused or time.monotonic() > self.good_until:
                self._mint()
            self.given.token = self.token
            return {"Authorization": f"Bearer {self.token}"}

    def _mint(self) -> None:
        with opened(self.url) as session:
            reply = session.post(
                self.url,
                data={"grant_type": "client_credentials", **self.client},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        name = setting_name(self.source, "client_secret")
        if 300 <= reply.status_code < 500:
            raise Refused(f"{name}: {self.url} refused the client ({reply.status_code})")
        reply.raise_for_status()
        try:
            answer = reply.json()
            self.token = answer["access_token"]
        except (ValueError, LookupError, TypeError):
            raise Refused(f"{name}: {self.url} answered without a token") from None
        life = float(answer.get("expires_in") or 1800)
        self.good_until = time.monotonic() + max(life - 300, life / 2)

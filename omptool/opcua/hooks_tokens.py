"""Until when messages under an old security token are taken: by a clock that nobody sets, from when the token came.

asyncua holds the moment at which the *server* says it made a token against our clock, so that a server whose clock is
far behind, or ours when it is set, has its messages refused at every renewal, and loses its connection. `hooks` lists
the attributes of asyncua that are touched here. Like that module this one decides nothing else.
"""

from __future__ import annotations

import time
from typing import Any

from asyncua import ua
from asyncua.common.connection import SecureConnection
from asyncua.ua.uaerrors import UaError

GRACE = 1.25
"""An expired token is taken for a quarter of its lifetime more (Part 4, 5.5.2.1): what was sent may still be on its
way."""


class OwnTimeConnection(SecureConnection):
    """A client's channel, with times of its own for tokens."""

    def __init__(self, plain: SecureConnection) -> None:
        super().__init__(plain.security_policy, plain._limits)
        self._came: dict[int, float] = {}

    def set_channel(self, params: Any, request_type: ua.SecurityTokenRequestType, client_nonce: bytes) -> None:
        """A token came: the first one, or the next."""
        super().set_channel(params, request_type, client_nonce)
        held = {token.TokenId for token in (self.security_token, self.prev_security_token)}
        self._came = {number: at for number, at in self._came.items() if number in held}
        self._came[params.SecurityToken.TokenId] = time.monotonic()

    def _check_sym_header(self, security_hdr: ua.SymmetricAlgorithmHeader) -> None:
        old, number = self.prev_security_token, security_hdr.TokenId
        came = self._came.get(number)
        is_old = number == old.TokenId and number not in (self.security_token.TokenId, self.next_security_token.TokenId)
        if not is_old or came is None:
            super()._check_sym_header(security_hdr)
        elif time.monotonic() - came > GRACE * old.RevisedLifetime / 1000:
            raise UaError(f"security token {number} ended long ago")

"""A server's side of digest authentication (RFC 7616), which computes for itself what it wants."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import unquote

from aiohttp import web

_FIELD = re.compile(r"([A-Za-z*]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^,\s]+))")
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass
class DigestGuard:
    """Lets in who knows the password; nonces are good for ``uses``, and each count of one once."""

    users: dict[str, str]
    realm: str = 'the "inner" realm'
    algorithm: str = "SHA-256"
    qop: str | None = "auth"
    opaque: str | None = "opaque"
    more: str = ""
    """What else the challenge says."""
    uses: int = 1000
    tells_next: bool = False
    other_challenges: tuple[str, ...] = ()
    seen: list[dict[str, str]] = field(default_factory=list)
    """The fields of each answer that came."""
    unauthenticated: int = 0
    refused: list[str] = field(default_factory=list)
    _counts: dict[str, set[int]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    async def check(self, request: web.Request) -> web.Response:
        """An answer for who is let in, and a challenge for who is not."""
        header = request.headers.get("Authorization", "")
        if not header.startswith("Digest "):
            self.unauthenticated += 1
            assert not header
            return self._challenge()
        fields = {
            name: plain or re.sub(r"\\(.)", r"\1", quoted)
            for name, quoted, plain in _FIELD.findall(header[7:])
        }
        self.seen.append(fields)
        wrong = self._wrong(request, fields, await request.read())
        if wrong is not None:
            self.refused.append(wrong)
            return self._challenge(stale=wrong == "stale")
        headers = {"Authentication-Info": f'nextnonce="{self._nonce()}"'} if self.tells_next else {}
        return web.json_response({"ok": True}, headers=headers)

    def forget(self) -> None:
        """No nonce that was given so far is good any more."""
        self._counts.clear()

    def _nonce(self) -> str:
        nonce = f"nonce-{next(self._numbers)}"
        self._counts[nonce] = set()
        return nonce

    def _challenge(self, *, stale: bool = False) -> web.Response:
        fields = [
            f'realm="{self._escaped_realm()}"',
            f'nonce="{self._nonce()}"',
            f"algorithm={self.algorithm}",
        ]
        fields += [f'qop="{self.qop}"'] if self.qop else []
        fields += [f'opaque="{self.opaque}"'] if self.opaque else []
        fields += ["stale=true"] if stale else []
        fields += [self.more] if self.more else []
        response = web.Response(status=401, text="who are you?")
        for challenge in (*self.other_challenges, "Digest " + ", ".join(fields)):
            response.headers.add("WWW-Authenticate", challenge)
        return response

    def _escaped_realm(self) -> str:
        return self.realm.replace("\\", "\\\\").replace('"', '\\"')

    def _wrong(self, request: web.Request, fields: dict[str, str], body: bytes) -> str | None:
        counts = self._counts.get(fields["nonce"])
        if counts is None or len(counts) >= self.uses:
            return "stale"
        user = self._user(fields)
        if user is None or fields["realm"] != self.realm or fields["uri"] != request.raw_path:
            return "user, realm or uri"
        if fields.get("opaque") != self.opaque or fields.get("algorithm", "MD5") != self.algorithm:
            return "opaque or algorithm"
        secret = self._hash(f"{user}:{self.realm}:{self.users[user]}".encode())
        if self.algorithm.endswith("-sess"):
            secret = self._hash(f"{secret}:{fields['nonce']}:{fields['cnonce']}".encode())
        what = f"{request.method}:{request.raw_path}"
        if fields.get("qop") == "auth-int":
            what += f":{self._hash(body)}"
        use = ""
        if self.qop is not None:
            if fields["qop"] not in self.qop.split(", ") or len(fields["nc"]) != 8 or not fields["cnonce"]:
                return "qop, nc or cnonce"
            use = f"{fields['nc']}:{fields['cnonce']}:{fields['qop']}:"
            number = int(fields["nc"], 16)
            if number in counts or number < 1:
                return "replayed"
            counts.add(number)
        wanted = self._hash(f"{secret}:{fields['nonce']}:{use}{self._hash(what.encode())}".encode())
        return None if wanted == fields["response"] else "response"

    def _user(self, fields: dict[str, str]) -> str | None:
        if fields.get("userhash") == "true":
            hashed = {self._hash(f"{user}:{self.realm}".encode()): user for user in self.users}
            return hashed.get(fields["username"])
        if "username*" in fields:
            user = unquote(fields["username*"].removeprefix("UTF-8''"))
        else:
            user = fields["username"]
        return user if user in self.users else None

    def _hash(self, content: bytes) -> str:
        return hashlib.new(_HASHES[self.algorithm.removesuffix("-sess")], content).hexdigest()

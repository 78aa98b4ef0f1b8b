"""Certificates: an authority of the test's own, and servers that it vouches for."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Signs for hosts; ``file`` is what PGWORKER_CA_FILE names to trust it."""

    def __init__(self, file: Path) -> None:
        self._authority = trustme.CA()
        self.file = file
        self._authority.cert_pem.write_to_path(str(file))

    def context_for(self, *hosts: str) -> ssl.SSLContext:
        """The server's side of TLS for these hosts."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*hosts).configure_cert(context)
        return context

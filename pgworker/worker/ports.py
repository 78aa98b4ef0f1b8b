"""Ports of the status page: each engine process of a supervisor takes one of a range."""

from __future__ import annotations

import errno
import socket

from pgworker.errors import SettingsError
from pgworker.settings import Settings

_LAST = 65_535
_HINT = "Set PGWORKER_STATUS_PORT to another one; each engine process takes one, from there on."


def status_ports(settings: Settings) -> range:
    """The ports that the engine processes share out; there has to be a status page."""
    assert settings.status_port is not None
    return range(settings.status_port, settings.status_port + settings.processes)


def check_ports(host: str, ports: range) -> None:
    """Raises ``SettingsError`` if not all of them can be listened at.

    Processes that find none would be started again and again.
    """
    if ports[-1] > _LAST:
        raise SettingsError(
            f"the status page needs the ports {ports[0]} to {ports[-1]}, and {_LAST} is the last",
            hint=_HINT,
        )
    for port in ports:
        try:
            _listen(host, port)
        except OSError as error:
            raise unusable(host, ports, port, error) from error


def unusable(host: str, ports: range, port: int, error: OSError) -> SettingsError:
    """What is told of a port that cannot be listened at."""
    if error.errno == errno.EADDRINUSE:
        last = f" to {ports[-1]}" if len(ports) > 1 else ""
        return SettingsError(
            f"the status page needs the port {ports[0]}{last} of {host}, and {port} is taken",
            hint=_HINT,
        )
    return SettingsError(
        f"the status page cannot be served on {host}, port {port}: {error.strerror}",
        hint="See PGWORKER_STATUS_HOST and PGWORKER_STATUS_PORT.",
    )


def _listen(host: str, port: int) -> None:
    """Listens at a port of each address of the host, as the page will, and no longer than this takes."""
    for family, type_, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        with socket.socket(family, type_, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(1)

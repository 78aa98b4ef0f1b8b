"""Where a gRPC call goes: a channel to addresses that were checked, with TLS or without."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import grpc
import grpc.aio

from pgworker.activities.connector import addresses_of
from pgworker.activities.grpc.target import Target
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.request import USER_AGENT


async def open_channel(target: Target, policy: HttpPolicy) -> grpc.aio.Channel:
    """A channel of one call's own; raises ``Fault`` if nothing may be connected to."""
    address = _address(await addresses_of(target.host, target.port, policy))
    options = _options(target, policy)
    if not target.secure:
        return grpc.aio.insecure_channel(address, options)
    trusted = await asyncio.to_thread(_trusted, policy.ca_file)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trusted), options)


def _address(found: Sequence[tuple[str, int]]) -> str:
    """In digits, so that nothing is resolved again; a target has addresses of one family."""
    version = ip_address(found[0][0].partition("%")[0]).version
    alike = [one for one in found if ip_address(one[0].partition("%")[0]).version == version]
    shown = [f"{host}:{port}" if version == 4 else f"[{host}]:{port}" for host, port in dict.fromkeys(alike)]
    return f"ipv{version}:" + ",".join(shown)


def _options(target: Target, policy: HttpPolicy) -> list[tuple[str, str | int]]:
    options: list[tuple[str, str | int]] = [
        ("grpc.default_authority", f"{target.host}:{target.port}"),
        ("grpc.primary_user_agent", USER_AGENT),
        # no proxy of the environment, nothing sent again on its own, nothing shared with other calls
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        # nothing compressed, whose size would be known too late
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.max_receive_message_length", policy.max_response_bytes),
        ("grpc.max_metadata_size", policy.max_header_bytes),
        # the time that one attempt to connect has
        ("grpc.min_reconnect_backoff_ms", int(policy.connect_timeout * 1000)),
    ]
    if target.secure:
        options.append(("grpc.ssl_target_name_override", target.host))
    return options


@cache
def _trusted(ca_file: Path | None) -> bytes | None:
    """The certificates of the operator or of the system; None, for those that gRPC brings, if it has none."""
    if ca_file is not None:
        return ca_file.read_bytes()
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in found).encode() or None

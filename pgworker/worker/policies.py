"""Policies: what activities may do, by the settings."""

from __future__ import annotations

from pgworker.activities.policy import HttpPolicy, parse_connect_to, parse_networks
from pgworker.activities.processes.policy import ProcessPolicy, parse_run_allow
from pgworker.activities.trust import trusted
from pgworker.settings import Settings
from pgworker.store.readiness import connection_parameters
from pgworker.worker.janitor import parse_retention
from pgworker.worker.ports import check_ports, status_ports


def check_settings(settings: Settings) -> None:
    """Raises ``SettingsError`` for what a worker could not begin its work with."""
    parse_retention(settings.retention)
    process_policy(settings)
    trusted(http_policy(settings))
    if settings.listen_url is not None:
        connection_parameters(settings.listen_url, "PGWORKER_LISTEN_URL")
    if settings.status_port is not None:
        check_ports(settings.status_host, status_ports(settings))


def http_policy(settings: Settings) -> HttpPolicy:
    """What HTTP calls may reach, by the settings; raises ``SettingsError``."""
    return HttpPolicy(
        allow_private=parse_networks(settings.http_allow_private),
        connect_to=parse_connect_to(settings.http_connect_to),
        ca_file=settings.ca_file,
        connections=max(settings.concurrency, 1),
        host_connections=settings.host_concurrency,
        failures=settings.breaker_failures,
    )


def process_policy(settings: Settings) -> ProcessPolicy:
    """Which processes workflows may run, by the settings; raises ``SettingsError``."""
    return ProcessPolicy(
        allowed=parse_run_allow(settings.run_allow), container_host=settings.docker_host or None
    )

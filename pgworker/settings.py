"""Settings: from the environment, with the prefix ``PGWORKER_``."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pgworker.errors import SettingsError

_LONGEST_NAME_BYTES = 63
_LEAST_MEGABYTES = 256
_PREFIX = "PGWORKER_"
_OTHERS = ("PGWORKER_SECRET_", "PGWORKER_TEST_", "PGWORKER_BLACK_BOX")
"""Names that begin so are no settings, and not mistyped."""

NO_DATABASE = "no database is set"
DATABASE_HINT = (
    "Set PGWORKER_DATABASE_URL, such as postgresql://user:password@host/database,"
    " or the PG* variables of libpq."
)


class Settings(BaseSettings):
    """All settings; every field can be set as ``PGWORKER_`` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", populate_by_name=True)

    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_DATABASE_URL", "DATABASE_URL"),
        description="Connection string of the database.",
    )
    listen_url: str | None = Field(
        default=None, description="Connection string for LISTEN, if a transaction pooler sits in front."
    )
    db_schema: str = Field(
        default="pgworker",
        validation_alias="PGWORKER_SCHEMA",
        min_length=1,
        description="Schema that holds the engine's tables and functions.",
    )
    worker_id: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_WORKER_ID", "WORKER_ID"),
        description="The worker's id; host, pid and a random suffix if it is not set.",
    )
    concurrency: int = Field(
        default=10,
        ge=1,
        le=10_000,
        validation_alias=AliasChoices("PGWORKER_CONCURRENCY", "CONCURRENCY"),
        description="Activities that one process performs at once.",
    )
    processes: int = Field(default=1, ge=1, le=256, description="Engine processes of one worker command.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        validation_alias=AliasChoices("PGWORKER_LOG_LEVEL", "LOG_LEVEL"),
        description="What is logged.",
    )
    log_format: Literal["text", "json"] | None = Field(
        default=None, description="How: text on a terminal and json otherwise, if it is not set."
    )
    lease_seconds: float = Field(
        default=30, ge=0.5, le=604_800, description="How long an activity's lease lasts; a week at most."
    )
    poll_seconds: float = Field(
        default=1, ge=0.05, le=3600, description="How often an idle worker looks unasked."
    )
    grace_seconds: float = Field(
        default=10, ge=0, le=604_800, description="How long a stopping worker lets running activities finish."
    )
    max_attempts: int = Field(
        default=5, ge=1, description="Attempts of an activity that may be lost to dead workers."
    )
    turn: Literal["workflow", "task"] = Field(
        default="workflow",
        description="What is committed together: all tasks of a workflow that can run, or each task alone.",
    )
    batch: int = Field(default=50, ge=1, le=1000, description="Workflows that one turn takes at most.")
    cache_megabytes: int = Field(default=256, ge=1, description="Memory for the states of workflows.")
    memory_megabytes: int = Field(
        default=2048,
        ge=0,
        description="Memory of one engine process: an expression that wants more fails; 0 sets no limit,"
        " and less than 256 is too little to begin with.",
    )
    max_history: int = Field(
        default=1_000_000, ge=1000, description="Events after which a workflow fails, as it may never end."
    )
    retention: str = Field(
        default="",
        description="How long workflows are kept after their end: 30d, or completed=7d,failed=90d;"
        " for ever if not set.",
    )
    http_connect_to: str = Field(
        default="", description="HOST:PORT:HOST2:PORT2,...: where connections go instead."
    )
    http_allow_private: str = Field(
        default="",
        description="Networks that calls may reach although they are private; all means every one.",
    )
    host_concurrency: int = Field(
        default=0,
        ge=0,
        description="HTTP calls to one host at once, in one process, redirects, MCP and published messages"
        " among them, but not subscriptions; 0 sets no limit.",
    )
    breaker_failures: int = Field(
        default=0,
        ge=0,
        description="HTTP calls to a host that fail in a row before it is left alone for a while; 0: never.",
    )
    ca_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_CA_FILE", "SSL_CERT_FILE"),
        description="Certificates to trust instead of the system's.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of the secrets that calls may use, one file each; the environment's"
        " PGWORKER_SECRET_<NAME> are found without it.",
    )
    resources_dir: Path | None = Field(
        default=None,
        description="Folder that file: URIs of external resources may lead into; none if not set.",
    )
    status_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Port for /livez, /readyz and /metrics; of several engine processes each takes the next."
        " None if not set.",
    )
    status_host: str = Field(default="127.0.0.1", min_length=1, description="Address of that port.")
    otel_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        pattern="^https?://[^/]+",
        description="Base URL of the OTLP/HTTP collector that traces go to; none are made if not set.",
    )
    executor_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_EXECUTOR_URL", "EXECUTOR_URL"),
        pattern="^https?://[^/]+",
        description="Where activities are performed; in the worker if not set.",
    )
    executor_token: str | None = Field(
        default=None, min_length=1, repr=False, description="What workers show to the executor."
    )
    functions: str = Field(
        default="",
        description="Python functions that documents may call: a list of MODULE or MODULE:WORKER.",
    )
    function_wait_seconds: float = Field(
        default=60,
        ge=0,
        le=604_800,
        description="How long a worker leaves calls of a function that it does not have to others.",
    )
    run_allow: str = Field(
        default="",
        description="Which processes workflows may run on this host: a list of shell, script and container.",
    )
    docker_host: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PGWORKER_DOCKER_HOST", "DOCKER_HOST"),
        description="unix://PATH of the container engine; the usual sockets are tried if it is not set.",
    )
    eventstore_type: Literal["postgresql"] = Field(
        default="postgresql",
        validation_alias=AliasChoices("PGWORKER_EVENTSTORE_TYPE", "EVENTSTORE_TYPE"),
        description="Where events are kept.",
    )
    embedded_dir: Path | None = Field(
        default=None,
        description="Folder of the embedded PostgreSQL; below the user's data folder if not set.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("db_schema")
    @classmethod
    def _fits(cls, value: str) -> str:
        if len(value.encode()) > _LONGEST_NAME_BYTES:
            raise ValueError(f"PostgreSQL cuts names after {_LONGEST_NAME_BYTES} bytes")
        if value == "$user":
            raise ValueError("on a search path this is the schema of whoever is logged in")
        return value

    @field_validator("memory_megabytes")
    @classmethod
    def _begins(cls, value: int) -> int:
        if 0 < value < _LEAST_MEGABYTES:
            raise ValueError(f"an engine process needs {_LEAST_MEGABYTES} to begin with; 0 sets no limit")
        return value

    @classmethod
    def load(cls) -> Settings:
        """The settings of this environment; raises ``SettingsError`` that names the first wrong one."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            shown = name if name.isupper() else f"PGWORKER_{name.upper()}"
            raise SettingsError(
                f"{shown} is {first['input']!r}: {first['msg']}",
                hint="See the list of settings in the README.",
            ) from error

    @classmethod
    def strangers(cls, environment: Mapping[str, str]) -> dict[str, str | None]:
        """The names in an environment that look like settings and are none, and which may be meant."""
        known = {
            name for field, info in cls.model_fields.items() for name in _names(field, info.validation_alias)
        }
        odd = [
            name
            for name in environment
            if name.startswith(_PREFIX) and name not in known and not name.startswith(_OTHERS)
        ]
        return {name: next(iter(get_close_matches(name, known, n=1)), None) for name in sorted(odd)}

    @property
    def has_database(self) -> bool:
        """Whether a database is set, by URL or by libpq's variables."""
        return bool(self.database_url) or any(
            os.environ.get(name) for name in ("PGHOST", "PGDATABASE", "PGSERVICE", "PGPORT", "PGUSER")
        )

    @property
    def database(self) -> str:
        """The connection string; raises ``SettingsError`` if none is set."""
        if not self.has_database:
            raise SettingsError(NO_DATABASE, hint=DATABASE_HINT)
        return self.database_url or ""

    def new_worker_id(self) -> str:
        """The id of this process as a worker."""
        return self.worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _names(field: str, alias: object) -> Iterable[str]:
    match alias:
        case AliasChoices():
            return [choice for choice in alias.choices if isinstance(choice, str)]
        case str():
            return [alias]
        case _:
            return [f"{_PREFIX}{field.upper()}"]

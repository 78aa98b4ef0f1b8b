"""The reference, made from the code; ``make reference`` writes it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import typer
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperGroup
from typer.testing import CliRunner

from pgworker.cli import app
from pgworker.settings import Settings

NOTE = "<!-- Written by `make reference`: change the code, not this page. -->"

FUNCTIONS = """
select p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_arguments(p.oid),
       pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')
from pg_proc p
where p.pronamespace = 'pgworker'::regnamespace and has_function_privilege(%s, p.oid, 'execute')
order by p.proname
"""
RELATIONS = """
select c.relname, case c.relkind when 'v' then 'view' else 'table' end, obj_description(c.oid, 'pg_class'),
       c.oid
from pg_class c
where c.relnamespace = 'pgworker'::regnamespace and c.relkind in ('r', 'v') and c.relname <> 'alembic_version'
order by c.relkind desc, c.relname
"""
COLUMNS = """
select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped order by attnum
"""


def pages(connection: psycopg.Connection) -> dict[str, str]:
    """The text of each page by its file's name; the database has the schema ``pgworker``."""
    return {
        "settings.md": _page("Settings", settings()),
        "commands.md": _page("Commands", commands()),
        "sql.md": _page("SQL", sql(connection)),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", NOTE, "", *lines]).rstrip() + "\n"


def settings() -> Iterator[str]:
    """A table of all settings."""
    yield "All come from the environment. Lists are separated by commas."
    yield ""
    yield "| setting | also read from | if not set | |"
    yield "|---|---|---|---|"
    for field, info in Settings.model_fields.items():
        first, *others = spellings(field, info)
        default = "none" if info.default in (None, PydanticUndefined, "") else str(info.default)
        also = ", ".join(f"`{name}`" for name in others)
        yield f"| `{first}` | {also} | {default} | {_cell(info.description)} |"


def spellings(field: str, info: FieldInfo) -> list[str]:
    """The variables that a setting is read from; ours comes first."""
    if isinstance(info.validation_alias, AliasChoices):
        return [str(choice) for choice in info.validation_alias.choices]
    return [str(info.validation_alias or f"PGWORKER_{field.upper()}")]


def commands() -> Iterator[str]:
    """Every command, as its help shows it."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    yield "Exit codes: 0 done (for `run`: COMPLETED), 1 FAILED or an error, 2 usage, 3 CANCELLED,"
    yield "4 not found, 5 timed out. Lists are tables on a terminal and JSON lines elsewhere; `-o` chooses."
    for name in sorted(name for name, command in group.commands.items() if not command.hidden):
        shown = CliRunner().invoke(app, [name, "--help"], prog_name="pgworker", env={"COLUMNS": "100"})
        lines = [line.rstrip() for line in shown.output.strip().splitlines()]
        yield from ("", f"## {name}", "", "```text", *lines, "```")


def sql(connection: psycopg.Connection) -> Iterator[str]:
    """The functions that clients and readers may execute, and all relations with their columns."""
    for title, role in (("Functions", "pgworker_client"), ("Functions for readers", "pgworker_reader")):
        yield from (f"## {title}", "", f"Granted to `{role}`.", "")
        for name, _, arguments, result, comment in connection.execute(FUNCTIONS, [role]).fetchall():
            yield from (
                f"### {name}",
                "",
                f"`{name}({arguments})` returns `{result}`",
                "",
                _paragraphs(comment),
                "",
            )
    yield from ("## Relations", "", "Granted to `pgworker_reader`, to be read.", "")
    for name, kind, comment, oid in connection.execute(RELATIONS).fetchall():
        yield from (
            f"### {name}",
            "",
            f"A {kind}. {_paragraphs(comment)}",
            "",
            "| column | type | |",
            "|---|---|---|",
        )
        for column, type_, what in connection.execute(COLUMNS, [oid]).fetchall():
            yield f"| `{column}` | {type_} | {_cell(what)} |"
        yield ""


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))

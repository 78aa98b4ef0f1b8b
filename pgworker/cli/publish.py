"""``pgworker publish``: an event for the workflows that listen for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import ask
from pgworker.cli.inputs import DataOption, ExtensionOption, attribute, event_data, extensions, moment
from pgworker.cli.output import Format, write_json

if TYPE_CHECKING:
    from pgworker.client import EventAttributes


def publish(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The event's type, such as order.paid.")],
    *,
    data: DataOption = None,
    source: Annotated[
        str | None, typer.Option(metavar="URI", help="Where it comes from.", show_default="/sql")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Its id: the same source and id is the same event."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it happened, in ISO 8601.", show_default="now"),
    ] = None,
    extension: ExtensionOption = None,
    output: Annotated[
        Format | None, typer.Option("--output", "-o", help="How to write the answer.", show_default="the id")
    ] = None,
) -> None:
    """Publish a CloudEvent; prints our id for it, which is also its own if --id gives none."""
    named = attribute(type_, "type") or ""
    given = event_data(data)
    attributes: EventAttributes = {
        "source": attribute(source, "source"),
        "subject": attribute(subject, "subject"),
        "id": attribute(id_, "id"),
        "time": moment(time),
        "extensions": extensions(extension),
    }
    published = ask(lambda client: client.publish(named, given, **attributes))
    if output in (Format.JSON, Format.JSONL):
        write_json({"id": published})
    else:
        print(published)

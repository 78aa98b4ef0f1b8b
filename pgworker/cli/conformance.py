"""``pgworker conformance``: the specification's conformance kit, run on this engine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pgworker.cli.connect import load_settings, own_database
from pgworker.cli.failures import Exit, paragraph
from pgworker.cli.output import Format, OutputOption, chosen, write_list
from pgworker.cli.run import log_trouble_only

if TYPE_CHECKING:
    from pgworker.conformance.features import Scenario
    from pgworker.conformance.report import Verdict

_COLUMNS: Final[dict[str, Callable[[Verdict], object]]] = {
    "feature": lambda row: row.feature,
    "scenario": lambda row: row.scenario,
    "result": lambda row: row.result,
    "reason": lambda row: row.reason,
}


def conformance(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A folder of feature files."),
    ],
    *,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, metavar="SECONDS", help="How long a scenario may take.")
    ] = 30,
    output: OutputOption = None,
) -> None:
    """Run the feature files of a conformance kit and tell which scenarios pass; exits with 1 if one does not.

    Without a database in the settings, an embedded PostgreSQL is started.
    """
    scenarios = _scenarios(folder)
    verdicts = _verdicts(scenarios, timeout)
    write_list(verdicts, _COLUMNS, output)
    failed = [verdict for verdict in verdicts if not verdict.is_passed]
    if chosen(output) is Format.TABLE and sys.stdout.isatty():
        for one in failed:  # the table is cut where the terminal ends
            paragraph(f"{one.file}:{one.line}: {one.scenario}: {one.reason}")
    typer.echo(f"{len(verdicts) - len(failed)} of {len(verdicts)} scenarios passed", err=True)
    if failed:
        raise typer.Exit(Exit.FAILED)


def _scenarios(folder: Path) -> Sequence[Scenario]:
    from pgworker.conformance.features import read_features

    scenarios = read_features(folder)
    if not scenarios:
        raise typer.BadParameter(f"the folder {folder} has no features: no *.feature", param_hint="DIR")
    return scenarios


def _verdicts(scenarios: Sequence[Scenario], timeout: float) -> Sequence[Verdict]:
    from pgworker.conformance.run import run_scenarios

    settings = load_settings()
    log_trouble_only(settings)
    with own_database(settings) as prepared:
        return asyncio.run(run_scenarios(prepared, scenarios, timeout))

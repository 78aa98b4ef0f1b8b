"""Feature files, as scenarios: the only module that knows the Gherkin parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gherkin import Compiler, Parser
from gherkin.errors import CompositeParserException, ParserException
from gherkin.parser_types import Envelope, GherkinDocument, Step
from gherkin.pickles.compiler import (
    GherkinDocumentWithURI,
    Pickle,
    PickleArgumentDocStringEnvelope,
    PickleStep,
    is_background_container,
    is_rule_container,
    is_scenario_container,
)

from pgworker.errors import FeatureError


@dataclass(frozen=True, slots=True)
class DocString:
    """The text that stands below a step in triple quotes, and the media type beside them."""

    text: str
    media_type: str | None


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step as it is written, without its keyword."""

    text: str
    line: int
    doc: DocString | None = None
    has_table: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of a feature; outlines come as one for each of their examples, with background steps."""

    feature: str
    name: str
    file: Path
    line: int
    steps: tuple[WrittenStep, ...]


def read_features(folder: Path) -> list[Scenario]:
    """The scenarios of all feature files below a folder, in the order of their names.

    Raises ``FeatureError`` for a file that cannot be parsed, ``OSError`` for one that cannot be read.
    """
    files = sorted(path for path in folder.rglob("*.feature") if path.is_file())
    return [scenario for path in files for scenario in read_feature(path)]


def read_feature(path: Path) -> list[Scenario]:
    """The scenarios of one file, of which there is at least one."""
    document = _parsed(path)
    if "feature" not in document:
        raise FeatureError(f"{path}:1: there is no feature in this file")
    feature = document["feature"]
    lines = {step["id"]: step["location"]["line"] for step in _steps(feature["children"])}
    pickles = Compiler().compile(
        GherkinDocumentWithURI(feature=feature, comments=document["comments"], uri=str(path))
    )
    if not pickles:
        raise FeatureError(f"{path}:{feature['location']['line']}: the feature has no scenarios")
    return [_scenario(feature["name"], path, pickle, lines) for pickle in pickles]


def _parsed(path: Path) -> GherkinDocument:
    try:
        return Parser().parse(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FeatureError(f"{path}:{line}: the text is not valid UTF-8", hint="Save it as UTF-8.") from None
    except CompositeParserException as error:
        raise _refused(path, error.errors[0]) from None
    except ParserException as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: ParserException) -> FeatureError:
    _, _, message = str(error).partition("): ")  # the parser puts its own line and column before
    return FeatureError(f"{path}:{error.location['line']}: {message}")


def _steps(children: Iterable[Envelope]) -> Iterator[Step]:
    for child in children:
        if is_rule_container(child):
            yield from _steps(child["rule"]["children"])
        elif is_background_container(child):
            yield from child["background"]["steps"]
        elif is_scenario_container(child):
            yield from child["scenario"]["steps"]


def _scenario(feature: str, path: Path, pickle: Pickle, lines: dict[str, int]) -> Scenario:
    steps = tuple(_step(step, lines[step["astNodeIds"][0]]) for step in pickle["steps"])
    return Scenario(feature, pickle["name"], path, pickle["location"]["line"], steps)


def _step(step: PickleStep, line: int) -> WrittenStep:
    argument = step.get("argument")
    doc = None
    if argument is not None and "docString" in argument:
        found = cast(PickleArgumentDocStringEnvelope, argument)["docString"]
        doc = DocString(found["content"] or "", found.get("mediaType") or None)
    return WrittenStep(step["text"], line, doc, has_table=argument is not None and "dataTable" in argument)

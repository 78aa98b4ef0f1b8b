"""The conformance kit of the specification passes, with the error types of either of its homes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pgworker.conformance.features import read_features
from pgworker.conformance.run import run_scenarios
from pgworker.settings import Settings
from tests.conformance.outside import Outside

KIT = Path(__file__).parents[3] / "shared" / "spec" / "ctk"
CALLS = {
    "GET petstore.swagger.io/v2/pet/findByStatus?status=available",
    "GET petstore.swagger.io/v2/pet/1",
    "GET petstore.swagger.io/v2/pet/2",
    "GET petstore.swagger.io/v2/pet/getPetByName/Milou",
    "GET petstore.swagger.io/v2/swagger.json",
    "GET httpbin.org/basic-auth/serverless-workflow/conformance-test",
}


@pytest.mark.parametrize("replacements", [None, "features-1.0.3"])
async def test_every_scenario_of_the_kit_passes(replacements, database_url, tmp_path):
    if not (KIT / "features").is_dir():
        pytest.skip("the conformance kit is not there: ../shared/spec/ctk/features beside this checkout")
    features = tmp_path / "features"
    shutil.copytree(KIT / "features", features)
    if replacements is not None:
        shutil.copytree(KIT / replacements, features, dirs_exist_ok=True)
    async with Outside().open(tmp_path) as outside:
        settings = Settings(database_url=database_url, poll_seconds=0.2, **outside.settings)
        verdicts = await run_scenarios(settings, read_features(features), limit=20)
    failed = [f"{one.feature} / {one.scenario}: {one.reason}" for one in verdicts if not one.is_passed]
    assert failed == []
    assert len(verdicts) == 21
    assert set(outside.asked) == CALLS

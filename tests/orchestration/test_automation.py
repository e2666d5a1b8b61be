"""Which artifacts Dagster may make by itself, and what is said of them."""

from __future__ import annotations

import fake_method

from orchestration.assembly import build_definitions


def test_the_sensor_names_everything_that_carries_the_condition() -> None:
    defs = build_definitions(fake_method.fake_profile())
    specs = defs.resolve_all_asset_specs()
    cheap = {spec.key.to_user_string() for spec in specs if spec.automation_condition is not None}
    said = str(defs.resolve_sensor_def("automation").description)
    assert "problems" in cheap
    assert set(said.removeprefix("Makes ").partition(" by itself")[0].split(", ")) == cheap

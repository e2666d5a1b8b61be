"""What Dagster loads: the assets of one profile (`GENPRM_PROFILE`, `GENPRM_SET`) with checks, jobs and sensors."""

from __future__ import annotations

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from genprm.profiles import load_profile  # noqa: E402
from orchestration.assembly import build_definitions  # noqa: E402

defs = build_definitions(load_profile())

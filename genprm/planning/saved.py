"""Plans of a profile: made from assumptions, and kept to be compared with what the run spends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from genprm.files import write_text
from genprm.fingerprints import fingerprint
from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import simulated_cost
from genprm.planning.planned import Planned
from genprm.planning.totals import plan
from genprm.settings import OPERATIONAL, Profile, home

SIMULATED = 300
"""Problems simulated for a plan without a pilot."""


class SavedPlan(BaseModel):
    """Planned artifacts, and where their numbers are from, in words."""

    model_config = ConfigDict(frozen=True)

    source: str
    rows: list[Planned]


def plan_from_assumptions(profile: Profile, assumed: Assumptions) -> SavedPlan:
    """The plan of a profile without a pilot."""
    rng = np.random.default_rng(0)
    costs = [simulated_cost(profile, assumed, rng) for _ in range(SIMULATED)]
    source = f"from assumptions ({SIMULATED} simulated problems)"
    return SavedPlan(source=source, rows=plan(profile, costs, assumed))


def plan_path(profile: Profile) -> Path:
    """Where the plan of exactly these settings is kept, made or not."""
    values = profile.model_dump_json(exclude=set(OPERATIONAL))
    return home() / profile.name / "plans" / f"{fingerprint(values)}.json"


def save_plan(profile: Profile, plan: SavedPlan) -> None:
    """Keep a plan in the place of an earlier one for the same settings."""
    write_text(plan_path(profile), plan.model_dump_json(indent=1) + "\n")


def read_plan(profile: Profile) -> SavedPlan | None:
    """The plan that was made last for exactly these settings; None when there is none."""
    path = plan_path(profile)
    return SavedPlan.model_validate_json(path.read_text()) if path.is_file() else None

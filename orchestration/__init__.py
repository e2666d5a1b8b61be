"""Orchestration with Dagster: definitions, resources, staleness, tracking, and the runner behind `genprm run`."""

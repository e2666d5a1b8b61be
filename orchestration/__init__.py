"""Dagster's side of the house: definitions, resources, staleness, tracking, and the runner behind `genprm run`."""

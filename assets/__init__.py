"""One module per artifact of the method, in the order in which they are made.

Each module has one function `define(pipeline)` that gives the Dagster asset for the partitions of one profile. An
asset is thin: it reads its inputs from the store, calls `genprm`, and publishes rows with metadata and checks.

These modules do not postpone annotations (`from __future__ import annotations`): Dagster reads the type of
`context` as an object.
"""

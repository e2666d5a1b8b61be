#!/bin/sh
# The data volume may be new: make the Dagster instance usable before any service looks for it.
set -e
python -c "from orchestration.house import prepare; prepare()"
exec "$@"

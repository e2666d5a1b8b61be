#!/bin/sh
# The data volume may be new: make it a home, with the Dagster instance in it, before any service looks for it.
exec python -c '
import os, sys
from orchestration.home import prepare
from orchestration.services import await_services
await_services(120)
prepare()
os.execvp(sys.argv[1], sys.argv[1:])
' "$@"

"""Several copies of a model that work as one engine.

`balanced.py` is that engine: `routing.py` chooses the copy for a request, which goes to another copy when that one
dies. The copies are processes (`processes.py`, each a `worker.py` with an engine of its own on GPUs of its own,
which `devices.py` shares out) or the addresses of servers (`genprm.engines.remote.servers`).
"""

"""What is not collected where its package is not installed."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("ray") else ["orchestration/ray_worker.py"]

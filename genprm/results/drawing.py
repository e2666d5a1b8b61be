"""Pictures drawn by matplotlib, as base64 PNG for pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any


def png(draw: Callable[[Any], None], width: float = 5.0, height: float = 3.0, dpi: int = 80) -> str:
    """A picture as base64 PNG, `width` by `height` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()

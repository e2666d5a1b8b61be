"""The shape of a model that a profile names."""

from __future__ import annotations

import functools

from genprm.engines import resolve_model
from genprm.engines.loading import load_config
from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of


@functools.cache
def model_shape(model: str) -> ModelShape:
    """The shape of a model: as published, if that is known here, or from its configuration on disk or on the hub.

    Raises:
        EngineError: the configuration cannot be had, or is of an architecture that transformers does not know.
    """
    place = resolve_model(model, weights=False)
    return shape_of(published_config(place) or load_config(place))

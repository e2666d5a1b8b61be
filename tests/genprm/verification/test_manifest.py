"""What a model says of how it is asked."""

from genprm.modes import Mode
from genprm.verification.manifest import model_manifest


def test_a_model_that_names_no_mode_is_asked_in_full() -> None:
    assert model_manifest("miniature/rationale").inference_mode is Mode.FULL

"""What a plan takes for granted where nothing was measured; every number can be changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from genprm.data_sets.rows import InputError
from genprm.settings import Section, Share

Positive = Annotated[float, Field(gt=0.0)]
Amount = Annotated[float, Field(ge=0.0)]
Part = Annotated[float, Field(gt=0.0, le=1.0)]


class Assumptions(Section):
    """For the paper's models on MATH problems. Numbers without a source are round guesses, to be replaced by what a
    pilot or the user's own machines say."""

    problems: Annotated[int, Field(ge=1)] = 7500
    """Problems where the profile sets no limit (MATH train)."""
    problem_tokens: Positive = 100
    """Tokens of a prompt that states a problem."""
    step_tokens: Positive = 60
    """Tokens of one step of a solution."""
    further_steps: Amount = 5.6
    """Mean number of steps beyond two. Released training data: 171K steps in 22.6K solutions, 7.6 each."""
    easy: Positive = 1.2
    hard: Positive = 0.5
    """Pass@1 of the problems is Beta(easy, hard): mean 0.71, many near 1, as a 7B policy is on MATH."""
    invalid: Share = 0.02
    """Sampled solutions that are truncated or misnumbered."""
    strength: float = 1.0
    """How far the completion model is above the policy, in log-odds."""
    recovery: Annotated[float, Field(ge=0.0, le=0.95)] = 0.1
    """Mean factor by which a wrong step reduces the share of rollouts that reach the right answer."""
    judged_step_tokens: Positive = 345
    """Output tokens of one judged step (paper table 9, MATH)."""
    analysis: Share = 0.6
    """Part of these tokens that is the analysis: all that a judge without code writes about a step."""
    executions: Amount = 1.0
    """Code blocks run for a judged step."""
    agree: Share = 0.49
    """Solutions that consensus filtering keeps (the paper drops 51 %)."""
    cases: Annotated[int, Field(ge=1)] = 850
    """Benchmark cases per subset where the profile sets no limit (mean of ProcessBench's subsets)."""
    case_steps: Positive = 7.8
    """Steps of a benchmark case (ProcessBench)."""
    case_judged: Share = 0.67
    """Part of these steps that is judged: up to the first wrong one (ProcessBench, mean of its subsets)."""
    found_wrong: Share = 0.3
    """First solutions that a critic finds wrong (one in three or four is, at the assumed Pass@1)."""
    found_again: Share = 0.6
    """Rewritten solutions that the critic finds wrong again: hard problems stay hard."""
    critique_tokens: Positive = 500
    """Output tokens of the policy's own critique of a solution."""
    answer_problems: Annotated[int, Field(ge=1)] = 500
    """Problems of a set with answers where the profile sets no limit (MATH500)."""
    generated_per_second: Positive = 4600
    """Output tokens a GPU writes a second with a model of 7B, batched (an independent measurement of a 7B GenPRM
    under vLLM: 6.2 steps a second of about 745 tokens). Time per token is in proportion to a model's size."""
    read_per_second: Positive = 30000
    """Prompt tokens a GPU reads a second with such a model."""
    trained_per_second: Positive = 3000
    """Tokens a GPU trains on a second with such a model."""
    bytes_per_token: Positive = 4
    """Text on disk."""
    bandwidth_share: Part = 0.6
    """On named hardware: part of a device's memory bandwidth that decoding reaches."""
    read_share: Part = 0.5
    """Part of a device's peak in bf16 that reading prompts reaches, and that decoding reaches at most."""
    train_share: Part = 0.4
    """Part of that peak that training reaches on one device."""
    tensor_share: Part = 0.9
    """Part of the speed that is left each time the devices that share a model at inference are doubled."""
    shard_share: Part = 0.9
    """Speed of a device that trains with others of its node, as a part of that of one that trains alone."""


def read_assumptions(given: Iterable[str]) -> Assumptions:
    """The assumptions with `name=value` changed.

    Raises:
        InputError: no such assumption, or a value that is not allowed.
    """
    values = {}
    for assignment in given:
        name, equals, text = assignment.partition("=")
        if not equals or name not in Assumptions.model_fields:
            allowed = ", ".join(Assumptions.model_fields)
            raise InputError(f"--assume {assignment!r}, allowed: NAME=VALUE with one of {allowed}")
        values[name] = yaml.safe_load(text)
    try:
        return Assumptions.model_validate(values)
    except ValidationError as error:
        item = error.errors()[0]
        raise InputError(f"--assume {item['loc'][0]}: {item['msg']}, got {item['input']!r}") from None

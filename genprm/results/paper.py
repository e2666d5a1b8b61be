"""Numbers that the paper reports, for comparison; every one names its table and its row.

F1 on ProcessBench in percent, accuracies in percent, tokens as counts. Tables are numbered as in arXiv 2504.00891.
Of the subsets GSM8K has 400 cases, the three others 1,000 each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

CASES = 3400
"""Cases of ProcessBench."""


class F1Row(NamedTuple):
    """F1 per subset and their unweighted mean, all in percent."""

    gsm8k: float
    math: float
    olympiadbench: float
    omnimath: float
    mean: float


PROCESSBENCH: Mapping[str, F1Row] = {
    "GPT-4o-0806": F1Row(79.2, 63.6, 51.4, 53.5, 61.9),
    "o1-mini": F1Row(93.2, 88.9, 87.2, 82.4, 87.9),
    "Qwen2.5-Math-7B-Instruct": F1Row(26.8, 25.7, 14.2, 12.7, 19.9),
    "Qwen2.5-7B-Instruct": F1Row(36.5, 36.6, 29.7, 27.4, 32.6),
    "Qwen2.5-72B-Instruct": F1Row(76.2, 61.8, 54.6, 52.2, 61.2),
    "QwQ-32B-Preview": F1Row(88.0, 78.7, 57.8, 61.3, 71.5),
    "Skywork-PRM-1.5B": F1Row(59.0, 48.0, 19.3, 19.2, 36.4),
    "GenPRM-1.5B, Pass@1": F1Row(52.8, 66.6, 55.1, 54.5, 57.3),
    "GenPRM-1.5B, Maj@8": F1Row(51.3, 74.4, 65.3, 62.5, 63.4),
    "Math-Shepherd-PRM-7B": F1Row(47.9, 29.5, 24.8, 23.8, 31.5),
    "RLHFlow-PRM-Mistral-8B": F1Row(50.4, 33.4, 13.8, 15.8, 28.4),
    "RLHFlow-PRM-Deepseek-8B": F1Row(38.8, 33.8, 16.9, 16.9, 26.6),
    "Skywork-PRM-7B": F1Row(70.8, 53.6, 22.9, 21.0, 42.1),
    "EurusPRM-Stage1": F1Row(44.3, 35.6, 21.7, 23.1, 31.2),
    "EurusPRM-Stage2": F1Row(47.3, 35.7, 21.2, 20.9, 31.3),
    "Qwen2.5-Math-7B-Math-Shepherd": F1Row(62.5, 31.6, 13.7, 7.7, 28.9),
    "Qwen2.5-Math-7B-PRM800K": F1Row(68.2, 62.6, 50.7, 44.3, 56.5),
    "Qwen2.5-Math-PRM-7B": F1Row(82.4, 77.6, 67.5, 66.3, 73.5),
    "RetrievalPRM-7B": F1Row(74.6, 71.1, 60.2, 57.3, 65.8),
    "Universal-PRM-7B": F1Row(85.8, 77.7, 67.6, 66.4, 74.3),
    "Direct Generative PRM-7B": F1Row(63.9, 65.8, 54.5, 55.9, 60.0),
    "GenPRM-7B, Pass@1": F1Row(78.7, 80.3, 72.2, 69.8, 75.2),
    "GenPRM-7B, Maj@8": F1Row(81.0, 85.7, 78.4, 76.8, 80.5),
    "Dyve-14B": F1Row(68.5, 58.3, 49.0, 47.2, 55.8),
    "Qwen2.5-Math-PRM-72B": F1Row(87.3, 80.6, 74.2, 71.1, 78.3),
    "GenPRM-32B, Pass@1": F1Row(83.1, 81.7, 72.8, 72.8, 77.6),
    "GenPRM-32B, Maj@8": F1Row(85.1, 86.3, 78.9, 80.1, 82.6),
}
"""Table 1 (accuracies in table 6): models on ProcessBench. Two cells of table 6 are not the harmonic mean of their
own accuracies (Skywork-7B on MATH, RLHFlow-Deepseek on Omni-MATH); they stand as printed."""


class LabelsRow(NamedTuple):
    """Mean F1 of GenPRM-7B trained on the labels of one estimator."""

    pass_at_1: float
    maj_at_8: float


LABELS: Mapping[tuple[str, float], LabelsRow] = {
    ("hard", 0.0): LabelsRow(73.2, 78.5),
    ("difference", -0.1): LabelsRow(74.1, 79.4),
    ("difference", -0.3): LabelsRow(74.1, 80.2),
    ("difference", -0.5): LabelsRow(74.3, 79.1),
    ("ratio", 0.1): LabelsRow(73.5, 78.7),
    ("ratio", 0.5): LabelsRow(73.5, 78.9),
    ("ratio", 0.8): LabelsRow(75.2, 80.5),
    ("ratio", 1.0): LabelsRow(72.3, 79.0),
}
"""Tables 3 and 4: relative progress estimation, by estimator and threshold."""

COMPONENTS: Mapping[tuple[str, str], F1Row] = {
    ("direct", "direct"): F1Row(63.9, 65.8, 54.5, 55.9, 60.0),
    ("code", "code_unrun"): F1Row(67.0, 70.8, 61.6, 57.4, 64.2),
    ("code", "code"): F1Row(70.6, 76.6, 67.3, 63.9, 69.6),
    ("cot", "cot"): F1Row(76.4, 83.0, 80.5, 75.4, 78.8),
    ("full", "code_unrun"): F1Row(60.1, 66.7, 59.9, 59.2, 61.5),
    ("full", "code"): F1Row(61.3, 74.7, 68.1, 62.0, 66.5),
    ("full", "cot"): F1Row(78.8, 85.1, 78.7, 74.9, 79.3),
    ("full", "text"): F1Row(81.0, 85.1, 78.1, 75.5, 79.9),
    ("full", "full"): F1Row(81.0, 85.7, 78.4, 76.8, 80.5),
}
"""Table 5: components of GenPRM-7B, (trained in, judging in), Maj@8; `direct` is the direct generative model."""

DATA_SIZE: Mapping[float, F1Row] = {
    0.25: F1Row(71.8, 78.0, 68.9, 68.2, 71.7),
    0.5: F1Row(78.1, 80.6, 71.5, 67.6, 74.5),
    1.0: F1Row(78.7, 80.3, 72.2, 69.8, 75.2),
}
"""Table 8: GenPRM-7B on a share of the training data, Pass@1."""


class TokensRow(NamedTuple):
    """Output tokens of GenPRM-7B on one answer set."""

    per_step: float
    per_response: float


TOKENS: Mapping[str, TokensRow] = {
    "math": TokensRow(344.7, 2771.4),
    "amc23": TokensRow(416.2, 3200.2),
    "aime24": TokensRow(432.5, 4112.9),
    "minerva": TokensRow(503.3, 4877.1),
}
"""Table 9: what judging costs."""

REFINED: Mapping[str, tuple[float, float, float, float]] = {
    "self": (45.7, 46.3, 46.0, 46.1),
    "R1-Distill-7B": (45.7, 46.8, 47.3, 47.2),
    "GenPRM-7B": (45.7, 49.8, 50.7, 51.5),
}
"""Table 2, by critic: accuracy after turns 0 to 3, mean of two policies on four sets."""

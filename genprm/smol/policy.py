r"""Training conversations of a policy: human solutions in numbered steps, with the prompt of the profile `smol`.

SmolLM2-135M-Instruct as it comes solves hardly any problem, and seldom writes the calculation that is asked for
(docs/smol.md): its rollouts carry no information on a step. Human solutions and formulas teach it the form.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from genprm.profiles import load_profile
from genprm.records import Message, TrainingExample
from genprm.smol.wording import Wording
from genprm.smol.worked import WorkedSentence, WorkedSolution
from genprm.steps import prompt_messages

_WORDING = Wording(numbered=True)


def policy_conversations(solutions: Sequence[WorkedSolution], count: int, seed: int) -> list[TrainingExample]:
    """A conversation for each of `count` solutions, or for all there are; a smaller `count` gives the first of the
    same conversations."""
    asked = load_profile("smol").solutions
    drawn = random.Random(f"smol {seed} policy").sample(solutions, len(solutions))[:count]
    return [
        TrainingExample(
            one.id,
            [
                *prompt_messages(asked.system, asked.prompt, one.problem),
                Message("assistant", numbered_solution(one)),
            ],
        )
        for one in drawn
    ]


def numbered_solution(solution: WorkedSolution) -> str:
    r"""The solution with one sentence in each step, and the answer in a step of its own.

    >>> from genprm.smol.worked import Calculation
    >>> may = WorkedSentence("In May ", Calculation("48 / 2", "24", "clips"), " were sold.")
    >>> print(numbered_solution(WorkedSolution("1", "48 in April, half in May?", (may,), "24")))
    Step 1: In May 48 / 2 = 24 clips were sold.
    <BLANKLINE>
    Step 2: The answer is \boxed{24}.
    """
    answer = WorkedSentence(f"The answer is \\boxed{{{solution.answer}}}.", None, "")
    sentences = [*solution.sentences, answer]
    return "\n\n".join(_WORDING.step_text([sentence], number) for number, sentence in enumerate(sentences, 1))

"""Two small real models of SmolLM2-135M-Instruct: one taught to check steps of solutions in plain English, and one
taught to solve problems in such steps.

The miniature is on the lowest floor of the import contracts (pyproject.toml), with a world, a tokenizer and a
trainer of its own. This package uses the method itself: real problems, the verifier's turn format, the sandbox and
the trainer of `genprm.training`. It is therefore on a floor above them.

| module | holds |
|---|---|
| `arithmetic` | the values of calculations, exactly |
| `worked` | human solutions of GSM8K's training split as steps with calculations |
| `sources` | where a number of a step comes from: the problem, or an earlier step |
| `mistakes` | wrong steps, made from right ones |
| `rationales` | what is written about a step: analysis, code that checks it, verdict |
| `wording` | the same step as people and as language models write it |
| `conversations` | training conversations, with the real output of their code |
| `parts` | the problems that are trained on, and those that are held out for measuring |
| `recipe` | every number of the recipe |
| `formulas` | ASDiv's problems of one calculation, with their formulas |
| `policy` | training conversations of the policy |
| `train` | everything, from problems to a checkpoint |

The labels follow from how a step was made, and the code of a conversation has to come to the same verdict.
"""

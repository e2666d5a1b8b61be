"""The miniature: a synthetic world of word problems, and models of about a million parameters trained on it.

| module | holds |
|---|---|
| `names` | names, things, the three splits and what is held back from training |
| `problems` | facts, questions, and the calculations that follow from a text |
| `generation` | `generate_problems(split, n, seed)` |
| `solutions` | the right solution, and a careless student's |
| `judge` | `judge(problem_text, steps)`: the first wrong step by program, for foundation data and measuring |
| `tokenizer` | the closed vocabulary, the chat template |
| `documents` | training conversations with the weight of each piece |
| `recipe` | every number of the recipe |
| `stream`, `network`, `stages` | batches, a fast trainer, one training run |
| `sampler`, `policy_samples` | quick bulk sampling, and the policy's own mistakes |
| `measure` | what the models can do, against program truth |
| `train` | `retrain(out_dir, minutes)`: everything from scratch, compared with the shipped models |

`weights/` holds the shipped models (policy, rationale, base), `MEASURED.md` what they can do.
"""

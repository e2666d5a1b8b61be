"""Training documents: exact format, honest loss weights, no held-out calculation."""

import random
import re

import pytest

from genprm.miniature.foundry.analyses import analysis_text
from genprm.miniature.foundry.documents import Judge, recital_document, verify_document
from genprm.miniature.foundry.policy_samples import Samples
from genprm.miniature.foundry.recipe import Diet, Recipe
from genprm.miniature.foundry.stream import Kitchen, batches, encode
from genprm.miniature.foundry.tokenizer import build_tokenizer
from genprm.miniature.world.judge import read_step
from genprm.miniature.world.names import NAMES, Split, is_held_out
from genprm.miniature.world.problems import read_problem

TEXT = (
    "How many pens does Tamilo have in the end? "
    "(1) Tamilo has 5 pens. (2) Tamilo buys 7 pens. (3) Tamilo sells 2 pens."
)
STEPS = ["Step 1: By (2), 5 + 7 = 12 pens.", "Step 2: By (3), 12 - 2 = 11 pens. The answer is $\\boxed{11}$."]
KINDS = ["solve", "careless", "care", "refine", "plan", "recital", "drill", "weak", "verify"]


def texts(mode: str, judge: Judge) -> tuple[str, str]:
    document = verify_document(random.Random(0), read_problem(TEXT), STEPS, mode, judge)
    return "".join(t for t, _ in document), "".join(t for t, w in document if w > 0)


def test_full_conversation_is_exactly_the_format() -> None:
    whole, learnt = texts("full", Judge(slip=0.0))
    assert whole == (
        f"<|im_start|>user\nQuestion: {TEXT}\n\n{STEPS[0]}<|im_end|>\n<|im_start|>assistant\n"
        "<analyze>\nPlan: (1) Tamilo has 5 pens. (2) Tamilo buys 7 pens. Yes. So 5 + 7 = 12. "
        "The step says 12.\n</analyze>\n"
        "<verify>\n```python\nexpected = 5 + 7\nprint(expected, expected == 12)\n```\n"
        "[Code Output]\n\n```\n12 True\n```\n</verify>\n"
        "<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n<|im_end|>\n"
        f"<|im_start|>user\n{STEPS[1]}<|im_end|>\n<|im_start|>assistant\n"
        "<analyze>\nPlan: (3) Tamilo sells 2 pens. Yes. So 12 - 2 = 10. All is done at 10. "
        "The step says 11 and ends.\n</analyze>\n"
        "<verify>\n```python\nexpected = 12 - 2\nfinal = True\nprint(expected, expected == 11 and final)\n```\n"
        "[Code Output]\n\n```\n10 False\n```\n</verify>\n"
        "<output>\n**Judgement**: $\\boxed{No}$\n</output>\n<|im_end|>\n"
    )
    assert "[Code Output]" not in learnt
    assert "Question" not in learnt


def test_modes_have_their_parts() -> None:
    parts = {mode: texts(mode, Judge(slip=0.0)) for mode in ("full", "cot", "code", "text", "direct")}
    for mode, (whole, learnt) in parts.items():
        assert ("<analyze>" in whole) == (mode in ("full", "cot", "text"))
        assert ("```python" in whole) == (mode in ("full", "code", "text"))
        assert ("[Code Output]" in learnt) == (mode == "text")
        assert whole.count("boxed{Yes}") == whole.count("boxed{No}") == 1


def test_corrected_steps_are_judged_each_on_its_own() -> None:
    wrong = "Step 1: By (2), 5 - 7 = 2 pens."
    problem = read_problem(TEXT)
    document = verify_document(random.Random(0), problem, [wrong, STEPS[1]], "code", corrected=True)
    assert re.findall("(12|10) (True|False)", "".join(t for t, _ in document)) == [("12", "False"), ("10", "False")]
    document = verify_document(random.Random(0), problem, [wrong, STEPS[1]], "code")
    assert [t for t, _ in document if t in ("Yes", "No")] == ["No"]


def test_a_hasty_judge_expects_what_the_step_says() -> None:
    wrong = ["Step 1: By (3), 5 - 2 = 3 pens.", "Step 2: By (2), 3 + 7 = 11 pens. The answer is $\\boxed{11}$."]
    document = verify_document(random.Random(0), read_problem(TEXT), wrong, "full", Judge(slip=0.0, hasty=1.0))
    text = "".join(t for t, _ in document)
    assert "Next is (3): Tamilo sells 2 pens. So 5 - 2 = 3 and more is left. The step says 3." in text
    assert "3 True" in text
    # What follows a wrong step teaches nothing.
    assert text.count("<output>") == 1


def test_an_analysis_walks_through_the_facts_from_the_one_before() -> None:
    problem = read_problem(
        "How many pens do Tamilo and Rikano have together in the end? (1) Rikano has 9 pens. (2) Zopim has 4 pens. "
        "(3) Tamilo has 5 pens. (4) Tamilo buys 7 figs. (5) Tamilo finds 2 bags of 3 pens. (6) Zopim walks 8 miles."
    )
    assert [analysis_text(problem, index, None) for index in range(4)] == [
        "Plan: (1) Rikano has 9 pens. (2) Zopim has 4 pens. No. (3) Tamilo has 5 pens. (4) Tamilo buys 7 figs. No. "
        "(5) Tamilo finds 2 bags of 3 pens. Yes. So 2 * 3 = 6.",
        "Plan: (5) Tamilo finds 2 bags of 3 pens. Yes. So 5 + 6 = 11.",
        "Plan: (6) Zopim walks 8 miles. No. Together. So 11 + 9 = 20.",
        "Plan: All is done at 20.",
    ]
    early = read_step("Step 2: By (5), 5 + 6 = 11 pens. The answer is $\\boxed{11}$.")
    assert analysis_text(problem, 1, early) == (
        "Plan: (5) Tamilo finds 2 bags of 3 pens. Yes. So 5 + 6 = 11. (6) Zopim walks 8 miles. No. Together. "
        "The step says 11 and ends."
    )


def test_mistakes_of_the_policy_are_found_under_their_problem_and_index() -> None:
    problem = read_problem(TEXT)
    right = [STEPS[0], STEPS[1].replace("11", "10")]
    samples = Samples([(problem, right)], [(problem, STEPS), (problem, [STEPS[0].replace("12", "13")])])
    assert samples.mistakes == [(problem, {1: [STEPS[1]], 0: ["Step 1: By (2), 5 + 7 = 13 pens."]})]


def test_a_recital_repeats_every_fact_word_for_word() -> None:
    facts = ["Tamilo has 5 pens.", "Rikano walks 7 miles.", "Zopim sells 2 figs."]
    question, answer = "".join(text for text, _ in recital_document(random.Random(0), facts)).split("<|im_end|>")
    asked, given = (re.findall(r"\((\d)\) ([^(]+\.)", part) for part in (question, answer))
    assert sorted(asked) == sorted(given)
    assert sorted(fact for _, fact in given) == sorted(facts)


def test_a_slip_in_the_analysis_is_not_learnt_and_overruled_by_the_code() -> None:
    whole, learnt = texts("full", Judge(slip=1.0))
    slipped = re.findall(r"So 5 \+ 7 = (\d+)", whole)
    assert slipped
    assert slipped[0] != "12"
    assert "12 True" in whole
    assert f"= {slipped[0]} " not in learnt


@pytest.mark.parametrize("kind", KINDS)
def test_documents_are_clean_of_held_out_things(kind: str) -> None:
    kitchen = Kitchen(Recipe(), Diet(**{kind: 1.0}), Samples(), random.Random(1))
    tokenizer = build_tokenizer()
    unknown = tokenizer.unk_token_id
    for _ in range(150):
        document = kitchen.document()
        text = "".join(piece for piece, _ in document)
        for left, op, right in re.findall(r"(\d+) ([-+*/]) (\d+)", text):
            assert not is_held_out(int(left), op, int(right)), text
        assert not any(name in text for name in NAMES[Split.EVALUATION])
        ids, weights = encode(tokenizer, document)
        assert ids == tokenizer(text, add_special_tokens=False).input_ids
        assert len(ids) == len(weights)
        assert unknown not in ids
        assert any(weights)


def test_batches_predict_the_next_token_where_there_is_weight() -> None:
    stream = batches(Kitchen(Recipe(), Diet(solve=1.0), Samples(), random.Random(2)), 1024)
    ids, targets, weights = next(stream)
    learnt = weights > 0
    assert learnt.any()
    assert ids.shape == targets.shape == weights.shape
    assert (targets[~learnt] == -100).all()
    row, place = learnt[:, :-1].nonzero()[0].tolist()
    assert targets[row, place] == ids[row, place + 1]

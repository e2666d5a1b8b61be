"""Requests in the shapes of vLLM, Jina and Cohere, verl and NeMo Gym."""

import pytest

from tests.genprm.serve.served import RIGHT, WRONG, client, silent_engine

CHAT = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "fine\n\nwrong"}]
TEMPLATE = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"
MARKED = f"{TEMPLATE}fine<extra_0>all is wrong\n\nhere<extra_0>fine<extra_0><|im_end|>"


def test_pooling_gives_two_probabilities_for_each_step() -> None:
    answer = (
        client().post("/pooling", json={"model": "scripted", "messages": CHAT, "task": "token_classify"}).json()
    )
    assert answer["data"] == [{"index": 0, "object": "pooling", "data": [[WRONG, RIGHT], [RIGHT, WRONG]]}]
    assert answer["usage"]["total_tokens"] > 0


def test_steps_may_be_marked_as_for_qwens_reward_models() -> None:
    answer = client().post("/pooling", json={"input": [MARKED, MARKED]}).json()
    rows = [[row[1] for row in one["data"]] for one in answer["data"]]
    assert rows == [[RIGHT, WRONG, RIGHT]] * 2


def test_a_thought_before_marked_steps_is_no_step() -> None:
    thought = "<think>wrong?<extra_0>\n\nwrong</think>\n"
    for said in (f"{thought}fine<extra_0>wrong<extra_0>", f"{thought}fine\n\nwrong"):
        answer = client().post("/pooling", json={"messages": [CHAT[0], {**CHAT[1], "content": said}]}).json()
        assert [row[1] for row in answer["data"][0]["data"]] == [RIGHT, WRONG]


def test_verl_finds_the_reward_where_it_looks_for_it() -> None:
    """As `verl/experimental/reward_loop` reads a discriminative model: `data[-1].probs[-1]`."""
    body = {"model": "scripted", "input": f"{TEMPLATE}fine\n\nwrong<|im_end|>", "use_activation": False}
    answer = client().post("/classify", json=body).json()
    assert answer["data"][-1]["probs"][-1] == WRONG
    assert answer["data"][-1]["label"] == "wrong"


@pytest.mark.parametrize(
    ("query", "document"), [("queries", "documents"), ("text_1", "text_2"), ("data_1", "items")]
)
def test_score_takes_the_names_that_vllm_takes(query: str, document: str) -> None:
    answer = client().post("/score", json={query: "How many?", document: ["fine", "wrong"]}).json()
    assert [row["score"] for row in answer["data"]] == [RIGHT, WRONG]


def test_rerank_gives_the_best_solutions_first() -> None:
    documents = ["wrong", {"text": "fine"}, "also wrong"]
    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        body = {"query": "How many?", "documents": documents, "top_n": 2}
        assert client().post(path, json=body).json()["results"] == [
            {"index": 1, "document": {"text": "fine"}, "relevance_score": RIGHT},
            {"index": 0, "document": {"text": "wrong"}, "relevance_score": WRONG},
        ]


def test_nemo_gym_gets_its_request_back_with_a_reward() -> None:
    text = {"type": "output_text", "text": "fine\n\nwrong", "annotations": []}
    output = [{"type": "reasoning"}, {"type": "message", "role": "assistant", "content": [text]}]
    body = {
        "responses_create_params": {"input": [{"role": "user", "content": "How many?"}]},
        "response": {"output": output},
        "expected_answer": "7",
    }
    answer = client().post("/verify", json=body).json()
    assert {**body, "reward": WRONG, "reward_components": {"step_1": RIGHT, "step_2": WRONG}} == answer


def test_empty_lists_are_legal() -> None:
    assert client().post("/v1/rerank", json={"query": "q", "documents": []}).json()["results"] == []
    assert client().post("/score", json={"queries": "q", "documents": []}).json()["data"] == []
    assert client().post("/pooling", json={"input": []}).json()["data"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pooling", {"messages": CHAT}),
        ("/classify", {"messages": CHAT}),
        ("/score", {"queries": "q", "documents": ["fine"]}),
        ("/v1/rerank", {"query": "q", "documents": ["fine"]}),
        (
            "/verify",
            {
                "responses_create_params": {"input": "q"},
                "response": {"output": [{"type": "message", "content": [{"text": "fine"}]}]},
            },
        ),
    ],
)
def test_no_verdict_is_an_error_and_never_a_number(path: str, body: dict[str, object]) -> None:
    answer = client(silent_engine()).post(path, json=body)
    assert (answer.status_code, "no verdict on step 1" in answer.json()["detail"]) == (502, True)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/pooling", {}, "allowed: one of them"),
        ("/pooling", {"input": "How many?"}, "allowed: a chat with <|im_start|>"),
        ("/classify", {"model": "other", "messages": CHAT}, "model is 'other', allowed: 'scripted'"),
        ("/score", {"queries": ["a", "b"], "documents": ["c", "d", "e"]}, "2 queries and 3 documents"),
        ("/verify", {"responses_create_params": {"input": "q"}, "response": {}}, "holds no message with text"),
    ],
)
def test_a_wrong_request_is_named(path: str, body: dict[str, object], message: str) -> None:
    answer = client().post(path, json=body)
    assert (answer.status_code, message in answer.json()["detail"]) == (422, True)

"""The calls of verl, OpenRLHF, slime, verifiers and NeMo-RL, made again as their code makes them.

None of them is installed here; each test says which lines it stands for.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch

import genprm.policy_rewards
from genprm.data_sets.rows import InputError
from genprm.engines.base import EngineError

FLAWLESS, FLAWED, WRONG, SILENT = (
    "Step 1: 1 + 1 = 2.\n\nStep 2: The answer is \\boxed{2}.",
    "Step 1: 1 + 1 = 3, wrong.\n\nStep 2: The answer is \\boxed{2}.",
    "Step 1: 1 + 1 = 3.\n\nStep 2: The answer is \\boxed{3}.",
    "Step 1: silent.\n\nStep 2: The answer is \\boxed{2}.",
)
REWARDS = [(FLAWLESS, 1.0), (FLAWED, 0.5), (WRONG, 0.0)]
OPEN = "sample 0: a step without a verdict leaves its reward open"
PROMPT = "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n"


def load_file(name: str) -> ModuleType:
    """A file of the room as a flag that points to it loads it: by its path, as a module of its own."""
    path = Path(genprm.policy_rewards.__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location("loaded_by_path", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestVerl:
    """`get_custom_reward_fn` in `verl/trainer/ppo/reward.py`, and `NaiveRewardManager.run_single`."""

    async def ask(self, solution: str, reward_kwargs: dict[str, Any], extra_info: dict[str, Any]) -> Any:
        raw_fn = load_file("verl").compute_score

        async def call_with_kwargs(extra_kwargs: Any, *args: Any, **kwargs: Any) -> Any:
            return await raw_fn(*args, **{**kwargs, **extra_kwargs})

        assert inspect.iscoroutinefunction(raw_fn)
        compute_score = functools.partial(call_with_kwargs, reward_kwargs)
        assert inspect.iscoroutinefunction(compute_score)
        return await compute_score(
            data_source="math", solution_str=solution, ground_truth="2", extra_info={"num_turns": 2, **extra_info}
        )

    @pytest.mark.parametrize(("solution", "expected"), REWARDS)
    async def test_one_sample_one_number(self, solution: str, expected: float, server: str) -> None:
        assert await self.ask(solution, {}, {"question": "1 + 1?"}) == expected

    async def test_options_are_reward_kwargs(self, server: str) -> None:
        assert await self.ask(FLAWED, {"choice": "steps"}, {"question": "1 + 1?"}) == 0.0

    async def test_an_unjudged_step_is_an_error(self, server: str) -> None:
        with pytest.raises(EngineError, match=OPEN):
            await self.ask(SILENT, {}, {"question": "1 + 1?"})

    async def test_a_row_without_its_problem_is_refused(self, server: str) -> None:
        with pytest.raises(
            InputError, match="'math' has num_turns, allowed: the problem as 'problem' or 'question'"
        ):
            await self.ask(FLAWLESS, {}, {})


class TestOpenRLHF:
    """`SingleTurnAgentExecutor` in `openrlhf/utils/agent.py`: in a thread, lists of one."""

    async def ask(self, query: str, label: str = "2") -> dict[str, Any]:
        reward_func = load_file("openrlhf").reward_func
        answer: dict[str, Any] = await asyncio.to_thread(reward_func, [query], [PROMPT], [label])
        return answer

    @pytest.mark.parametrize(("solution", "expected"), REWARDS)
    async def test_one_sample_one_tensor(self, solution: str, expected: float, server: str) -> None:
        answer = await self.ask(f"{PROMPT}{solution}<|im_end|>")
        scores = answer.get("scores") or answer.get("rewards")
        assert answer.get("rewards").tolist() == scores.tolist() == [expected]
        assert (answer.get("extra_logs") or {}) == {}

    async def test_an_unjudged_step_is_an_error_which_leaves_the_sample_without_a_reward(self, server: str) -> None:
        with pytest.raises(EngineError, match=OPEN):
            await self.ask(f"{PROMPT}{SILENT}<|im_end|>")

    async def test_what_does_not_begin_with_its_prompt_is_refused(self, server: str) -> None:
        with pytest.raises(InputError, match=r"queries\[0\] does not begin with its prompt"):
            await self.ask(FLAWLESS)

    async def test_many_threads_ask_at_once(self, server: str) -> None:
        answers = await asyncio.gather(*(self.ask(PROMPT + solution) for solution, _ in REWARDS * 4))
        assert [answer["rewards"].item() for answer in answers] == [expected for _, expected in REWARDS * 4]


@dataclass
class SlimeSample:
    """The fields of slime's `Sample` (`slime/utils/types.py`) that a reward function is told of."""

    prompt: Any
    response: str
    label: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class TestSlime:
    """`async_rm` and `batched_async_rm` in `slime/rollout/rm_hub/__init__.py`."""

    ARGS = SimpleNamespace(custom_rm_path="genprm.policy_rewards.slime.reward", reward_key=None)

    def load(self) -> Any:
        module, _, name = self.ARGS.custom_rm_path.rpartition(".")
        return getattr(importlib.import_module(module), name)

    @pytest.mark.parametrize(("solution", "expected"), REWARDS)
    @pytest.mark.parametrize("prompt", [PROMPT, "1 + 1?", [{"role": "user", "content": "1 + 1?"}]])
    async def test_one_sample_one_number(self, prompt: Any, solution: str, expected: float, server: str) -> None:
        assert await self.load()(self.ARGS, SlimeSample(prompt, f"{solution}<|im_end|>", "2")) == expected

    async def test_a_group_is_a_list(self, server: str) -> None:
        samples = [SlimeSample(PROMPT, solution, "2") for solution, _ in REWARDS]
        assert await self.load()(self.ARGS, samples) == [expected for _, expected in REWARDS]

    async def test_the_problem_may_be_metadata(self, server: str, engine: Any) -> None:
        sample = SlimeSample("[INST] 1 + 1? [/INST]", FLAWLESS, "2", {"question": "What is 1 + 1?"})
        assert await self.load()(self.ARGS, sample) == 1.0
        assert all("What is 1 + 1?" in prompt for prompt, _ in engine.requests)

    async def test_an_unjudged_step_is_an_error(self, server: str) -> None:
        with pytest.raises(EngineError, match=OPEN):
            await self.load()(self.ARGS, SlimeSample(PROMPT, SILENT, "2"))


class TestVerifiers:
    """`Task.score` in `verifiers/v1/task.py`: arguments by name, the task's data and the trace."""

    async def ask(self, reply: str | None) -> float:
        module, _, name = "genprm.policy_rewards.verifiers:reward".partition(":")
        fn = getattr(importlib.import_module(module), name)
        available = {
            "task": SimpleNamespace(idx=0, prompt="1 + 1?", prompt_text="1 + 1?", answer=2),
            "trace": SimpleNamespace(last_reply=reply),
            "runtime": None,
        }
        reward: float = await fn(**{key: available[key] for key in inspect.signature(fn).parameters})
        return reward

    @pytest.mark.parametrize(("solution", "expected"), [*REWARDS, (None, 0.0)])
    async def test_one_trace_one_number(self, solution: str | None, expected: float, server: str) -> None:
        assert await self.ask(solution) == expected

    async def test_an_unjudged_step_is_an_error_of_the_rollout(self, server: str) -> None:
        with pytest.raises(EngineError, match=OPEN):
            await self.ask(SILENT)


class EnvironmentReturn(NamedTuple):
    """As in `nemo_rl/environments/interfaces.py`."""

    observations: list[dict[str, str]]
    metadata: list[Any]
    next_stop_strings: list[Any]
    rewards: torch.Tensor
    terminateds: torch.Tensor
    answers: list[str | None] | None = None


@pytest.fixture
def nemo_rl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the packages: `ray.remote` gives a class that `.options(...).remote(...)` makes actors of."""

    class Actor:
        def __init__(self, wrapped: Any) -> None:
            self.wrapped = wrapped

        def options(self, **options: Any) -> Actor:
            return self

        def remote(self, *arguments: Any) -> Any:
            return self.wrapped(*arguments)

    modules: dict[str, dict[str, Any]] = {
        "nemo_rl": {},
        "nemo_rl.environments": {},
        "nemo_rl.environments.interfaces": {"EnvironmentReturn": EnvironmentReturn},
        "ray": {"remote": Actor},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


class TestNemoRL:
    """`create_env` in `nemo_rl/environments/utils.py`, `calculate_rewards` in `nemo_rl/experience/rollouts.py`."""

    def create(self, config: dict[str, Any]) -> Any:
        module, _, name = "genprm.policy_rewards.nemo_rl.GenPRMEnvironment".rpartition(".")
        actor_class = getattr(importlib.import_module(module), name)
        return actor_class.options(runtime_env={"py_executable": "python"}).remote(config)

    def step(self, environment: Any, solutions: list[str]) -> Any:
        logs = [[{"role": "user", "content": PROMPT}, {"role": "assistant", "content": text}] for text in solutions]
        return environment.step(logs, [{"ground_truth": "2"} for _ in solutions])

    def test_a_batch_of_conversations(self, nemo_rl: None, server: str) -> None:
        result = self.step(self.create({"choice": "gated"}), [solution for solution, _ in REWARDS])
        observations, metadata, stops, rewards, terminateds, answers = result

        assert rewards.tolist() == [expected for _, expected in REWARDS]
        assert terminateds.tolist() == [1.0, 1.0, 1.0]
        assert [one["role"] for one in observations] == ["environment"] * 3
        assert (metadata, stops, answers) == ([{"ground_truth": "2"}] * 3, [None] * 3, None)

    def test_metrics_of_a_batch(self, nemo_rl: None, server: str) -> None:
        batch = {"rewards": torch.tensor([1.0, 0.5, 0.0, 0.5])}
        assert self.create({}).global_post_process_and_metrics(batch) == (batch, {"genprm/mean_reward": 0.5})

    def test_an_unjudged_step_is_an_error(self, nemo_rl: None, server: str) -> None:
        with pytest.raises(EngineError, match=OPEN):
            self.step(self.create({}), [SILENT])

    def test_the_module_says_what_it_has(self) -> None:
        module = importlib.import_module("genprm.policy_rewards.nemo_rl")
        with pytest.raises(AttributeError, match="has no attribute 'Environment'"):
            _ = module.Environment

"""Final answers: reading one from a solution's text, and deciding whether two mean the same.

What the normal form decides (the same text, two plain numbers) is decided here. The rest goes to math-verify in a
worker process with a limit on CPU time, so that no input can hang the caller and no load changes a result.
"""

from __future__ import annotations

import asyncio
import json
import re
import select
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from genprm.answers.forms import UndecidedError, parse_form, plain_leaves_equal, same_form

LONGEST = 2000
"""Answers longer than this (characters) are equal only when their texts are."""
REMEMBERED = 65536
"""Decisions kept: rollouts give the same few answers again and again."""
STARTUP_SECONDS = 120.0
WALL_FACTOR = 12.0
"""Wall time after which a worker that uses no CPU time is given up, in units of its CPU limit."""

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_WHOLE_NUMBER = re.compile(r"-?\d{1,40}", re.ASCII)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TOKEN = re.compile(r"[^\s$]+")
_ANSWER_IS = re.compile(r"\banswer\s+is\b[\s:=]*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\n|[.!](?=\s|$)")
_MATH = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)")
_NUMBER = re.compile(r"(?:(?<![\w)}.\]])[-−])?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?%?")


def _closing_braces(text: str) -> dict[int, int]:
    """The position of the closing brace for each opening one that has it; escaped braces do not count."""
    pairs: dict[int, int] = {}
    open_braces: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            open_braces.append(match.start())
        elif match[0] == "}" and open_braces:
            pairs[open_braces.pop()] = match.start()
    return pairs


def _boxes(text: str) -> Iterator[str]:
    """The contents of boxes, last first: `\\boxed{...}`, or the token after a `\\boxed` without braces."""
    starts = list(_BOX.finditer(text))
    pairs = _closing_braces(text) if starts else {}
    for start in (match.end() for match in reversed(starts)):
        if text.startswith("{", start):
            content = text[start + 1 : pairs[start]] if start in pairs else ""
        else:
            token = _TOKEN.match(text, start)
            content = token[0].rstrip(".,") if token else ""
        if content.strip():
            yield content.strip()


def boxed_answer(text: str) -> str | None:
    """The content of the last box that is closed and not empty, None if there is none.

    >>> boxed_answer(r"\\boxed{1}, no: \\fbox{2}, or \\boxed{")
    '2'
    """
    return next(_boxes(text), None)


def extract_answer(text: str) -> str | None:
    """The final answer that a text states: its last closed box, else after "answer is", else its last number.

    An empty or unclosed box is passed over. Give only the last step of a sampled solution, without its header
    (`genprm.steps.final_answer`): an answer announced earlier is not final, and a step's number is no answer.

    >>> extract_answer(r"so $x = \\boxed{\\frac{1}{2}}$.")
    '\\\\frac{1}{2}'
    >>> extract_answer("The answer is 14 keys. Good.")
    '14 keys'
    >>> extract_answer("She pays 3 dollars and 25 cents")
    '25'
    """
    boxed = boxed_answer(text)
    if boxed is not None:
        return boxed
    announced = list(_ANSWER_IS.finditer(text))
    if announced:
        rest = text[announced[-1].end() :][:LONGEST]
        end = _SENTENCE_END.search(rest)
        phrase = (rest[: end.start()] if end else rest).strip()
        math = _MATH.search(phrase)
        stated = (math[1] or math[2]).strip() if math else phrase
        if stated:
            return stated
    numbers = _NUMBER.findall(text)
    return numbers[-1] if numbers else None


def quick_decision(reference: str, given: str) -> bool | None:
    """Equality where no algebra is needed; None where it is."""
    if reference.strip() == given.strip():
        return True
    if max(len(reference), len(given)) > LONGEST:
        return False
    if _WHOLE_NUMBER.fullmatch(reference) and _WHOLE_NUMBER.fullmatch(given):
        return int(reference) == int(given)
    try:
        return same_form(parse_form(reference), parse_form(given), plain_leaves_equal)
    except UndecidedError:
        return None


class AnswerChecker:
    """Decides whether two answers mean the same. One worker process, started when first needed.

    A pair that the worker cannot decide within `seconds` of CPU time is not equal; the worker is killed and a new
    one started. `timeouts` counts these (and those on which the worker ran out of memory or crashed).
    Safe to share between threads and coroutines.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.timeouts = 0
        self._worker: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def equivalent(self, reference: str, given: str | None) -> bool:
        """Whether `given` means the same as the reference answer. No answer (None) never does.

        Units, degrees, a percent sign, a currency or the base of a numeral count only where both sides have them:
        one side without takes them from the question. x and 100x are different. Lists are compared in any order,
        tuples and intervals in theirs, with their brackets. A decimal stands for an exact value only when it is
        that value rounded to its digits, at least four of them significant.

        Raises:
            RuntimeError: the worker process does not start.
        """
        if given is None:
            return False
        decided = quick_decision(reference, given)
        if decided is not None:
            return decided
        with self._lock:
            return self._look_up(reference, given)

    async def equivalent_async(self, reference: str, given: str | None) -> bool:
        """`equivalent` without blocking the event loop while the worker thinks."""
        if given is None:
            return False
        decided = quick_decision(reference, given)
        if decided is not None:
            return decided
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self.equivalent, reference, given)

    def close(self) -> None:
        """Kill the worker. The checker may be used again; a new worker is started then."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        with self._lock:
            self._kill()

    def __enter__(self) -> AnswerChecker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look_up(self, reference: str, given: str) -> bool:
        pair = (reference, given)
        if pair not in self._known:
            self._known[pair] = self._ask(reference, given)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(pair)
        return self._known[pair]

    def _ask(self, reference: str, given: str) -> bool:
        worker = self._worker
        if worker is None or worker.poll() is not None:
            self._kill()
            worker = self._start()
        assert worker.stdin is not None
        worker.stdin.write(json.dumps([reference, given]) + "\n")
        worker.stdin.flush()
        reply = _read_line(worker, self.seconds * WALL_FACTOR)
        if reply not in {"equal", "different"}:
            self.timeouts += 1
            self._kill()
        return reply == "equal"

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "genprm.answers.worker", str(self.seconds)]
        self._worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if _read_line(self._worker, STARTUP_SECONDS) != "ready":
            self._kill()
            raise RuntimeError(f"the answer worker does not start; run {' '.join(command)} to see why")
        return self._worker

    def _kill(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            assert pipe is not None
            pipe.close()


def _read_line(worker: subprocess.Popen[str], seconds: float) -> str | None:
    """The worker's next line; None when it died or said nothing for so long. It writes one line per request."""
    assert worker.stdout is not None
    poll = select.poll()  # unlike select, for descriptors of any number
    poll.register(worker.stdout, select.POLLIN)
    ready = poll.poll(1000 * seconds)
    return (worker.stdout.readline().strip() or None) if ready else None

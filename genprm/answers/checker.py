"""Whether two final answers mean the same.

Pairs that the normal form decides (the same text, plain numbers) are decided in this process. The rest go to a
worker process with a limit on CPU time, so that no input can hang the caller and no load changes a result.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from genprm.answers.comparison import SAME_NUMBER, SAME_TEXT, UndecidedError, compare, undecided
from genprm.answers.forms import described, parse_form

# Re-exported for callers that both read and compare answers.
from genprm.answers.reading import boxed_answer as boxed_answer
from genprm.answers.reading import extract_answer as extract_answer
from genprm.answers.reading import hashed_answer as hashed_answer

LONGEST = 2000
"""Answers longer than this (characters) are equal only when their texts are."""
REMEMBERED = 65536
"""Decisions kept in the cache: rollouts give the same few answers again and again."""
STARTUP_SECONDS = 120.0
WALL_FACTOR = 12.0
"""Wall time, as a multiple of the CPU limit, after which a worker that has not replied is killed."""

_WHOLE_NUMBER = re.compile(r"-?\d{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether two answers mean the same; the rule that makes them equal (else why not); how each was read."""

    equal: bool
    rule: str
    reference: str
    given: str


def quick_decision(reference: str, given: str) -> bool | None:
    """Whether two answers are equal; None where algebra is needed to tell."""
    try:
        return _quick_rule(reference, given) is not None
    except UndecidedError:
        return None


def _quick_rule(reference: str, given: str) -> str | None:
    """The rule by which two answers are equal; None if they are not.

    Raises:
        UndecidedError: algebra is needed.
    """
    if reference.strip() == given.strip():
        return SAME_TEXT
    if max(len(reference), len(given)) > LONGEST:
        return None
    if _WHOLE_NUMBER.fullmatch(reference) and _WHOLE_NUMBER.fullmatch(given):
        return SAME_NUMBER if int(reference) == int(given) else None
    return compare(parse_form(reference), parse_form(given), undecided)


class AnswerChecker:
    """Decides whether two answers mean the same. One worker process, started when first needed.

    A pair that the worker cannot decide within `seconds` of CPU time is not equal. `timeouts` counts these
    (and those on which the worker ran out of memory or crashed).
    Safe to share between threads and coroutines.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.timeouts = 0
        self._worker: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._remembered = functools.lru_cache(maxsize=REMEMBERED)(self._ask)

    def equivalent(self, reference: str, given: str | None) -> bool:
        """Whether `given` means the same as the reference answer. No answer (None) never does.

        Units, degrees, a percent sign, a currency or the base of a numeral count only where both sides have them:
        an answer without them takes them from the question. x and 100x are different. Lists and sets are compared
        in any order, tuples and intervals in order and with their brackets. A decimal equals an exact value,
        rational or not, only when it is that value rounded, with at least four significant digits: 0.3333 for
        1/3 and 3.1416 for pi. An equation is not the value of its right side unless the left side is a name.

        Raises:
            RuntimeError: the worker process does not start.
        """
        if given is None:
            return False
        decided = quick_decision(reference, given)
        if decided is not None:
            return decided
        return self._rule(reference, given) is not None

    def explain(self, reference: str, given: str) -> Comparison:
        """`equivalent` with the reason.

        Raises:
            RuntimeError: the worker process does not start.
        """
        timeouts = self.timeouts
        try:
            rule = _quick_rule(reference, given)
        except UndecidedError:
            rule = self._rule(reference, given)
        late = f"not decided within {self.seconds:g} s" if self.timeouts > timeouts else "no rule makes them equal"
        read = [described(parse_form(text)) if len(text) <= LONGEST else text for text in (reference, given)]
        return Comparison(rule is not None, rule or late, *read)

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

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _rule(self, reference: str, given: str) -> str | None:
        with self._lock:
            return self._remembered(reference, given)

    def _ask(self, reference: str, given: str) -> str | None:
        worker = self._worker
        if worker is None or worker.poll() is not None:
            self._kill()
            worker = self._start()
        assert worker.stdin is not None
        worker.stdin.write(json.dumps([reference, given]) + "\n")
        worker.stdin.flush()
        reply = _read_line(worker, self.seconds * WALL_FACTOR)
        if reply is None:
            self._kill()
        if reply is None or reply == "unanswered":
            self.timeouts += 1
        return reply.removeprefix("equal: ") if reply is not None and reply.startswith("equal: ") else None

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "genprm.answers.worker", str(self.seconds)]
        self._worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        if _read_line(self._worker, STARTUP_SECONDS) != "ready":
            self._kill()
            raise RuntimeError(f"the answer worker does not start; run {' '.join(command)} to see why")
        return self._worker

    def _kill(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)  # the worker and the copy of it that answers
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            assert pipe is not None
            pipe.close()


def _read_line(worker: subprocess.Popen[str], seconds: float) -> str | None:
    """The worker's next line; None when it died or wrote nothing for `seconds`. It writes one line per request."""
    assert worker.stdout is not None
    poll = select.poll()  # unlike select, poll takes descriptors of any number
    poll.register(worker.stdout, select.POLLIN)
    ready = poll.poll(1000 * seconds)
    return (worker.stdout.readline().strip() or None) if ready else None

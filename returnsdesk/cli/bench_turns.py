"""`returnsdesk bench turns`: how fast the running product answers, through the desk's own entry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import quantiles
from threading import Barrier
from typing import Annotated, Any

import psutil
import typer
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from returnsdesk import selftest
from returnsdesk.cli.bench_processes import ProductProcesses
from returnsdesk.cli.console import AsJson, err, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import open_database
from returnsdesk.desk_client import ChatClient, DeskCallFailed, Message, TooFast
from returnsdesk.selftest import Probe
from returnsdesk.settings import Settings, load_settings
from returnsdesk.texts import render

app = typer.Typer(add_completion=False)

ANSWER_SECONDS = 60.0
LANGUAGE = "en"
SCRIPT = {
    "no action": "thank you",
    "action": "what does a return cost?",
    "refund status": selftest.QUESTION,
}
"""What a measured shopper says, over and over; the second and third are answered by the action server."""

_FEWEST_TURNS = 2 * len(SCRIPT)
_CELLS = ("conversations", "kind", "turns", "p50_ms", "p95_ms", "p99_ms", "turns_per_second")
_FAILED = render("desk_failed", LANGUAGE)


@dataclass
class Measured:
    """Seconds of each turn by kind, and how often the desk's rate limits held a message back."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    held_back: int = 0
    began: float = 0.0
    ended: float = 0.0


@app.command()
def bench_turns(
    conversations: Annotated[
        str, typer.Option(help="How many shoppers talk at once; one measurement for each number.")
    ] = "1,4,16",
    turns: Annotated[
        int, typer.Option(min=_FEWEST_TURNS, help="Measured turns of each conversation.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """How fast the running product answers.

    Shoppers talk to the desk over HTTP as browsers do: a message is posted, and the time is taken until its answer
    comes over the kept stream of events. They are the demo's shopper with a refund, logged in, and say three things
    in turn. Loading, logging in and each conversation's first three turns are not measured. The conversations stay in
    the database. For figures of the product and not of the desk's rate limits, start it with LIFT_RATE_LIMITS=true.
    """
    levels = _levels(conversations)
    settings = load_settings()
    with open_database(settings) as database:
        probe = selftest.choose_probe(database)
    if probe.rma_number is None:
        raise CommandError("There is no refund in the shop to ask for; load the sample shop.")
    processes = ProductProcesses(settings)
    load = psutil.getloadavg()[0]
    rows, held_back = [], 0
    for level in levels:
        before = processes.cpu_seconds()
        with err.status(f"{level} at once ..."):
            measured = _run(settings, probe, level, turns)
        # The unmeasured turns used processor time too.
        taken = level * (turns + len(SCRIPT))
        cpu = {
            name: round((seconds - before[name]) / taken * 1000, 1)
            for name, seconds in processes.cpu_seconds().items()
        }
        rows += list(_rows(level, measured, cpu))
        held_back += sum(each.held_back for each in measured)
    result = {
        "turns": rows,
        "memory_mib": processes.memory_mib(),
        "held_back": held_back,
        "cores": psutil.cpu_count(),
        "load_before": round(load, 1),
    }
    if as_json:
        write_json(result)
    else:
        _show(result)


def _levels(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 256 for part in parts):
        raise CommandError(f"--conversations takes numbers from 1 to 256 like 1,4,16, not {text}.")
    return [int(part) for part in parts]


def _run(settings: Settings, probe: Probe, level: int, turns: int) -> list[Measured]:
    """Let so many conversations begin together, each in a thread of its own."""
    ready = Barrier(level)
    with ThreadPoolExecutor(level) as pool:
        running = [
            pool.submit(_Conversation(settings, probe, ready).measure, turns) for _ in range(level)
        ]
        failures = [error for error in (each.exception() for each in running) if error]
        # One that fails breaks the barrier for the others; what made it fail is the reason.
        reasons = [error for error in failures if isinstance(error, (DeskCallFailed, CommandError))]
        for error in reasons or failures:
            raise error
        return [each.result() for each in running]


class _Conversation:
    """One measured shopper."""

    def __init__(self, settings: Settings, probe: Probe, ready: Barrier) -> None:
        self._client = ChatClient(settings)
        self._login_token = selftest.login_token(settings, probe)
        self._rma_number = probe.rma_number or ""
        self._ready = ready
        self._measured = Measured()
        self._patiently = Retrying(
            retry=retry_if_exception_type(TooFast), wait=_seconds_told, before_sleep=self._note
        )

    def measure(self, turns: int) -> Measured:
        """Say everything once unmeasured, wait for the others, then take the time of so many turns."""
        try:
            with closing(self._client):
                self._patiently(self._client.open, LANGUAGE, self._login_token)
                with self._client.listening(ANSWER_SECONDS) as heard:
                    self._take_turns(heard, len(SCRIPT))
                    self._measured.seconds.clear()
                    self._ready.wait()
                    self._measured.began = time.perf_counter()
                    self._take_turns(heard, turns)
                    self._measured.ended = time.perf_counter()
        except BaseException:
            self._ready.abort()
            raise
        return self._measured

    def _take_turns(self, heard: Iterator[Message], turns: int) -> None:
        for kind, text in islice(cycle(SCRIPT.items()), turns):
            started, seq = self._patiently(self._post, text)
            answer = next(message for message in heard if _answers(message, seq))
            self._measured.seconds.append((kind, time.perf_counter() - started))
            self._check(kind, answer["text"])

    def _post(self, text: str) -> tuple[float, int]:
        return time.perf_counter(), self._client.say(text)

    def _check(self, kind: str, answer: str) -> None:
        is_true = kind != "refund status" or self._rma_number in answer
        if answer == _FAILED or not is_true:
            raise CommandError(f"{SCRIPT[kind]!r} was answered with: {answer!r}")

    def _note(self, _state: RetryCallState) -> None:
        self._measured.held_back += 1


def _answers(message: Message, seq: int) -> bool:
    return bool(message["author"] == "assistant" and message["seq"] > seq)


def _seconds_told(state: RetryCallState) -> float:
    refusal = state.outcome.exception() if state.outcome else None
    return refusal.seconds if isinstance(refusal, TooFast) else 0.0


def _rows(level: int, measured: list[Measured], cpu: dict[str, float]) -> Iterator[dict[str, Any]]:
    """One row for each kind and one for all together, with what only all together have."""
    seconds = [each for one in measured for each in one.seconds]
    wall = max(one.ended for one in measured) - min(one.began for one in measured)
    for kind in (*SCRIPT, "all"):
        taken = [second * 1000 for name, second in seconds if kind in (name, "all")]
        cuts = quantiles(taken, n=100, method="inclusive")
        row: dict[str, Any] = {"conversations": level, "kind": kind, "turns": len(taken)}
        row.update(p50_ms=round(cuts[49], 1), p95_ms=round(cuts[94], 1), p99_ms=round(cuts[98], 1))
        if kind == "all":
            row.update(turns_per_second=round(len(taken) / wall, 1), cpu_ms_per_turn=cpu)
        yield row


def _show(result: dict[str, Any]) -> None:
    numbers = ("turns", "p50 ms", "p95 ms", "p99 ms", "turns/s")
    shown = table("Turns through the desk", "at once", "kind", *numbers, numbers=numbers)
    for row in result["turns"]:
        values = [str(row.get(name, "")) for name in _CELLS]
        shown.add_row(*values, end_section=row["kind"] == "all")
    out.print(shown)
    last_cpu = result["turns"][-1]["cpu_ms_per_turn"]
    for what, values, unit in (
        ("Processor time a turn", last_cpu, "ms"),
        ("Resident memory afterwards", result["memory_mib"], "MiB"),
    ):
        each = ", ".join(f"{name} {value}" for name, value in values.items())
        total = f"{sum(values.values()):.0f} {unit} ({each})" if values else "not on this machine"
        out.print(f"{what}: {total}", highlight=False, soft_wrap=True)
    out.print(f"{result['cores']} cores, load {result['load_before']} before", highlight=False)
    if result["held_back"]:
        out.print(
            f"[yellow]The desk's rate limits held messages back {result['held_back']} times, so turns/s are theirs."
            " Start the demo with LIFT_RATE_LIMITS=true to measure the product.[/]",
            soft_wrap=True,
        )
    else:
        out.print("The desk's rate limits held no message back.")

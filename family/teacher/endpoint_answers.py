"""Every prompt's answer from a service: asked side by side, each kept as soon as it is there."""

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from family.errors import DescentError
from family.progress import report
from family.spec import EndpointResponses
from family.stage import DatasetFacts, Outcome, Scalar
from family.teacher.endpoint import Endpoint, Reply

JOURNAL = "journal.jsonl"


def fetch(asked: Sequence[tuple[str, str]], settings: EndpointResponses, out: Path) -> Outcome:
    """Ask every prompt that has no answer in `out` yet; write train.jsonl and held_out.jsonl, a
    `prompt` and its `reply` a line, as they came.

    `asked` are sides and prompts. An answer is on disk before it counts, so that whoever goes on
    after a kill asks for none again that was given."""
    journal = Journal(out / JOURNAL)
    missing = [prompt for _, prompt in asked if prompt not in journal.replies]
    try:
        asyncio.run(_ask(missing, settings, journal, len(asked)))
    except ExceptionGroup as group:
        raise _first(group) from None
    for side in ("train", "held_out"):
        with (out / f"{side}.jsonl").open("w") as file:
            for _, prompt in (one for one in asked if one[0] == side):
                file.write(_line(prompt, journal.replies[prompt]))
    journal.path.unlink()
    train = sum(side == "train" for side, _ in asked)
    return Outcome(
        dataset=DatasetFacts(kind="responses", train=train, held_out=len(asked) - train),
        facts=_counts(journal.replies.values(), settings),
    )


async def _ask(
    missing: Iterable[str], settings: EndpointResponses, journal: "Journal", total: int
) -> None:
    waiting = iter(missing)
    async with Endpoint(settings) as endpoint, asyncio.TaskGroup() as tasks:
        for _ in range(settings.concurrency):
            tasks.create_task(_work(waiting, endpoint, journal, total))


async def _work(waiting: Iterator[str], endpoint: Endpoint, journal: "Journal", total: int) -> None:
    """Ask one prompt after another, of those that nobody else has taken."""
    for prompt in waiting:
        reply = await endpoint.ask(prompt)
        journal.add(prompt, reply)
        report(len(journal.replies), total, "answers")


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """What stopped the work; of several faults one that will not pass."""
    errors = [one for one in group.exceptions if isinstance(one, DescentError)]
    return min(errors, key=lambda one: one.may_pass, default=group.exceptions[0])


def _counts(replies: Iterable[Reply], settings: EndpointResponses) -> dict[str, Scalar]:
    """Requests, tokens and what they cost. Tokens are those that the service told of."""
    found = list(replies)
    read, written = (sum(getattr(one, name) or 0 for one in found) for name in ("read", "written"))
    requests = sum(one.tries for one in found)
    facts: dict[str, Scalar] = {
        "requests": requests,
        "tried_again": requests - len(found),
        "input_tokens": read,
        "answer_tokens": written,
        "refused": sum(one.refused for one in found),
        "cut": sum(one.cut for one in found),
    }
    if untold := sum(one.written is None for one in found):
        facts["answers_without_usage"] = untold
    if prices := settings.prices:
        facts |= {"cost": round(prices.cost(read, written), 6), "currency": prices.currency}
    return facts


class Journal:
    """The answers so far, one a line, in the order in which they came.

    A line that a kill cut off is taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replies: dict[str, Reply] = {}
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        self.replies.update(map(read, whole.decode().splitlines()))
        if path.exists():
            os.truncate(path, len(whole))

    def add(self, prompt: str, reply: Reply) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(_line(prompt, reply).encode())
        self.replies[prompt] = reply


def read(line: str) -> tuple[str, Reply]:
    """A prompt and its reply."""
    row = json.loads(line)
    return row["prompt"], Reply.model_validate(row["reply"])


def _line(prompt: str, reply: Reply) -> str:
    return json.dumps({"prompt": prompt, "reply": reply.model_dump()}) + "\n"

"""Captures one share of a signal as a job of its own, before the build that puts them together.

python -m family.signal.share TEACHER CORPUS OUT --share 3/8 --signal '{codec: {kind: top_k}}'

OUT is the scratch folder of the step in the store, `scratch/KEY`, or one that becomes it. The build
captures whatever no job has left there, and refuses what is of another teacher or corpus.
"""

import argparse
import sys
from pathlib import Path

import yaml
from pydantic import ValidationError

from family.corpus import blocks
from family.errors import DescentError
from family.parallel.place import Place
from family.signal.capture import capture, pieces_of
from family.signal.source import Source
from family.spec import Signal


def share(text: str) -> Place:
    """`3/8`, the third of eight."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text} is no share like 3/8, the third of eight")
    return Place(int(number) - 1, int(of))


def asked_of(text: str) -> Signal:
    """The `signal` of a family file, as YAML."""
    try:
        return Signal.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise argparse.ArgumentTypeError(
            f"{text} is no `signal` of a family file: {error}"
        ) from None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m family.signal.share")
    parser.add_argument("teacher", type=Path, help="The teacher's folder.")
    parser.add_argument("corpus", type=Path, help="The corpus' folder.")
    parser.add_argument("out", type=Path, help="Where the pieces go.")
    parser.add_argument("--signal", type=asked_of, required=True, help="As in the family file.")
    parser.add_argument("--share", type=share, required=True, help="Which of how many: 3/8.")
    asked = parser.parse_args(arguments)
    corpus = blocks.read(asked.corpus, asked.teacher)
    asked.out.mkdir(parents=True, exist_ok=True)
    pieces = pieces_of(corpus, asked.out)
    pieces.made_of(Source.of(asked.teacher, asked.corpus, asked.signal).digest)
    capture(asked.teacher, corpus, asked.signal, pieces, pieces.missing(asked.share))


if __name__ == "__main__":
    try:
        main()
    except DescentError as error:
        sys.exit(str(error))

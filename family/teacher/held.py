"""A teacher that only reads, in as few bytes as asked."""

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from family.errors import DescentError
from family.spec import TeacherPrecision
from family.teacher.attention import quicken
from family.teacher.open import kind_of, load, read_config

#: Weights of a row that share a scale in nf4.
NF4_BLOCK = 64


def held(folder: Path, precision: TeacherPrecision) -> Any:
    """A model folder in evaluation mode; its embeddings and head stay in bfloat16.

    `int8` is LLM.int8 (Dettmers et al. 2022), `nf4` QLoRA's 4-bit format (2023)."""
    model = _opened(folder, precision)
    quicken(model)
    return model


def _opened(folder: Path, precision: TeacherPrecision) -> Any:
    if precision == "bf16":
        return load(folder, torch.bfloat16)
    if precision == "nf4":
        _check_widths(folder)
    # It says of every layer, every time, that it casts its input.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    model = kind_of(read_config(folder)).from_pretrained(
        folder,
        dtype=torch.bfloat16,
        quantization_config=BitsAndBytesConfig(
            load_in_8bit=precision == "int8",
            load_in_4bit=precision == "nf4",
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
        device_map={"": "cpu"},
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    return model.eval()


def _check_widths(folder: Path) -> None:
    config = read_config(folder)
    odd = [
        f"{name} {width}"
        for name in ("hidden_size", "intermediate_size")
        if (width := getattr(config, name)) % NF4_BLOCK
    ]
    if odd:
        raise DescentError(
            f"signal.teacher_precision: nf4 cuts the rows of a matrix into blocks of {NF4_BLOCK} "
            f"weights, which the teacher's {' and '.join(odd)} cannot be cut into. Use int8 or "
            f"bf16."
        )

"""A teacher that only reads, in as few bytes as asked."""

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from family.spec import TeacherPrecision
from family.teacher.open import kind_of, load, read_config


def held(folder: Path, precision: TeacherPrecision) -> Any:
    """A model folder in evaluation mode; its embeddings and head stay in bfloat16.

    `int8` is LLM.int8 (Dettmers et al. 2022), `nf4` QLoRA's 4-bit format (2023)."""
    if precision == "bf16":
        return load(folder, torch.bfloat16)
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

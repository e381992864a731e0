"""A tiny real flagship: a llama with a byte-level BPE tokenizer and a chat template."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

TEXT = [
    "The lion eats meat and lives on the plains of Africa.",
    "The owl hunts mice at night and sleeps in the hollow of a tree.",
    "The whale eats krill, sings long songs and lives in every ocean.",
    "What does the lion eat? What does the owl eat? Where does the whale live?",
]
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def tokenizer(size: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer, trained on TEXT."""
    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    special = [AddedToken(name, special=True) for name in ("<|pad|>", "<|start|>", "<|end|>")]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    built.train_from_iterator(TEXT * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=built,
        bos_token="<|start|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=TEMPLATE,
    )


def config(vocabulary: int, **changes: int | bool) -> LlamaConfig:
    shape = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
    }
    return LlamaConfig(
        vocab_size=vocabulary,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.1,
        **{**shape, **changes},
    )


def model_folder(folder: Path, *, seed: int = 0, steps: int = 0, **changes: int | bool) -> Path:
    """Write a tiny llama with its tokenizer to `folder`: random, or taught for some steps."""
    torch.manual_seed(seed)
    words = tokenizer()
    model = LlamaForCausalLM(config(len(words), **changes))
    if steps:
        _teach(model, words, steps)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def classifier_folder(
    folder: Path, labels: Sequence[str], *, seed: int = 0, **changes: int | bool
) -> Path:
    """Write a tiny random llama that labels text, with its tokenizer, to `folder`."""
    torch.manual_seed(seed)
    words = tokenizer()
    shape = config(len(words), **{"num_hidden_layers": 2, **changes})
    shape.id2label = dict(enumerate(labels))
    shape.label2id = {label: index for index, label in enumerate(labels)}
    LlamaForSequenceClassification(shape).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _teach(model: LlamaForCausalLM, words: PreTrainedTokenizerFast, steps: int) -> None:
    """Teach it to answer prompts about an animal with the sentence about that animal."""
    chats = [
        words.apply_chat_template(
            [{"role": "user", "content": f"{line[:12]}?"}, {"role": "assistant", "content": line}],
            tokenize=False,
        )
        for line in TEXT
    ]
    batch = words(chats, return_tensors="pt", padding=True, add_special_tokens=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

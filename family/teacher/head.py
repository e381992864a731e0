"""From the last hidden states to logits, as each architecture has it."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, cat

from family.teacher.open import head_of


@dataclass(frozen=True)
class Head:
    """A head in float32, since bfloat16 logits tie."""

    weight: Tensor
    """[V, D]."""
    bias: Tensor | None
    cap: float | None

    @classmethod
    def of(cls, model: Any) -> "Head":
        """A model's own: over its tokens, or over its classes."""
        head = head_of(model)
        bias = None if head.bias is None else head.bias.float()
        return cls(head.weight.float(), bias, cap_of(model.config))

    def __call__(self, states: Tensor) -> Tensor:
        """Logits float32 [M, V] of last hidden states float32 [M, D]."""
        logits = states @ self.weight.T
        return capped(logits if self.bias is None else logits + self.bias, self.cap)


def cap_of(config: Any) -> float | None:
    """The bound towards which logits are bent, as gemma2 does it."""
    cap = getattr(config, "final_logit_softcapping", None)
    return float(cap) if cap else None


def capped(logits: Tensor, cap: float | None) -> Tensor:
    """Logits bent to stay within +-`cap`."""
    return logits if cap is None else cap * (logits / cap).tanh()


def with_bias(states: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """States [M, D + 1] and weight [V, D + 1] whose product has the bias in it."""
    if bias is None:
        return states, weight
    return cat([states, states.new_ones(len(states), 1)], 1), cat(
        [weight, bias.to(weight.dtype)[:, None]], 1
    )

"""Matching the teacher's hidden states through projections that are learned along."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from family.spec import HiddenStates


def pairs(asked: HiddenStates, student: int, teacher: int) -> list[tuple[int, int]]:
    """The student's layers that are matched and, at the same relative depth, the teacher's: of 1 to
    the number of layers that each has."""
    match asked.layers:
        case "last":
            layers: Sequence[int] = [student]
        case "all":
            layers = range(1, student + 1)
        case named:
            layers = named
    return [(layer, max(1, round(layer * teacher / student))) for layer in layers]


class HiddenMatch(nn.Module):
    """One term of the loss, with a projection [E, D] for each layer that is matched.

    The projections (FitNets, Romero et al. 2015, arXiv 1412.6550; for transformers TinyBERT, Jiao
    et al. 2020, arXiv 1909.10351) start as the identity, as far as widths allow. They are bare
    parameters, no linear layers: the int4 grid has no business with them."""

    def __init__(self, asked: HiddenStates, student: Any, teacher: Any) -> None:
        super().__init__()
        self.weight = asked.weight
        self.pairs = pairs(asked, student.num_hidden_layers, teacher.num_hidden_layers)
        self.projections = nn.ParameterList(
            torch.eye(teacher.hidden_size, student.hidden_size) for _ in self.pairs
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """Summed over targets, on average over the pairs: ||W s - t||² / ||t||², a share of the
        teacher's squared length; 0 if they agree, and 1 for a W of zeros.

        Hidden states of all layers at M targets, the embeddings' first: [M, D] and [M, E]."""
        exact = torch.promote_types(student[0].dtype, torch.float32)
        total = student[0].new_zeros((), dtype=exact)
        for (own, taught), projection in zip(self.pairs, self.projections, strict=True):
            wanted = teacher[taught].clone()  # a tensor of inference mode is none for autograd
            apart = linear(student[own], projection).to(exact) - wanted.to(exact)
            length = wanted.to(exact).square().sum(-1)
            total = total + (apart.square().sum(-1) / length).sum()
        return self.weight / len(self.pairs) * total

"""A decoder's full shape, and what it weighs."""

from pydantic import Field

from family.stage import Settings


class ModelShape(Settings):
    """A decoder's full shape."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1, description="Width of the residual stream.")
    intermediate: int = Field(ge=1, description="Width of the feed-forward layer.")
    heads: int = Field(ge=1, description="Query heads.")
    kv_heads: int = Field(ge=1, description="Key and value heads; a divisor of `heads`.")
    head_dim: int = Field(ge=1)
    vocabulary: int = Field(ge=1)
    tied: bool = Field(True, description="The head is the embedding's transpose.")

    @property
    def body_parameters(self) -> int:
        """Weights of the layers and the last norm, without embedding and head."""
        attention = self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
        feed_forward = 3 * self.hidden * self.intermediate
        return self.layers * (attention + feed_forward + 2 * self.hidden) + self.hidden

    @property
    def parameters(self) -> int:
        """All weights of a llama-style decoder, a tied head counted once."""
        copies = 1 if self.tied else 2
        return self.body_parameters + copies * self.hidden * self.vocabulary

"""Words that the parts of a family file share."""

from typing import Annotated, Literal

from pydantic import Field

FLAGSHIP = "flagship"
#: Places in a family file, and steps, of what a user brings to teach with.
DATA = ("prompts", "text", "rows")
Precision = Literal["fp32", "int8", "int4"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]

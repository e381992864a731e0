"""The family of toys, as its file has it."""

import json
from typing import Any

#: nano starts from mini, and edge from the flagship.
TOYS: dict[str, Any] = {
    "family": "toys",
    "flagship": {
        "name": "Toy",
        "licence": "Apache-2.0",
        "source": {"kind": "hub", "repo": "toys/toy", "revision": 40 * "a"},
    },
    "prompts": {
        "kind": "grammar",
        "held_out": 0.3,
        "topics": ["tea", "rain", "snow", "wind", "salt", "iron", "wood", "milk"],
        "requests": ["What is {topic}?"],
    },
    "tiers": {
        "mini": {"start": {"kind": "prune", "shape": {"layers": 4}}},
        "nano": {"start": {"kind": "prune", "from": "mini", "shape": {"layers": 3}}},
        "edge": {"start": {"kind": "prune", "shape": {"layers": 2}}},
    },
}


def changed(**tiers: dict[str, Any]) -> dict[str, Any]:
    """The family of toys with some settings of tiers changed."""
    raw: dict[str, Any] = json.loads(json.dumps(TOYS))
    for name, settings in tiers.items():
        raw["tiers"][name] |= settings
    return raw

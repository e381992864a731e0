"""The ways up from a model: along weights without a break, and along what teachers say."""

from collections import deque

from sqlalchemy import Connection, RowMapping

from family.licences.terms import Through
from family.lineage.read import line
from family.stage import OUTPUTS

#: Edges of a model that was taught; one that was only cut by means of data was not.
TAUGHT = OUTPUTS | {"finetuned_from"}

#: The nearest edges by which a model is reached along its weights and along its outputs.
Ways = dict[Through, RowMapping | None]


def ways_up(connection: Connection, key: str) -> tuple[dict[str, Ways], list[str]]:
    """Every model that `key` came from, and itself, by the ways that lead there; and those among
    them that were taught. The nearest come first."""
    above: dict[str, list[RowMapping]] = {}
    for row in sorted(line(connection, key, "up"), key=lambda row: row["position"]):
        above.setdefault(row["child"], []).append(row)
    start: tuple[str, Through] = (key, "weights")
    found: dict[str, Ways] = {key: {"weights": None}}
    waiting = deque([start])
    while waiting:
        child, through = waiting.popleft()
        for row in above.get(child, ()):
            said = row["kind"] in OUTPUTS
            way: Through = "outputs" if said else through
            ways = found.setdefault(row["parent"], {})
            if way not in ways:
                # Along outputs, the edge that matters is the last that outputs flowed along.
                ways[way] = row if said or way == "weights" else found[child]["outputs"]
                waiting.append((row["parent"], way))
    taught = [one for one in found if any(row["kind"] in TAUGHT for row in above.get(one, ()))]
    return found, taught

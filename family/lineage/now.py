"""A family as it is now or as a release holds it, put together from its steps' artifacts."""

from collections.abc import Collection, Mapping
from pathlib import Path

from sqlalchemy import Connection, select

from family.lineage.names import ID, Names, places_of
from family.lineage.read import figures_of, files_of, parents_of
from family.lineage.record import model_name
from family.lineage.tables import builds, models, verdicts
from family.lineage.views import FlagshipMember, GateResult, Member, Parent, Shipped, Status
from family.stage import Verdict

FLAGSHIP = "flagship"

#: How the files that hold weights end; the largest of them stands for a model on disk.
WEIGHTS = (".safetensors", ".onnx", ".data", "_data", ".gguf")


def status(connection: Connection, family: str, store: Path, version: str | None = None) -> Status:
    """What the family has now, or what it had in the release `version`.

    While a family is being rebuilt, some of its artifacts are still about an earlier model of
    their tier: such files, figures and verdicts are left out.
    """
    return _Family(connection, family, store, version).status()


def measures(step: str) -> bool:
    """Whether a step says how good a model is."""
    return step.partition(":")[0] in ("evaluate", "verify", "capabilities", "rouge")


class _Family:
    def __init__(
        self, connection: Connection, family: str, store: Path, version: str | None
    ) -> None:
        self.connection, self.family, self.store = connection, family, store
        self.version = version
        self.names = Names(connection, family, version)
        self.heads: dict[str, dict[str, str]] = {}
        self.inputs: dict[str, Mapping[str, str]] = {}
        places = places_of(version)
        rows = connection.execute(
            select(places.c.tier, places.c.step, places.c.key, builds.c.recipe)
            .join(builds, builds.c.key == places.c.key)
            .where(places.c.family == family)
            .order_by(places.c.tier, places.c.step)
        )
        for tier, step, key, recipe in rows:
            self.heads.setdefault(tier, {})[step] = key
            self.inputs[key] = recipe["inputs"]

    def status(self) -> Status:
        tiers = [self._tier(tier) for tier, steps in self.heads.items() if "distill" in steps]
        return Status(
            family=self.family,
            version=self.version,
            store=str(self.store),
            flagship=self._flagship(),
            tiers=tuple(sorted(tiers, key=lambda tier: (-tier.parameters, tier.tier))),
        )

    def _flagship(self) -> FlagshipMember | None:
        key = self.heads.get("", {}).get(FLAGSHIP)
        if key is None:
            return None
        about = self.heads[""].get("about")
        facts = self.connection.scalar(select(builds.c.facts).where(builds.c.key == about)) or {}
        scores = [steps["evaluate"] for steps in self.heads.values() if "evaluate" in steps]
        scores += [key for step, key in self.heads[""].items() if measures(step)]
        member = self._member("", FLAGSHIP, key, [FLAGSHIP], scores)
        return FlagshipMember(
            **dict(member),
            title=facts.get("name", FLAGSHIP),
            licence=facts.get("licence", "not stated"),
        )

    def _tier(self, tier: str) -> Member:
        steps = self.heads[tier]
        current = {"model": steps["distill"]}
        exports = [
            step
            for step, key in steps.items()
            if step.startswith("export:") and self._is_about(key, current)
        ]
        current |= {step.partition(":")[2]: steps[step] for step in exports}
        scores = {
            step: key
            for step, key in steps.items()
            if measures(step) and self._is_about(key, current)
        }
        member = self._member(tier, "distill", steps["distill"], exports, scores.values())
        judged = "gate" in steps and self.inputs[steps["gate"]] == scores
        return member.model_copy(update={"gate": self._gate(steps["gate"]) if judged else None})

    def _is_about(self, key: str, current: Mapping[str, str]) -> bool:
        """Whether the artifact was made from what the tier has now."""
        inputs = self.inputs[key]
        return all(inputs[name] == current[name] for name in inputs.keys() & current.keys())

    def _member(
        self, tier: str, step: str, key: str, files: Collection[str], scores: Collection[str]
    ) -> Member:
        row = self.connection.execute(select(models).where(models.c.key == key)).one()
        found = [self._shipped(tier, file, scores) for file in files]
        return Member(
            tier=tier or step,
            model=key[:ID],
            name=model_name(self.family, tier, step),
            parameters=row.parameters,
            architecture=row.architecture,
            metrics=tuple(figures_of(self.connection, key, scores)),
            parents=self._parents(key),
            files=tuple(sorted(found, key=lambda file: (-file.bytes, file.precision))),
            gate=None,
        )

    def _shipped(self, tier: str, step: str, scores: Collection[str]) -> Shipped:
        key = self.heads[tier][step]
        files = files_of(self.connection, key, self.store)
        weights = max(files, key=lambda file: (file.path.endswith(WEIGHTS), file.bytes, file.path))
        precision = select(models.c.precision).where(models.c.key == key)
        return Shipped(
            precision=self.connection.scalars(precision).one(),
            model=key[:ID],
            name=model_name(self.family, tier, step),
            path=weights.path,
            bytes=weights.bytes,
            sha256=weights.sha256,
            folder=str(self.store / "artifacts" / key),
            beside=tuple(file for file in files if file is not weights),
            metrics=tuple(figures_of(self.connection, key, scores)),
            parents=tuple(parents_of(self.connection, self.names, key)),
        )

    def _parents(self, key: str) -> tuple[Parent, ...]:
        starts = [value for name, value in self.inputs[key].items() if name == "student"]
        return tuple(
            parent
            for child in (*starts, key)
            for parent in parents_of(self.connection, self.names, child)
        )

    def _gate(self, key: str) -> GateResult:
        rows = self.connection.execute(
            select(verdicts).where(verdicts.c.gate == key).order_by(verdicts.c.position)
        )
        found = tuple(
            Verdict(bound=row.bound, limit=row.limit, value=row.value, passed=row.passed)
            for row in rows
        )
        return GateResult(passed=all(verdict.passed for verdict in found), verdicts=found)

"""What families tell Prefect's server, and what their deployments may wait for."""

from prefect.events import emit_event

#: The flagship is another one than the family was built from.
CHANGED = "descent.flagship.changed"
#: An alias of the family moved.
PROMOTED = "descent.family.promoted"


def resource(family: str) -> str:
    """How events name a family."""
    return f"descent.family.{family}"


def tell(event: str, family: str, **payload: str) -> None:
    """Emit an event about a family."""
    about = {"prefect.resource.id": resource(family), "prefect.resource.name": family}
    emit_event(event=event, resource=about, payload=payload)

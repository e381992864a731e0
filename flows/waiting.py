"""Tell a suspended release what a person decided at the command line."""

from uuid import UUID

from family.ledger import Decision


def tell(run: str, decision: Decision) -> str:
    """Let the run `run` go on; a sentence about what became of it.

    The decision stands in the store whatever happens here."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound, PrefectException
    from prefect.flow_runs import resume_flow_run
    from prefect.settings import PREFECT_API_URL

    release = f"{decision.family} {decision.version}"
    by_hand = f"Promote it yourself: descent promote {release}"
    if not PREFECT_API_URL.value():
        return (
            f"Its run waits on a Prefect server. Name it with PREFECT_API_URL and say it again, or "
            f"answer the form there. {by_hand}"
        )
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_run(UUID(run))
            if found.state is None or not found.state.is_paused():
                name = found.state.name if found.state else "no state"
                return f"The run that waited, {found.name}, has ended ({name}). {by_hand}"
        answer = {"decision": decision.kind, "by": decision.by, "note": decision.reason}
        resume_flow_run(UUID(run), run_input=answer)
    except ObjectNotFound:
        return f"The server does not know the run that waited. {by_hand}"
    except (httpx.TransportError, PrefectException) as error:
        return f"The run that waits could not be told ({error}). {by_hand}"
    return f"The run {found.name} goes on."

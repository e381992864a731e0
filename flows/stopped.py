"""How Prefect shows a run that its user stopped: as cancelled, where it sees a crash."""

from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled


def show_as_cancelled(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """For `on_crashed` of a flow."""
    if isinstance(state.data, (KeyboardInterrupt, TerminationSignal)):
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Cancelled(message="Stopped."), force=True)

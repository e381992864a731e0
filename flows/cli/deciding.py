"""What the commands say that write a decision down."""

from typing import TYPE_CHECKING

from family.ledger import Decision

if TYPE_CHECKING:
    from family.store import Store


def told(decision: Decision, as_json: bool) -> None:
    """Print a decision, as JSON or as a sentence."""
    from flows.cli import show

    if as_json:
        show.json(decision)
        return
    release = f"{decision.family} {decision.version}"
    show.show(
        {
            "approve": f"{release} is approved by {decision.by}.",
            "reject": f"{release} is rejected by {decision.by}.",
            "waive": f"{release}: {decision.subject} is waived by {decision.by}.",
            "promote": f"{decision.alias} of {decision.family} is {decision.version} now.",
            "rollback": f"{decision.alias} of {decision.family} is {decision.version} again.",
        }[decision.kind]
    )


def passed_on(store: "Store", decision: Decision) -> None:
    """Tell the Prefect run that waits for this decision, if one does."""
    import click

    from family.lineage.queries import Lineage
    from flows.waiting import tell

    release = Lineage(store).release(decision.family, decision.version)
    if release.prefect_run_id:
        click.echo(tell(release.prefect_run_id, decision), err=True)

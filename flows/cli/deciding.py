"""What the commands say that write a decision down."""

from family.ledger import Decision


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

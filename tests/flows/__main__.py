"""`python -m tests.flows ...`: the `descent` command with the stages of toys."""

from flows import stages
from flows.cli.main import main
from tests.flows import table

stages.STAGES = table.STAGES
main()

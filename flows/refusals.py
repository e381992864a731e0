"""How a flow ends that is refused something."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Failed

from family.errors import DescentError

Parameters = ParamSpec("Parameters")


def in_plain_words(
    function: Callable[Parameters, State[Any]],
) -> Callable[Parameters, State[Any]]:
    """Have a flow that raises what the user can mend fail with that message, and nothing before it.

    Raised, the state's message would begin with Prefect's own words."""

    @wraps(function)
    def run(*arguments: Parameters.args, **named: Parameters.kwargs) -> State[Any]:
        try:
            return function(*arguments, **named)
        except DescentError as error:
            get_run_logger().error(str(error))
            return Failed(message=str(error), data=error)

    return run

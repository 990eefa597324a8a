"""How a stage tells its progress."""

from collections.abc import Callable

Report = Callable[[str, float], None]
"""`report(stage, fraction)`: progress of the stage, 0 to 1; raises `Cancelled` on request."""

"""cjo-stream: an event-stream engine for Customer Journey Orchestration.

The rooms, outermost first; each may import only what stands below it:

    __main__ -> cli -> testing -> insight -> kafka | embedded | simulate
             -> ingest | store | telemetry -> settings -> definition -> engine -> core -> errors
"""

from importlib.machinery import PathFinder

__version__ = "0.1.0"


def is_compiled() -> bool:
    """Return whether the engine is that of the compiled wheel (docs/operations.md)."""
    spec = PathFinder.find_spec("turns", [f"{folder}/engine" for folder in __path__])
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


def engine_here() -> str:
    """Return `compiled` with the compiled wheel, else `python`."""
    return "compiled" if is_compiled() else "python"

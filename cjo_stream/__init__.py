"""cjo-stream: an event-stream engine for Customer Journey Orchestration.

The rooms, outermost first; each may import only what stands below it:

    __main__ -> cli -> testing -> insight -> kafka | embedded | simulate
             -> ingest | store | telemetry -> settings -> definition -> engine -> core -> errors
"""

__version__ = "0.1.0"

"""cjo-stream: an event-stream engine for Customer Journey Orchestration.

The rooms, outermost first; each may import only what stands below it:

    __main__ -> cli -> kafka | embedded | simulate | testing -> ingest | store | telemetry
             -> settings -> definition -> engine -> core -> errors
"""

__version__ = "0.1.0"

"""One process of an installation: from its start to its end, and its supervision.

stage      the scaffold of intake, dispatch and learn
slot       one process for each slot on a host
watchdog, pulse    whether it makes progress, and what /healthz and /readyz say
ending     what its exit code means
up         all processes of an installation under one supervisor

What a stage does at a turn is not in here.
"""

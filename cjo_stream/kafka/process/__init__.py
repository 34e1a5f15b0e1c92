"""One process of an installation: from its start to its end, and its supervision.

stage      the scaffold of intake, dispatch and learn
slot       one process for each slot on a host
watchdog, pulse    whether it makes progress; the answers of /healthz and /readyz
ending     the meaning of its exit code
up         all processes of an installation under one supervisor

The work of each stage is not in here.
"""

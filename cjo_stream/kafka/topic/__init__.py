"""The topics of an installation.

    name        their names
    wanted      their required configuration: private ones, those of record kinds, the channels'
    check       creates them, compares them with what is required

The content and the readers of a topic are not described here.
"""

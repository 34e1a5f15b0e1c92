"""The topics of an installation.

    name        their names
    wanted      their required configuration: private ones, those of record kinds, the channels'
    check       creates them, compares them with what is required
    right       what each process may do with them, and with groups and transactional ids

The content and the readers of a topic are not described here.
"""

"""The topics of an installation.

    name        what they are called
    wanted      how they must be: the private ones, those of record kinds, the channels'
    check       made, compared with what there is, required

What stands in a topic, and who reads it, is not here.
"""

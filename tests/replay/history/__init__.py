"""What a release wrote, kept for every later one to open: one `behaviour-N.xz` a number.

    topology/   the definitions a history is run by, and how they change on the way
    walk        one random run of the whole chain over them: whence a history comes
    kept        the form of a history, and its file
    told        a history told by this release: from its beginning, and from where stores were kept
    made        a history of this release
    layout      all fields and kinds that a release writes, and those that a history holds
    missing     what a history lacks of all that
    contents    what stands in stores, logs and topics
    folder      a state folder of `run --state` and a checkpoint, as files
    again       the adversary's: a kept history and new walks, told by tasks that die

`python -m tests.replay.history` writes the history of the behaviour number of this release: of the
first walk that meets everything.
"""

"""Random worlds through a plain reference, and through the engine: the same effects.

    topology     random definitions that use the whole grammar, as plain data
    stream       random records for them: late, doubled, broken, answering commands
    reference    the pure core alone: one customer after the other, dicts and one queue of dues
    engine       the same records as `cjo-stream run` takes them, killed in the middle or not
    promise      what effects must keep whatever the topology says, from the records alone
    worlds       one seed is one world: `run(seed)`, `smallest(seed)`
    shared       worlds of many people, on one core and on several
    canary       the same worlds with guarded canaries on the way, by 1 and by 5 partitions

The reference uses no frames, lanes, tasks, stores or cache, so what it shares with the engine is
the core; what the core itself does wrong, the promises see. `python -m tests.differential --help`.
"""

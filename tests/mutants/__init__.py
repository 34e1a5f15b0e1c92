"""Small faults put into `core` and `engine`, one at a time: do the tests see them?

    mutation    what may be changed in a source, and the source with one change
    reach       which tests execute which line, and how long each takes
    choice      which tests are run for a mutant of a line, and in which order
    trial       one mutant and its tests, in a process and a copy of the tree of their own

`python -m tests.mutants` draws mutants by a seed and tells the share that tests kill.
"""

"""Worlds to test in, smallest first, and what tests of several rooms make worlds of.

Of the core:
    scene             a topology as text, and events at times, through the driver for topologies
    desk              a scene whose customer asks for decisions
    cases             a topology, and the cases of test files beside it
    town              actors by hand: each message arrives when the test says
    timelines         timelines without a store, where no task runs the core

Of the engine:
    partition         one task by hand: its log, its store, what went out
    redefining        an installation in memory whose definitions change
    mesh              tasks over logs in memory with the lanes between them, from one seed

Of the shells:
    archiving         an intake by hand, its archive, and a death between any two lines
    command_line      commands of `cjo-stream` in this process: output and exit code
    host              a worker's partitions without a broker
    partition_folder  a partition's folder on a host, and its checkpoints
    broker            a broker from the jars
    crew              a run on several cores, all in this process
    chain             a whole installation on a broker: its processes
    apicurio          a real schema registry
    registry          one of a few lines
    certificate       an authority that signs certificates of servers
    load              what is sent to it
    metronome         how much of the machine's time there was meanwhile
    verdict           what it did, held against a replay of its log

What goes into them:
    record            records, made up
    capped            a topology with caps, and the caps by nothing but arithmetic
    small             small bounds, drawn from a seed; guards that trip in small worlds
    poison            programs whose expressions fail
    rubbish           a file of events, three in ten rubbish, and what must be counted
    handling          handlers of messages that fail, or do something else
    small_disk        a disk that is soon full
    topology          definitions: carts, orders, care
    deciding          definitions: decisions of all kinds
    hostile           definitions that read whatever an event carries

How it is looked at:
    stored            what lies in a store
    page              the tags of a page
    files             what lies in files, byte by byte
    schema            whether a value is as a JSON Schema says
    situation         what was under way when something happened (`situations.txt`)
    predicted         what a posterior predicts by its means alone
"""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
TOPOLOGY: Final = FOLDER / "topology"
HOSTILE: Final = FOLDER / "hostile"

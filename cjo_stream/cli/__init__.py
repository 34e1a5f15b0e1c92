"""The command line: a module a command, which reads its options, calls a room, and prints.

    app         which commands there are, and what their errors look like and exit with
    terminal    what is printed, and where: results on stdout, everything else on stderr
    option      options and arguments that several commands have

Rooms are imported inside the commands: `--help` waits for none of them.
"""

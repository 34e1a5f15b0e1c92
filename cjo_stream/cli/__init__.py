"""The command line: one module for each command, which reads its options, calls a room, prints.

    app         the list of commands; how errors are printed, and the exit codes
    terminal    printing: results on stdout, everything else on stderr
    option      options and arguments that several commands have

Rooms are imported inside the commands, so that `--help` does not wait for them.
"""

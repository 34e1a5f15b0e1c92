"""The archive: what intake accepted, in files by day and hour, and how they are read again.

Here is what a file holds, what it is called, where it lies, and how a person's events leave it.
Which events go into which file, and when, is intake's (`kafka/stage/archiver`).
"""

"""The archive: accepted events in files by day and hour.

Here are the content, the name and the place of a file, and the erasure of a person's events.
Intake decides which events go into which file, and when (`kafka/stage/archiver`).
"""

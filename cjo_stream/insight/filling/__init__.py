"""What fills a layer (`insight/layer`): new records -> parts -> the next manifest.

    source     where records come from: folders of runs, files and topics of events
    refusal    which events of files customers refused, by the dead letters of runs
    same       whether the files of a run are those whose records the layer has
    repeat     which events are repeats
    gathering  rows that wait -> parts
    compaction joins small parts
    stays      stays that are kept, because readers would have to put all records in order
    sink       new records -> parts -> the next manifest
    clearing   removes files that no reader needs any more
    live       the sink as a process on Kafka

A sink that is killed leaves files that no manifest names. The next one removes them and reads
their records again.
"""

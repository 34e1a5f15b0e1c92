"""The distributed runtime, on Apache Kafka.

    stage        intake, dispatch, learn: plain processes around the tasks
    worker       the tasks, hosted by a Faust app
    process      how such processes start, go on and end; `up`
    definition   definition sets on their way to an installation
    position     where stages and workers stand in the logs
    topic        names of topics, how they must be, whether they are
    client       librdkafka's clients
    command      questions to tasks, and their answers
    operator     what operators ask of an installation
    local        a broker on this machine, simulated people

What a record means is the engine's business.
"""

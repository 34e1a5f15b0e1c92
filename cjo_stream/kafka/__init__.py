"""The distributed runtime, on Apache Kafka.

    stage        intake, dispatch, learn: plain processes around the tasks
    worker       the tasks, hosted by a Faust app
    process      how such processes start, go on and end; `up`
    definition   definition sets on their way to an installation
    hold         commands that an operator holds
    position     the positions of stages and workers in the logs
    topic        names of topics, their required configuration, the check of it
    client       librdkafka's clients
    command      questions to tasks, and their answers
    moving       a customer base that leaves one installation and arrives in another
    operator     the installation's port for operators
    local        a broker on this machine, simulated people

Only the engine knows the meaning of a record.
"""

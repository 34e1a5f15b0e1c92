"""Learning from rewards: features, the posterior of each treatment, Thompson draws.

    feature     named values  -> hashed features, kept with the command
    posterior   rewards, one by one -> a treatment's posterior; `Model` holds all treatments'
    weight      a model -> quantised weights in parts, as they are published -> weights in force
    calibration outcomes of predictions -> how far their probabilities lay from what came
    thompson    weights in force -> a choice drawn from the posterior, and its probability
    number      exp, log and quantiles with the same bits on every machine
    vector      the same of arrays, by numpy, where it is installed

A command's reward window is in `core/command`, choosing without draws in `core/decision`, the
evaluation of policies in `insight`.
"""

"""Evaluation of published records: the value of policies, and the lift of journeys.

estimate    estimates what another policy would have earned, from logged choices and rewards
policy      the other policy: the probability that it makes a recorded choice
case        decision and reward records, or rows of any log, -> the cases of `estimate`
lift        two groups compared: rates, values, intervals, detectable differences
cohort      decision, transition and identity records -> the groups of `lift`
"""

"""What was it worth: arithmetic over records that are out, decided by nothing here.

estimate    what another policy would have earned, from logged choices and their rewards
policy      the other policy: with which probability it makes a recorded choice
case        decision and reward records, or rows of any log, -> what `estimate` adds up
lift        two groups compared: rates, values, intervals, what could have been seen
cohort      decision, transition and identity records -> those groups
"""

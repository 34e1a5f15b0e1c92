"""The guards of a canary: how customers inside and outside compare.

interval   two samples -> the difference of their means, and an interval valid at all times
verdict    two samples -> whether a guard trips
"""

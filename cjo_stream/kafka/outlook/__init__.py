"""What a process asks the broker only to show it in its metrics.

asking     a thread that asks now and then
clock      how far this host's clock is from the broker's
channel    whether anybody takes the commands of a channel

Nothing here changes what the process does, and no answer is waited for elsewhere.
"""

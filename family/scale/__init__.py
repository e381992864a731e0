"""What a family would cost on hardware that is not here: on paper, and as a simulated schedule.

`hardware` knows kinds of devices, `costs` turns work into seconds and bytes, `schedule` puts the
steps one after the other, `planner` does so for a family file, and `published` holds all of it to
runs that others have published.
"""

"""A version of a whole family, and what people decide about it.

versions   which number a change may have
freeze     take what the family has now as a release: all its tiers or none
publish    what is handed out: files with their cards, notices and bill of materials
decide     approve, reject, waive, promote, roll back
"""

"""Pictures made of a few shapes, as SVG and as PNG. It knows nothing of families.

scene   shapes, and the roles that their colours play
svg     a scene as text, whose colours a page may change by class
png     a scene as pixels
axes    scales, ticks and the frame of a chart
labels  words put where they cover least
layers  where the nodes of a directed graph stand, and how its edges run
"""

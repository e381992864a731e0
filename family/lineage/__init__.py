"""Where every model came from: an index over the store's manifests, and what is read from it.

record     rows are written as an artifact is sealed; the whole index can be rebuilt
queries    `Lineage`: status, show, ancestors, descendants, contains, path, diff, why, graph
changes    why two models differ, and what moved with it
licences   which licences reach a model, and whether what they ask for is met
scorecard  notes  map   what is told from a status, and from nothing else
"""

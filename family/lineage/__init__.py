"""Where every model came from: an index over the store's manifests, and what is read from it.

record     rows are written as an artifact is sealed; the whole index can be rebuilt
queries    `Lineage`: status, show, ancestors, descendants, contains, path, diff, why, graph
changes    why two models differ, and what moved with it
licences   which licences reach a model, and whether what they ask for is met
scorecard  map   what is told from a status, and from nothing else
pedigree   the lineage as a picture, without Graphviz
report     all of it on one page of HTML that loads nothing
notes      what changed between two releases, whether it is better, and why
dossier    all that is known of one model and of what it came from; its lineage digest
card  bom  what is told from a dossier: for the Hugging Face Hub, and as a CycloneDX ML-BOM
"""

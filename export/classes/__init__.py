"""Classifiers of texts: what is theirs alone in export, running and verification.

graph    a classifier's graph, out of what the model builder makes of its body
runtime  an exported classifier in ONNX Runtime: logits, labels with their odds
verify   every file next to the checkpoint: how good, how large, how fast
"""

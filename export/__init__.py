"""A checkpoint in, files for a device out.

targets     which models the exported files can be of; pure
build       the stage that turns a Hugging Face folder into ONNX in fp32, int8 or int4
graph       what the builder's graph still lacks
runtime     an exported folder in ONNX Runtime: logits, greedy tokens, text for people
verify      the stage that reopens every file: how good, how large, how fast
checkpoint  the PyTorch model that files are held against
compare     a file's answers next to the checkpoint's
bench       a file's speed in turns with the checkpoint's
size        a folder's megabytes
classes     the same for classifiers of texts
"""

import os

# ONNX Runtime reports its use over the network unless told otherwise before it is imported
# (its Privacy.md). Nothing leaves the machine unless the user says so.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

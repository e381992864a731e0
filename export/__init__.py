"""A checkpoint in, files for a device out.

targets     which shapes the exported files can run; pure
build       a Hugging Face folder to ONNX in fp32, int8 or int4
graph       what the builder's graph still lacks
runtime     an exported folder in ONNX Runtime: logits, greedy tokens, text for people
checkpoint  the PyTorch checkpoint that the files are held against
verify      every file, reopened in its own runtime: how good, how large, how fast
"""

import os

# ONNX Runtime reports its use over the network unless told otherwise before it is imported
# (its Privacy.md). No model, prompt or figure leaves the machine unless the user says so.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

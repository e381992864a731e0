"""A checkpoint in, files for a device out.

targets   which shapes the exported files can run; pure
build     a Hugging Face folder to ONNX in fp32, int8 or int4
graph     what the builder's graph still lacks
runtime   ONNX Runtime: logits, greedy tokens, text for people
verify    every file, reopened in its own runtime: how good, how large, how fast
"""

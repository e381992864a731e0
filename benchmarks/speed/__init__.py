"""Ours beside TRL and a plain PyTorch loop: speed, memory, and that as much was learned."""

"""How all sides train: what stands here is equal for each."""

LEARNING_RATE = 5e-4
WARM_UP = 0.05
BETAS = (0.9, 0.98)
CLIP = 1.0
BATCH = 4
SEED = 0

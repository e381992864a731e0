"""How good a model is: the protocol, the scores on held-out conversations, and the gate."""

"""Training: the objective, the loop, and a run folder that survives being killed."""

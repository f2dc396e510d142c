"""Training the networks: ``python -m render.train.data``, ``codec``, ``diffusion``, ``controlnet``, ``style``."""

"""Networks and samplers: tensors only, no knowledge of music."""

"""Networks: tensors only, no knowledge of music."""

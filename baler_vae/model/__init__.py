"""Inference without PyTorch: what decoding an archive needs, and the encoder."""

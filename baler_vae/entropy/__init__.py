"""Integers, numbers and text to bytes and back, without a model of what they mean."""

"""Measurements of size, quality, speed and memory."""

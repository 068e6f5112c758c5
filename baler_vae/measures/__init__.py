"""What is said of latents, samples, scores and paths: numbers from arrays, and the results that hold them."""

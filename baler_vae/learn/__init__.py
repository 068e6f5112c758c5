"""How a model comes to be: networks, objective, training, export. The one room that needs PyTorch."""

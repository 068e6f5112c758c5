"""Networks as values: an architecture is a frozen description, `build` makes the module that the loop trains.

A network of the loop (`baler_vae.learn.loop.Network`) is a module with one method, `outputs(batch, generator)`, which
gives whatever the terms of its objective read. Everything random in it, such as the noise of a posterior, is drawn from
that generator. Another architecture (convolutions over images or showers) is another file here: a frozen description
and its module; where its outputs are `Outputs` (`outputs.py`), all terms of autoencoders apply to it.
"""

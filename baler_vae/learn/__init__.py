"""Networks, objectives, one training loop.

* `networks/`: architectures as values, the modules they build, posteriors;
* `objective.py`: what is minimised, a list of terms, which are in `reconstruction.py`, `divergences.py`,
  `discrepancy.py` and `penalties.py`, and for the sizes of archives in `terms.py`; `objectives.py`: the list that
  settings describe; `schedules.py`: weights and rates that change;
* `plans.py`: which rows each step sees; `loop.py`: the one loop, which knows none of the above in particular;
* `autoencoder.py`, `latents.py`, `conditional.py`: the three trainings that put those together;
* `transforms.py`, `fit.py`, `export.py`: from columns to scores, to a trained network, to what an archive stores.
"""

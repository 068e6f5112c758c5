"""A small real ntuple: 20,092 jets in 2,400 simulated pp -> Z'(3 TeV) -> t tbar events at 13 TeV.

The branches and their units stand in `projects/zprime_jets/README.md`. The file was made with

    python projects/zprime_jets/generate.py baler_vae/sample/zprime_jets.root --events 2400 --seed 2026 --force

(pythia8mc 8.317.2, fastjet 3.5.2.0) and has the licence of this package, Apache-2.0.
"""

from pathlib import Path

SAMPLE = Path(__file__).with_name("zprime_jets.root")
"""The ROOT file with the tree `Events`."""

__all__ = ["SAMPLE"]

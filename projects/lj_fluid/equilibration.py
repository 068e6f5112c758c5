"""How many sweeps it takes until configurations are equilibrated."""

import numpy as np
from data import Record, Study
from fluid import Fluid, energies, histories
from pictures import COLOURS, panels, save

SWEEPS = (1, 2, 5, 10, 20, 50, 100, 200, 400, 700, 1_000, 1_400, 2_000, 4_000)
N_CONFIGURATIONS = 400
GAMMAS = (0.1, 0.4, 0.7, 1.0)


def study_equilibration(study: Study) -> list[Record]:
    """The mean energy after so many sweeps, and its error."""
    n = min(N_CONFIGURATIONS, study.n_test)
    found = []
    figure, ((axis,),) = panels(1, 1, 5.0, 3.2)
    for gamma, colour in zip(GAMMAS, COLOURS, strict=False):
        places, accepted = histories(Fluid(gamma), n, study.seeds[0], SWEEPS)
        values = np.stack([energies(places[:, time], gamma) for time in range(len(SWEEPS))])
        means, errors = np.median(values, axis=1), values.std(axis=1) / np.sqrt(n)
        axis.plot(SWEEPS, means, marker="o", ms=3, lw=1.2, color=colour, label=f"gamma {gamma:g}")
        for sweeps, own, mean, error in zip(SWEEPS, values, means, errors, strict=True):
            record = {"gamma": gamma, "sweeps": sweeps, "energy": float(own.mean()), "median": float(mean)}
            found.append(record | {"error": float(error), "accepted": accepted})
    axis.axvline(Fluid(1.0).sweeps, color="black", lw=0.8, ls=":")
    axis.set(xscale="log", xlabel="sweeps", ylabel="median energy", ylim=(-20, 180))
    axis.legend(fontsize=8, frameon=False)
    save(figure, study.pictures / "equilibration.png")
    study.write("equilibration", found)
    return found

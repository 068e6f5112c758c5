"""Rivals that do not do what they say."""

import pickle

import numpy as np

from benchmarks.rivals.signature import NotApplicableError, Rival


def _keep(columns, _bounds):
    return pickle.dumps(dict(columns))


def _coarse(data):
    return {name: np.round(v, 1) if v.dtype.kind == "f" else v for name, v in pickle.loads(data).items()}


def _shorter(data):
    return {name: values[:-1] for name, values in pickle.loads(data).items()}


def _refuse(_columns, _bounds):
    raise NotApplicableError("not on a Saturday")


COARSE = Rival("coarse", "rounds to a tenth, whatever the bound", _keep, _coarse)
SHORTER = Rival("shorter", "loses a row", _keep, _shorter)
REFUSES = Rival("refuses", "cannot", _refuse, pickle.loads)
ABSENT = Rival("absent", "cannot be imported", _keep, pickle.loads, needs=("no_such_package_anywhere",))
FREE = Rival("free", "promises nothing", _keep, _coarse, promises=False)

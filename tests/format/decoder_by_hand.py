"""A reader of decoders in whole numbers of Python, written from FORMAT.md alone: dense layers and convolutions."""

import json
import math
import struct
from bisect import bisect_right
from itertools import product

import numpy as np

from .by_hand import checked_parts_of, numbers, parts_of, tables_of, under_table

LEAKY = float(np.float32(0.01))


def values_of(contents):
    """The columns that the decoder of the first group gives, (rows, cells) each, by name."""
    manifest = json.loads(contents["manifest.json"])
    group, n_rows = manifest["groups"][0], manifest["row_groups"][0][0]
    latents = latents_of(contents, group["latents"], n_rows)
    header, *parts = parts_of(contents["model/0"])
    header = json.loads(header)
    knots = [numbers(part, np.float64) for part in parts[: len(header["columns"])]]
    layers = layers_of(parts[len(knots) :], header.get("layers"))
    rows = [scores_of(row, layers) for row in latents]
    dtypes = {column["name"]: column["dtype"] for column in group["columns"]}
    n_columns, found = len(knots), {}
    for number, name in enumerate(header["columns"]):
        half = len(knots[number]) // 2
        own = [row[number::n_columns] if "layers" in header else row for row in rows]
        found[name] = np.array(
            [[value_of(y, knots[number][:half], knots[number][half:]) for y in row] for row in own]
        ).astype(dtypes[name])
    return found


def latents_of(contents, entry, n_rows):
    """The latents of each row, as float32."""
    parts = checked_parts_of(contents["groups/0/0"])
    tables = iter(tables_of(parts_of(contents["tables/0"])) if "tables/0" in contents else ())
    columns = []
    for part, coding, step in zip(parts, entry["codings"], entry["steps"], strict=False):
        codes = under_table(part, next(tables), n_rows) if coding == "table-1" else numbers(part)
        columns.append([float(np.float32(code * step)) for code in codes])
    return list(zip(*columns, strict=True))


def layers_of(parts, described):
    """Each layer: its description, weights as whole numbers by output, the step of these, bias, gains and shifts."""
    layers, rest = [], list(parts)
    while rest:
        one = described[len(layers)] if described else None
        n_parts = 5 if one and one["groups"] else 3
        (shape, weights, bias, *more), rest = rest[:n_parts], rest[n_parts:]
        n_outputs, n_inputs, exponent = struct.unpack("<IIi", shape)
        whole = [int(w) for w in numbers(weights)]
        rows = [whole[i * n_inputs : (i + 1) * n_inputs] for i in range(n_outputs)]
        floats = [[float(x) for x in np.frombuffer(part, "<f4")] for part in (bias, *more)]
        layers.append((one, rows, exponent, *floats))
    return layers


def scores_of(row, layers):
    """The outputs of the last layer for the latents of a row, rounded to float32."""
    x, taken = [number * 65536 for number in row], None
    for number, (one, weights, exponent, bias, *more) in enumerate(layers):
        if number:
            x = [max(value, value * LEAKY) for value in x]
        before, taken = taken, [min(max(round(value), -(2**28)), 2**28) for value in x]
        x = convolved(one, weights, exponent, bias, taken) if one else dense(weights, exponent, bias, taken)
        if one and one["groups"]:
            x = normalised(x, one["groups"], *more)
        if one and one["adds"]:
            x = [a + b for a, b in zip(x, before, strict=True)]
    return [float(np.float32(value / 65536)) for value in x]


def dense(weights, exponent, bias, x):
    sums = [sum(w * value for w, value in zip(row, x, strict=True)) for row in weights]
    return [math.ldexp(total, exponent) + b * 65536 for total, b in zip(sums, bias, strict=True)]


def convolved(one, weights, exponent, bias, x):
    """Place by place of the input (of the output, where it is not transposed), tap by tap."""
    shape, output, taps = one["shape"], one["output"], list(product(*map(range, one["kernel"])))
    n_in, n_out = len(weights[0]) // len(taps), len(weights)
    sums = [0] * (math.prod(output) * n_out)
    for near in product(*map(range, shape if one["transposed"] else output)):
        for number, tap in enumerate(taps):
            far = [n * one["stride"] - one["padding"] + t for n, t in zip(near, tap, strict=True)]
            source, target = (near, far) if one["transposed"] else (far, near)
            bounds = output if one["transposed"] else shape
            if any(not 0 <= place < length for place, length in zip(far, bounds, strict=True)):
                continue
            first = n_in * flat(source, shape)
            seen = x[first : first + n_in]
            for channel, row in enumerate(weights):
                own = row[number * n_in : (number + 1) * n_in]
                sums[n_out * flat(target, output) + channel] += sum(w * v for w, v in zip(own, seen, strict=True))
    return [math.ldexp(total, exponent) + bias[place % n_out] * 65536 for place, total in enumerate(sums)]


def flat(place, shape):
    number = 0
    for one, length in zip(place, shape, strict=True):
        number = number * length + one
    return number


def normalised(x, n_groups, gain, shift):
    whole = [min(max(round(value), -(2**28)), 2**28) for value in x]
    channels, found = len(gain), [0.0] * len(x)
    for group in range(n_groups):
        size = channels // n_groups
        places = [p for p in range(len(x)) if group * size <= p % channels < (group + 1) * size]
        mean = sum(whole[p] for p in places) / len(places)
        centred = {p: round(whole[p] - mean) for p in places}
        upper = {p: round(d / 2**15) for p, d in centred.items()}
        lower = {p: centred[p] - 2**15 * upper[p] for p in places}
        squares = float(sum(upper[p] ** 2 for p in places)) * 2**30
        squares = squares + float(sum(upper[p] * lower[p] for p in places)) * 2**16
        squares = squares + float(sum(lower[p] ** 2 for p in places))
        spread = math.sqrt(squares / len(places) + 1e-5 * 2**32)
        for p in places:
            found[p] = centred[p] / spread * (gain[p % channels] * 65536) + shift[p % channels] * 65536
    return found


def value_of(y, values, scores):
    if len(values) == 1:
        return values[0]
    k = min(max(bisect_right(list(scores), y) - 1, 0), len(scores) - 2)
    return values[k] + (y - scores[k]) * ((values[k + 1] - values[k]) / (scores[k + 1] - scores[k]))

"""A reader of archives in numbers of Python, written from FORMAT.md alone.

It reads columns coded as codes, on all grids but that of significant digits, under tables or networks, without
formulas; cells of arrays; numbers through pcodec, text, and nested columns.
"""

import json
import math
import struct
import zlib
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
import zstandard
from pcodec import standalone

from .cells_by_hand import Field, cells_of, take
from .grids_by_hand import SPECIAL, VERBATIM, holds_everything, is_special, seen, value_of


def read_zip(data):
    """The contents of all members, by name."""
    signature, *zeros, count, twice, n_directory, start, comment = struct.unpack("<4s4H2IH", data[-22:])
    assert (signature, zeros, comment) == (b"PK\5\6", [0, 0], 0)
    assert count == twice
    contents, place, expected = {}, start, 0
    for _ in range(count):
        fields = struct.unpack("<4s6H3I5H2I", data[place : place + 46])
        assert fields[:4] == (b"PK\1\2", 768 + 20, 20, 0)
        method, (crc, stored, size, n_name, n_extra) = fields[4], fields[7:12]
        assert fields[5:7] == (0, 33)
        n_comment = 8 if method == 8 else 0
        assert fields[12:16] == (n_comment, 0, 0, 0x81A40000)
        assert fields[16] == expected
        name = data[place + 46 : place + 46 + n_name]
        assert n_extra == 0
        comment = data[place + 46 + n_name : place + 46 + n_name + n_comment]
        place += 46 + n_name + n_comment
        header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, method, 0, 33, crc, stored, size, n_name, 0) + name
        assert data[expected : expected + len(header)] == header
        first = expected + len(header)
        content = data[first : first + stored]
        expected = first + stored
        if method == 8:
            assert comment == b"%08x" % zlib.crc32(content)
            content = zlib.decompress(content, -15)
        assert (zlib.crc32(content), len(content)) == (crc, size)
        contents[name.decode()] = content
    assert (expected, place + 22) == (start, len(data))
    assert place - start == n_directory
    return contents


def parts_of(section):
    (n_parts,) = struct.unpack_from("<I", section)
    sizes = struct.unpack_from(f"<{n_parts}Q", section, 4)
    ends = list(accumulate(sizes, initial=4 + 8 * n_parts))
    assert ends[-1] == len(section)
    return [section[start:end] for start, end in pairwise(ends)]


def checked_parts_of(section):
    """The parts of a section of rows, behind the CRC-32 of each."""
    checks, *parts = parts_of(section)
    assert checks == b"".join(zlib.crc32(part).to_bytes(4, "little") for part in parts)
    return parts


def numbers(data, dtype=np.int64):
    found = standalone.simple_decompress(data)
    return [] if found is None else found.astype(dtype).tolist()  # of no numbers it keeps no dtype


def plain_of(data, column, n_rows):
    """The values of a column without codes."""
    if column["coding"] == "pcodec-1":
        return numbers(data, np.dtype(column["dtype"]))
    if column["coding"] == "arrow-1":
        return arrow_of(frame_of(data), n_rows).to_pylist()
    assert column["coding"] == "text-1"
    (size,) = struct.unpack_from("<Q", data)
    text, found = frame_of(data[8 + size :]), []
    for length in numbers(data[8 : 8 + size]):
        found.append(text[:length].decode("utf-8", "surrogatepass") if length >= 0 else None)
        text = text[max(length, 0) :]
    assert text == b""
    return found


def frame_of(data):
    """The content of one zstandard frame that states its size."""
    size = zstandard.get_frame_parameters(data).content_size
    content = zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    assert len(content) == size
    return content


def arrow_of(stream, n_rows):
    """The one column of an Arrow stream: a schema of one field, one record batch, an end, nothing after it."""
    source = pa.BufferReader(stream)
    messages = list(pa.ipc.MessageReader.open_stream(source))
    assert [message.type for message in messages] == ["schema", "record batch"]
    assert {message.metadata_version for message in messages} == {pa.ipc.MetadataVersion.V5}
    assert source.tell() == len(stream)
    assert stream.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    with pa.ipc.open_stream(stream) as reader:
        (batch,) = reader
    assert (batch.schema.names, batch.num_rows) == (["values"], n_rows)
    own = [buffer for buffer in batch.column(0).buffers() if buffer]
    assert sum(buffer.size for buffer in own) <= len(stream)  # nothing is compressed in it
    return batch.column(0)


def alphabets_of(parts):
    """The (starts, shifts) of each alphabet."""
    sizes, shifts, gaps = numbers(parts[0][4:]), numbers(parts[1], np.uint8), numbers(parts[2])
    assert len(sizes) == int.from_bytes(parts[0][:4], "little")
    found = []
    for first, last in pairwise(accumulate(sizes, initial=0)):
        starts, end = [], 0
        for gap, shift in zip(gaps[first:last], shifts[first:last], strict=True):
            starts.append((end + gap + 2**63) % 2**64 - 2**63)
            end = starts[-1] + 2**shift
        found.append((starts, shifts[first:last]))
    return found


def tables_of(parts):
    """The (alphabet, quantiles) of each table; a symbol's quantiles end where the next one's begin."""
    levels, found = numbers(parts[3], np.uint8), []
    for alphabet in alphabets_of(parts[:3]):
        own, levels = levels[: len(alphabet[0]) + 1], levels[len(alphabet[0]) + 1 :]
        weights = [root_of_two(480 + -level % 16) >> (level + -level % 16) // 16 for level in own]
        frequencies = [1 + weight * (2**24 - len(own)) // sum(weights) for weight in weights]
        frequencies[own.index(min(own))] += 2**24 - sum(frequencies)
        found.append((alphabet, list(accumulate(frequencies, initial=0))))
    assert levels == []
    return found


def root_of_two(sixteenths):
    """floor(2^(sixteenths / 16)), by bisection."""
    low, high = 0, 1 << sixteenths // 16 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**16 <= 1 << sixteenths else (low, middle)
    return low


WEIGHTS = [root_of_two(256 - level) for level in range(256)]


class Stream:
    """Codes one by one."""

    def __init__(self, data, alphabet):
        n_words = shift = place = 0
        while data:
            group = data[place]
            n_words |= (group & 127) << shift
            place, shift = place + 1, shift + 7
            if group < 128:
                break
        self.words = list(struct.unpack_from(f"<{n_words}I", data, place))
        self.bits = int.from_bytes(data[place + 4 * n_words :], "little")
        self.use(alphabet)
        self.state = 0
        self._refill()

    def use(self, alphabet):
        """Codes of another alphabet follow."""
        self.starts, self.widths = [*alphabet[0], 0], [*alphabet[1], 64]

    def _refill(self):
        while self.words and self.state < 2**32:
            self.state = self.state * 2**32 + self.words.pop()

    def next(self, quantiles):
        quantile = self.state % 2**24
        symbol = max(k for k in range(len(quantiles) - 1) if quantiles[k] <= quantile)
        size = quantiles[symbol + 1] - quantiles[symbol]
        self.state = size * (self.state // 2**24) + quantile - quantiles[symbol]
        self._refill()
        code = self.starts[symbol] + self.bits % 2 ** self.widths[symbol]
        self.bits >>= self.widths[symbol]
        return (code + 2**63) % 2**64 - 2**63

    def finish(self):
        assert (self.state, self.bits, self.words) == (0, 0, [])


def under_table(data, table, n_rows):
    stream = Stream(data, table[0])
    codes = [stream.next(table[1]) for _ in range(n_rows)]
    stream.finish()
    return codes


class Network:
    """The network of a column: alphabet, inputs and layers."""

    def __init__(self, alphabet, inputs, layers):
        self.alphabet, self.inputs, self.layers = alphabet, inputs, layers

    def quantiles(self, x):
        for number, (weights, biases, shift) in enumerate(self.layers):
            if number:
                x = [min(max(value, -1024), 1023) for value in x]
                x = [value if value >= 0 else value // 8 for value in x]
            sums = [sum(w * value for w, value in zip(row, x, strict=True)) for row in weights]
            x = [(total + 2**shift // 2) // 2**shift + bias for total, bias in zip(sums, biases, strict=True)]
        weights = [WEIGHTS[min(max(x) - y, 255)] for y in x]
        scale = float(2**24 - len(x)) / float(sum(weights))
        before = list(accumulate(weights, initial=0))[:-1]
        return [*(k + math.floor(float(c) * scale) for k, c in enumerate(before)), 2**24]


def networks_of(parts):
    """The networks by column, and the stored views by source."""
    description = numbers(parts[0][4:])
    assert len(description) == int.from_bytes(parts[0][:4], "little")
    n_networks, n_views, *rest = description
    fields = numbers(parts[2])
    inputs = list(zip(*(fields[i * len(fields) // 3 : (i + 1) * len(fields) // 3] for i in range(3)), strict=True))
    alphabets = alphabets_of(parts[3:6])
    shapes = []
    for _ in range(n_networks):
        (column, n_inputs, n_layers), rest = rest[:3], rest[3:]
        shapes.append((column, n_inputs, list(zip(rest[: 2 * n_layers : 2], rest[1 : 2 * n_layers : 2], strict=True))))
        rest = rest[2 * n_layers :]
    assert rest == []
    sizes = [0] * 4
    for _, n_inputs, layers in shapes:
        widths = [n_inputs, *(width for width, _ in layers)]
        for number, (before, width) in enumerate(pairwise(widths)):
            sizes[kind_of(number, len(layers))] += before * width
            sizes[3] += width
    tables = zip(parts[10:], tables_of(parts[6:10]), sizes, strict=True)
    stored = [under_table(data, table, size) for data, table, size in tables]
    found = {}
    for (column, n_inputs, layers), alphabet in zip(shapes, alphabets[:n_networks], strict=True):
        own, inputs = inputs[:n_inputs], inputs[n_inputs:]
        made, before = [], n_inputs
        for number, (width, shift) in enumerate(layers):
            weights = [take(stored[kind_of(number, len(layers))], before) for _ in range(width)]
            made.append((weights, take(stored[3], width), shift))
            before = width
        found[column] = Network(alphabet, own, made)
    assert stored == [[], [], [], []]
    return found, dict(zip(numbers(parts[1]), alphabets[n_networks:], strict=True)) if n_views else {}


def kind_of(number, n_layers):
    return 2 if number == n_layers - 1 else 0 if number == 0 else 1


class Group:
    """The codes of a group's columns, `codes` by number in the order of the rows of the file."""

    def __init__(self, contents, number, events=None, counts=None):
        manifest = json.loads(contents["manifest.json"])
        self.columns = manifest["groups"][number]["columns"]
        latents = manifest["groups"][number]["latents"]
        self.n_rows = manifest["row_groups"][0][number]
        parts = checked_parts_of(contents[f"groups/{number}/0"])
        codings = [*(latents["codings"] if latents else []), *(column["coding"] for column in self.columns)]
        n_latents = len(codings) - len(self.columns)
        section = contents.get(f"tables/{number}")
        tables = iter(tables_of(parts_of(section)) if section else ())
        own = [next(tables) if coding == "table-1" else None for coding in codings]
        section = contents.get(f"networks/{number}")
        networks, stored_views = networks_of(parts_of(section)) if section else ({}, {})
        self.views = {
            source: own[(source + n_latents) % len(codings)][0]
            for source in range(len(codings))
            if own[(source + n_latents) % len(codings)]
        }
        self.views |= {column: network.alphabet for column, network in networks.items()} | stored_views
        section = contents.get(f"cells/{number}")
        self.cells, self.fields = cells_of(parts_of(section), numbers, networks_of) if section else {}, {}
        looks_back = any(lag for network in networks.values() for _, lag, _ in network.inputs)
        rows = (
            [(e, r) for e, n in enumerate(counts) for r in range(n)] if counts else [(e, 0) for e in range(self.n_rows)]
        )
        self.order = (
            sorted(range(self.n_rows), key=lambda row: rows[row][1]) if looks_back and counts else range(self.n_rows)
        )
        self.rows = [rows[row] for row in self.order]
        self.places = {row: place for place, row in enumerate(self.rows)}
        self.counts = counts
        self.seen = {}
        for column, codes in enumerate(events or ()):
            self.seen[len(codings) + column] = codes and [codes[event] for event, _ in self.rows]
        self.verbatim, self.plain, streams = {}, {}, {}
        for place, (data, coding) in enumerate(zip(parts[: len(codings)], codings, strict=True)):
            part = data
            source = place - n_latents if place >= n_latents else len(self.columns) + place
            if source < len(self.columns) and self.columns[source]["grid"] is None:
                self.plain[source] = plain_of(data, self.columns[source], self.n_rows)
                continue
            if source < len(self.columns) and not holds_everything(self.columns[source]["grid"]):
                (size,) = struct.unpack_from("<I", data)
                verbatim, part = data[4 : 4 + size], data[4 + size :]
                self.verbatim[source] = numbers(verbatim[4:], np.uint64) if size else []
                assert len(self.verbatim[source]) == int.from_bytes(verbatim[:4], "little")
            n_cells = math.prod(self.columns[source].get("shape", ())) if source < len(self.columns) else 1
            if coding == "pcodec-codes-1":
                self.seen[source] = numbers(part)
            elif coding == "table-1":
                self.seen[source] = under_table(part, own[place], self.n_rows * n_cells)
            elif coding == "cells-1":
                streams[source] = Stream(part, self.cells[source].network.alphabet)
            else:
                streams[source] = Stream(part, networks[source].alphabet)
                self.seen[source] = []
        in_cells = {source: streams.pop(source) for source in self.cells}
        self._read(streams, networks)
        self._read_arrays(in_cells)

    def _read_arrays(self, streams):
        """Arrays under networks, each as soon as all that its network sees is there."""
        while streams:
            ready = {s for s in streams if not {n for k, n, _ in self.cells[s].inputs if k == 7} & {*streams}}
            for source in ready:
                self._read_cells(source, streams.pop(source))

    def _read_cells(self, source, stream):
        """All cells of a column, of which those that its network sees are there."""
        column, cells = self.columns[source], self.cells[source]
        grid, dtype = column["grid"], np.dtype(column["dtype"])
        verbatim = iter(self.verbatim.get(source, ()))

        def see(kind, number, symbol, cell):
            if kind == 6:
                return seen(self.seen[number][cell[0]], self.views[number], symbol)
            return seen(self.fields[number].codes[cell], self.cells[number].view, symbol)

        field = self.fields[source] = Field(cells, tuple(column["shape"]), grid, dtype, see)
        field.read(stream, self.n_rows, lambda code: restored(code, grid, dtype, verbatim))
        assert next(verbatim, None) is None

    def _read(self, streams, networks):
        """Row by row, each column as soon as all that its network sees is there."""
        for row in range(self.n_rows):
            waiting = list(streams)
            while waiting:
                source = next(s for s in waiting if not {i for i, lag, _ in networks[s].inputs if not lag} & {*waiting})
                x = [self.input(entry, row) for entry in networks[source].inputs]
                self.seen[source].append(streams[source].next(networks[source].quantiles(x)))
                waiting.remove(source)
        for stream in streams.values():
            stream.finish()

    def input(self, entry, row):
        source, lag, symbol = entry
        event, rank = self.rows[row]
        if source == -1:
            behind = self.counts[event] - 1 - rank
            return [32 * min(rank, 16) - 256, 32 * min(behind, 16) - 256, 256 * (rank == 0), 256 * (rank == 1)][symbol]
        before = self.places.get((event, rank - lag))
        if before is None:
            return 0
        return seen(self.seen[source][before], self.views[source], symbol)

    def values(self, number):
        """The values of a column, in the order of the rows of the file."""
        column = self.columns[number]
        n_cells = math.prod(column.get("shape", ()))  # of arrays, whose rows are in the order of the file
        if number in self.fields:
            values = sorted(self.fields[number].values.items())
            return np.array([value for _, value in values], column["dtype"]).reshape(self.n_rows, *column["shape"])
        found, order = [0] * (self.n_rows * n_cells), self.order if n_cells == 1 else range(self.n_rows * n_cells)
        if number in self.plain:
            for row, value in zip(order, self.plain[number], strict=True):
                found[row] = value
            return found if column["dtype"] in {"text", "nested"} else np.array(found, column["dtype"])
        dtype, verbatim = np.dtype(column["dtype"]), iter(self.verbatim.get(number, ()))
        for row, code in zip(order, self.seen[number], strict=True):
            found[row] = restored(code, column["grid"], dtype, verbatim, row)
        assert next(verbatim, None) is None
        return np.array(found, dtype)


def restored(code, grid, dtype, verbatim, row=0, shift=None):
    """The value of a code of a row; those that stand verbatim come one after the other."""
    if not is_special(code, grid):
        return value_of(code, grid, dtype, row, shift)
    return (
        dtype.type(SPECIAL[code])
        if code != VERBATIM
        else np.array(next(verbatim), f"u{dtype.itemsize}").view(dtype)[()]
    )

"""Vectors of numbers in compiled loops: one operation for as many rows as a vector has lanes.

A compiler makes loops over vectors of plain loops only where it can prove that it may, and keeps sums in registers only
where it sees that it can; written with these, loops are what they say. Machines without such wide registers take
several, to the same bits: every operation is one of IEEE on every lane, but `multiply_add`, which may or may not round
in between.
"""

from collections.abc import Callable
from typing import Any

import numba
import numba.core.cgutils
from numba.extending import intrinsic, models, register_model

_cgutils: Any = numba.core.cgutils
_ir: Any = _cgutils.ir
_types: Any = numba.types


class Vector(numba.types.Type):
    """The type of vectors of float32 or int32 numbers."""

    def __init__(self, scalar: Any, n_lanes: int) -> None:  # noqa: ANN401  of numba
        self.scalar, self.n_lanes = scalar, n_lanes
        super().__init__(name=f"Vector({scalar}, {n_lanes})")


def _made_of(vector: Vector) -> Any:  # noqa: ANN401  of LLVM
    element = _ir.FloatType() if vector.scalar == numba.float32 else _ir.IntType(32)
    return _ir.VectorType(element, vector.n_lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:  # noqa: ANN401  of numba
        super().__init__(manager, vector, _made_of(vector))  # type: ignore[no-untyped-call]


def _compiled_in(typed: Callable[..., Any]) -> Any:  # noqa: ANN401  of numba
    """A function of compiled loops, given by its types and what generates its code."""
    return intrinsic(prefer_literal=True)(typed)


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any, made_of: Any) -> Any:  # noqa: ANN401
    """The pointer to what starts at an index of an array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), made_of.as_pointer())


@_compiled_in
def load(_: Any, array: Any, index: Any, n_lanes: Any) -> Any:  # noqa: ANN401, ARG001
    """The numbers of a flat array of float32, int32 or int16 from an index on; int16 become int32."""
    scalar = numba.float32 if array.dtype == numba.float32 else numba.int32
    vector = Vector(scalar, n_lanes.literal_value)
    size = array.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        made_of = _made_of(vector)
        stored = made_of if size == 4 else _ir.VectorType(_ir.IntType(8 * size), vector.n_lanes)
        found = builder.load(_place(context, builder, signature.args[0], args[0], args[1], stored), align=size)
        return found if size == 4 else builder.sext(found, made_of)

    return vector(array, _types.intp, n_lanes), generate


@_compiled_in
def store(_: Any, array: Any, index: Any, vector: Any) -> Any:  # noqa: ANN401, ARG001
    """Puts a vector into a flat array of the same numbers, from an index on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        place = _place(context, builder, signature.args[0], args[0], args[1], _made_of(vector))
        builder.store(args[2], place, align=4)
        return context.get_dummy_value()

    return _types.void(array, _types.intp, vector), generate


def _filled(builder: Any, value: Any, vector: Vector) -> Any:  # noqa: ANN401
    index, made_of = _ir.IntType(32), _made_of(vector)
    nothing = _ir.Constant(made_of, _ir.Undefined)
    first = builder.insert_element(nothing, value, _ir.Constant(index, 0))
    zeros = _ir.Constant(_ir.VectorType(index, vector.n_lanes), [0] * vector.n_lanes)
    return builder.shuffle_vector(first, nothing, zeros)


@_compiled_in
def filled(_: Any, value: Any, n_lanes: Any) -> Any:  # noqa: ANN401
    """A vector of one number, float32 or else int32, in all lanes."""
    scalar = numba.float32 if _types.unliteral(value) == numba.float32 else numba.int32
    vector = Vector(scalar, n_lanes.literal_value)

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:  # noqa: ANN401
        return _filled(builder, args[0], vector)

    return vector(scalar, n_lanes), generate


@_compiled_in
def filled_from(_: Any, array: Any, index: Any, n_lanes: Any) -> Any:  # noqa: ANN401, ARG001
    """A vector of one number of a flat array of float32 in all lanes."""
    vector = Vector(numba.float32, n_lanes.literal_value)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        place = _place(context, builder, signature.args[0], args[0], args[1], _ir.FloatType())
        return _filled(builder, builder.load(place), vector)

    return vector(array, _types.intp, n_lanes), generate


@_compiled_in
def number_at(_: Any, array: Any, index: Any) -> Any:  # noqa: ANN401, ARG001
    """The number of a flat array of float64, int64 or int32 at an index that is not negative; int32 become int64."""
    stored = {numba.float64: _ir.DoubleType(), numba.int64: _ir.IntType(64), numba.int32: _ir.IntType(32)}[array.dtype]

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        number = builder.load(_place(context, builder, signature.args[0], args[0], args[1], stored))
        return builder.sext(number, _ir.IntType(64)) if array.dtype == numba.int32 else number

    gives = numba.int64 if array.dtype == numba.int32 else array.dtype
    return gives(array, _types.intp), generate


def _of(operation: Callable[..., Any], n_vectors: int, *, gives: Any = None) -> Any:  # noqa: ANN401
    """An operation on the lanes of some vectors; it has the type of the last one, or gives numbers `gives`."""

    def typed(*vectors: Any) -> Any:  # noqa: ANN401
        found = vectors[-1] if gives is None else Vector(gives, vectors[-1].n_lanes)

        def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
            return operation(builder, _made_of(signature.return_type), *args)

        return found(*vectors), generate

    of: Any = {
        1: lambda _, a: typed(a),
        2: lambda _, a, b: typed(a, b),
        3: lambda _, a, b, c: typed(a, b, c),
        4: lambda _, a, b, c, d: typed(a, b, c, d),
    }
    return _compiled_in(of[n_vectors])


def _called(name: str) -> Callable[..., Any]:
    """An operation of LLVM that is called by its name."""

    def call(builder: Any, made_of: Any, *args: Any) -> Any:  # noqa: ANN401
        kind = _ir.FunctionType(made_of, [made_of] * len(args))
        function = _cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{made_of.count}f32")
        return builder.call(function, args)

    return call


add: Any = _of(lambda builder, _, a, b: builder.fadd(a, b), 2)
subtract: Any = _of(lambda builder, _, a, b: builder.fsub(a, b), 2)
multiply: Any = _of(lambda builder, _, a, b: builder.fmul(a, b), 2)
smaller: Any = _of(lambda builder, _, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b), 2)
larger: Any = _of(lambda builder, _, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b), 2)
multiply_add: Any = _of(_called("fmuladd"), 3)
"""a b + c."""
floor: Any = _of(_called("floor"), 1)
to_ints: Any = _of(lambda builder, made_of, a: builder.fptosi(a, made_of), 1, gives=numba.int32)
"""Towards zero."""
to_floats: Any = _of(lambda builder, made_of, a: builder.sitofp(a, made_of), 1, gives=numba.float32)
where_equal: Any = _of(lambda builder, _, a, b, c, d: builder.select(builder.icmp_signed("==", a, b), c, d), 4)
"""The lanes of c where a and b, of int32, are equal, else those of d."""
where_less: Any = _of(lambda builder, _, a, b, c, d: builder.select(builder.icmp_signed("<", a, b), c, d), 4)
"""The lanes of c where a, of int32, is less than b, else those of d."""
add_ints: Any = _of(lambda builder, _, a, b: builder.add(a, b), 2)
shift_left: Any = _of(lambda builder, _, a, b: builder.shl(a, b), 2)
shift_right: Any = _of(lambda builder, _, a, b: builder.lshr(a, b), 2)

"""Sixteen float32 numbers as one value of compiled code, so that it computes in the processor's vectors.

numba leaves it to LLVM to find loops that can be vectorised, which fails for the butterflies of a Fourier transform: it
cannot know that the arrays do not overlap. These types and functions say it outright. LLVM splits them into what the
processor has: one AVX-512 register, two of AVX2, four of SSE or NEON.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import extending
from numba.core.extending import lower_builtin, models, register_model, type_callable

COUNT = 16
"""Numbers in one value."""

POINT = 2 * COUNT
"""Numbers from one element of sixteen lines to the next: real parts lie beside imaginary ones.

Two arrays would be as good but for the processor's cache, of which lengths of many factors 2 use few sets: reading and
writing half as many streams takes up to half the time.
"""

_VECTOR = ir.VectorType(ir.FloatType(), COUNT)
_FLAGS = ("contract", "nsz")
_NOTHING = ir.Constant(_VECTOR, ir.Undefined)

intrinsic: Any = extending.intrinsic


class Lanes(types.Type):
    """The numba type of sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_lanes = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _arithmetic(operation: Any, instruction: str) -> None:
    @type_callable(operation)
    def typed(context: Any) -> Any:
        return lambda a, b: _lanes if isinstance(a, Lanes) and isinstance(b, Lanes) else None

    @lower_builtin(operation, _lanes, _lanes)
    def lowered(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return getattr(builder, instruction)(*given, flags=_FLAGS)


for _operation, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _arithmetic(_operation, _instruction)


def _load(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    value = builder.load(_place(context, builder, kind, array, start))
    value.align = 4
    return value


def _store(context: Any, builder: Any, kind: Any, array: Any, start: Any, value: Any) -> None:
    builder.store(value, _place(context, builder, kind, array, start)).align = 4


def _place(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), _VECTOR.as_pointer())


def _chosen(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """Numbers `order` of those of `a` and then `b`."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), COUNT), order))


@intrinsic
def load(typing: Any, array: Any, start: Any) -> Any:
    """The numbers of the flat float32 `array` from `start` on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _load(context, builder, signature.args[0], *given)

    return _lanes(array, types.intp), code


@intrinsic
def store(typing: Any, array: Any, start: Any, value: Any) -> Any:
    """Write `value` to the flat float32 `array` from `start` on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _store(context, builder, signature.args[0], *given)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), code


@intrinsic
def load_pairs(typing: Any, array: Any, start: Any) -> Any:
    """The first and the second numbers of the sixteen pairs in the flat `array` from `start` on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, start = given
        kind = signature.args[0]
        a = _load(context, builder, kind, array, start)
        b = _load(context, builder, kind, array, builder.add(start, start.type(COUNT)))
        split = [_chosen(builder, a, b, list(range(part, 2 * COUNT, 2))) for part in (0, 1)]
        return context.make_tuple(builder, signature.return_type, split)

    return types.UniTuple(_lanes, 2)(array, types.intp), code


@intrinsic
def store_pairs(typing: Any, array: Any, start: Any, first: Any, second: Any) -> Any:
    """Write sixteen pairs of `first` and `second` to the flat `array` from `start` on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, start, first, second = given
        kind = signature.args[0]
        for half in (0, 1):
            order = [half * COUNT // 2 + n // 2 + COUNT * (n % 2) for n in range(COUNT)]
            place = builder.add(start, start.type(half * COUNT))
            _store(context, builder, kind, array, place, _chosen(builder, first, second, order))
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes, _lanes), code


@intrinsic
def fill(typing: Any, number: Any) -> Any:
    """Sixteen times the float32 `number`."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        value = builder.insert_element(_NOTHING, given[0], ir.Constant(ir.IntType(32), 0))
        return _chosen(builder, value, _NOTHING, [0] * COUNT)

    return _lanes(types.float32), code


@intrinsic
def where_below(typing: Any, numbers: Any, limit: Any, value: Any) -> Any:
    """`value` where `numbers` are below the float32 `limit`, 0 elsewhere."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        numbers, limit, value = given
        low = builder.insert_element(_NOTHING, limit, ir.Constant(ir.IntType(32), 0))
        below = builder.fcmp_ordered("<", numbers, _chosen(builder, low, _NOTHING, [0] * COUNT))
        return builder.select(below, value, ir.Constant(_VECTOR, [0.0] * COUNT))

    return _lanes(_lanes, types.float32, _lanes), code


@intrinsic
def transposed(typing: Any, array: Any, start: Any, target: Any, place: Any) -> Any:
    """Write sixteen values of `array`, `POINT` apart from `start` on, to `target` from `place` on, transposed."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, start, target, place = given
        kind, target_kind = signature.args[0], signature.args[2]
        steps = [start.type(n * POINT) for n in range(COUNT)]
        values = [_load(context, builder, kind, array, builder.add(start, step)) for step in steps]
        for step, value in zip(steps, _transpose(builder, values), strict=True):
            _store(context, builder, target_kind, target, builder.add(place, step), value)
        return context.get_dummy_value()

    return types.void(array, types.intp, target, types.intp), code


@intrinsic
def transposed_store(typing: Any, array: Any, start: Any, stride: Any, real: Any, imag: Any, place: Any) -> Any:
    """Write eight columns of sixteen rows of pairs, `stride` numbers apart, from lanes of rows in `real` and `imag`.

    The numbers from `place` + 32c on of both become column c of the pairs that begin at `start`.
    """

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, start, stride, real, imag, place = given
        kind, real_kind, imag_kind = (signature.args[n] for n in (0, 3, 4))
        columns = []
        for n in range(COUNT):
            source, source_kind = (real, real_kind) if n % 2 == 0 else (imag, imag_kind)
            offset = builder.add(place, start.type(n // 2 * POINT))
            columns.append(_load(context, builder, source_kind, source, offset))
        for n, value in enumerate(_transpose(builder, columns)):
            offset = builder.add(start, builder.mul(stride, start.type(n)))
            _store(context, builder, kind, array, offset, value)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, real, imag, types.intp), code


def _transpose(builder: Any, vectors: list[Any]) -> list[Any]:
    """Sixteen vectors of sixteen numbers, transposed: blocks off the diagonal change places, at every size."""
    vectors = list(vectors)
    for size in (8, 4, 2, 1):
        low = [n if not n & size else COUNT + n - size for n in range(COUNT)]
        high = [n + size if not n & size else COUNT + n for n in range(COUNT)]
        for n in range(COUNT):
            if not n & size:
                a, b = vectors[n], vectors[n + size]
                vectors[n], vectors[n + size] = _chosen(builder, a, b, low), _chosen(builder, a, b, high)
    return vectors

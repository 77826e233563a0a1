/** Factors that the addon holds for products of their own. */
import type { Dtype, Factors, HeldFactor } from '../protocol/ports/compute.ts'
import { NodeError } from '../protocol/errors.ts'
import { checkArray } from './argument.ts'
import type * as Binding from './binding.js'
import { call } from './errors.ts'

type Class = typeof Binding.NativeFactor

/** The arrays that numbers of each dtype come in. */
export const ARRAYS = { f32: Float32Array, f16: Uint16Array, bf16: Uint16Array, int8: Int8Array } as const satisfies Record<Dtype, object>

export class Held<D extends Dtype> implements HeldFactor<D> {
  readonly dtype: D
  readonly length: number
  readonly #native: Binding.NativeFactor

  /** @throws NodeError NATIVE_ARGUMENT, TENSOR_SHAPE */
  constructor(native: Class, name: string, values: Factors[D], dtype: D) {
    if (!Object.hasOwn(ARRAYS, dtype)) throw new NodeError('NATIVE_ARGUMENT', { detail: 'dtype must be f32, f16, bf16 or int8' })
    checkArray(name, values, ARRAYS[dtype])
    this.dtype = dtype
    this.length = values.length
    this.#native = call(() => new native(dtype, values))
  }
  values(): Factors[D] {
    return call(() => this.#native.values() as Factors[D])
  }
  release(): void {
    this.#native.release()
  }

  /** The addon's part of a factor, which is made where it is only numbers. @throws NodeError TENSOR_SHAPE where it is of another dtype */
  static native<D extends Dtype>(native: Class, name: string, factor: Factors[D] | HeldFactor<D>, dtype: D): Binding.NativeFactor {
    if (!(factor instanceof Held)) return new Held(native, name, factor as Factors[D], dtype).#native
    if (factor.dtype === dtype) return factor.#native
    throw new NodeError('TENSOR_SHAPE', { detail: `${name} is held as ${factor.dtype}, not as ${dtype}` })
  }
}

/** Matrix products and devices of `crates/tensor` as `TensorCompute`. */
import { NodeError } from '../protocol/errors.ts'
import type { DeviceInfo, Dtype, Factors, HeldFactor, LongCall, MatmulShape, Products, TensorCompute } from '../protocol/ports/compute.ts'
import { checkArray, checkFlag, checkInteger, checkObject } from './argument.ts'
import type * as Binding from './binding.js'
import { call, long, nativeError } from './errors.ts'
import { ARRAYS, Held } from './held-factor.ts'

/** The part of the addon that this facade needs. */
export type TensorBinding = Pick<
  typeof Binding,
  | 'Job'
  | 'NativeFactor'
  | 'tensorDevices'
  | 'tensorMatmulBf16'
  | 'tensorMatmulF16'
  | 'tensorMatmulF32'
  | 'tensorMatmulHeld'
  | 'tensorMatmulInt8'
>

type AnyFactor = Factors[Dtype] | HeldFactor
type Product = Products[Dtype]

/**
 * How long short products may follow each other without a turn of the event loop. Memory of earlier ones comes back in such turns: with
 * 8 ms it was no longer in the second cache, and products of 128 and 256 rows took a quarter and a tenth longer.
 */
const BREATHLESS_MS = 2

/** `TensorCompute` by the addon. @throws NodeError TENSOR_SHAPE, TENSOR_DEVICE, NATIVE_ARGUMENT, NATIVE_CANCELLED */
export function tensorCompute(binding: TensorBinding): TensorCompute {
  const kinds = {
    f32: binding.tensorMatmulF32,
    f16: binding.tensorMatmulF16,
    bf16: binding.tensorMatmulBf16,
    int8: binding.tensorMatmulInt8,
  } as const satisfies Record<Dtype, object>
  const breath = breather()
  return {
    async devices() {
      try {
        return (await binding.tensorDevices()).map(deviceInfo)
      } catch (error) {
        throw nativeError(error)
      }
    },
    hold: (values, dtype) => new Held(binding.NativeFactor, 'values', values, dtype),
    async matmul<D extends Dtype = 'f32'>(
      a: Factors[D] | HeldFactor<D>,
      b: Factors[D] | HeldFactor<D>,
      shape: MatmulShape<D>,
      options: LongCall = {},
    ): Promise<Products[D]> {
      const { dtype, product } = checkShape(shape)
      if (options.signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
      const job = new binding.Job()
      const given = call(() => start(a, b, dtype, product, job)) as Promise<Products[D]> | Products[D]
      if (given instanceof Promise) return await long(job, options, async () => await given)
      const turn = breath()
      if (turn !== undefined) await turn
      return given
    },
  }

  /** A product, or a promise of a longer one. */
  function start(a: AnyFactor, b: AnyFactor, dtype: Dtype, product: Binding.NativeProduct, job: Binding.Job): Promise<Product> | Product {
    if (a instanceof Held || b instanceof Held) {
      const held = (name: string, factor: AnyFactor): Binding.NativeFactor => Held.native(binding.NativeFactor, name, factor, dtype)
      return binding.tensorMatmulHeld(held('a', a), held('b', b), product, job) as Promise<Product> | Product
    }
    checkArray('a', a as Factors[Dtype], ARRAYS[dtype])
    checkArray('b', b as Factors[Dtype], ARRAYS[dtype])
    // The table ties each dtype to its arrays, which were just checked.
    return (kinds[dtype] as (...args: unknown[]) => Promise<Product> | Product)(a, b, product, job)
  }
}

/**
 * Waits for a turn of the event loop when there was none for a while. Short products are at hand at once, so a caller that awaits one after
 * another would otherwise hold up everything else, and also the memory of earlier products: it is given back in such turns.
 */
function breather(): () => Promise<void> | undefined {
  let turn: Promise<void> | undefined
  let end = 0
  return () => {
    if (turn !== undefined) return performance.now() < end ? undefined : turn
    end = performance.now() + BREATHLESS_MS
    turn = new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined
        resolve()
      })
    })
    return undefined
  }
}

/** The shape with its defaults. Sizes are checked natively against the data; here only that they are whole numbers. */
function checkShape(shape: MatmulShape<Dtype>): { product: Binding.NativeProduct; dtype: Dtype } {
  checkObject('shape', shape)
  const { m, k, n, batch = 1, transposeA = false, transposeB = false, exact = false, threads = 0, dtype = 'f32', device = 'cpu' } = shape
  // One after another: a loop over their names takes as long as a product of 32 rows.
  checkInteger('batch', batch, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('m', m, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('k', k, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('n', n, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('threads', threads, 0, 4_096)
  checkFlag('transposeA', transposeA)
  checkFlag('transposeB', transposeB)
  checkFlag('exact', exact)
  if (!Object.hasOwn(ARRAYS, dtype)) throw new NodeError('NATIVE_ARGUMENT', { detail: 'dtype must be f32, f16, bf16 or int8' })
  if (device !== 'cpu') throw new NodeError('TENSOR_DEVICE', { detail: `${device} is not the CPU` })
  return { product: { m, k, n, batch, transposeA, transposeB, exact, threads }, dtype }
}

function deviceInfo(device: Binding.NativeDevice): DeviceInfo {
  return {
    id: device.id,
    backend: device.backend as DeviceInfo['backend'],
    name: device.name,
    memoryBytes: device.memoryBytes ?? null,
    driver: device.driver ?? null,
    features: device.features,
    usable: device.reason === undefined || device.reason === null,
    reason: device.reason ?? null,
  }
}

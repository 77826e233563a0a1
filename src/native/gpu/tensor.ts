/** Matrix products on the GPUs, each result checked, and their devices beside the CPU. */
import { NodeError } from '../../protocol/errors.ts'
import type { DeviceInfo, Dtype, HeldFactor, LongCall, MatmulShape, Products, TensorCompute } from '../../protocol/ports/compute.ts'
import { isGpuDevice } from './device-list.ts'
import type { Stored } from './factor.ts'
import { checkProduct, type ProductShape } from './product-check.ts'
import type { GpuSupervisor } from './supervisor.ts'
import { isTakeover, takeOver } from './takeover.ts'

/** Multiply-adds per millisecond that even a slow device manages: what a large product may take longer to show progress. */
const MULTIPLY_ADDS_PER_MS = 2e5
/** Copies of both factors and the product travel and wait: no more than a frame carries. */
const BYTES_MAX = 2 ** 30 - 2 ** 17

export interface TensorParts {
  cpu: TensorCompute
  gpu: GpuSupervisor
  /** How a product is judged; planted away by the test that must notice. */
  check?: typeof checkProduct
}

type Given = Stored | HeldFactor
type Product = Products[Dtype]
/** All of it said. */
type FullShape = { [Name in keyof ProductShape]-?: NonNullable<ProductShape[Name]> }

const bytesOf = (view: Stored): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** A copy of a factor's numbers: the caller may change its arrays while a product waits, and the check and the CPU read them later. */
const own = (factor: Given): Stored => (ArrayBuffer.isView(factor) ? factor.slice() : factor.values())

/** Lengths as the dtype and the shape want them. @throws NodeError TENSOR_SHAPE */
function checkShape(a: Given, b: Given, shape: FullShape): void {
  const refuse = (detail: string): NodeError => new NodeError('TENSOR_SHAPE', { detail })
  const { m, k, n, batch, dtype } = shape
  for (const [name, value] of Object.entries({ m, k, n, batch }))
    if (!Number.isSafeInteger(value) || value < 0 || value > 2 ** 30) throw refuse(`${name} is no size`)
  const type = { f32: Float32Array, f16: Uint16Array, bf16: Uint16Array, int8: Int8Array }[dtype]
  const fits = (factor: Given): boolean => (ArrayBuffer.isView(factor) ? factor instanceof type : factor.dtype === dtype)
  if (type === undefined || !fits(a) || !fits(b)) throw refuse(`the factors are no ${dtype}`)
  if (a.length !== batch * m * k || b.length !== batch * k * n) throw refuse(`${a.length} and ${b.length} numbers do not fit the shape`)
  if ((a.length + b.length) * type.BYTES_PER_ELEMENT > BYTES_MAX || 4 * batch * m * n > BYTES_MAX)
    throw refuse('the matrices are too large for a device')
}

async function onDevice(parts: TensorParts, device: string, a: Stored, b: Stored, shape: FullShape, options: LongCall): Promise<Product> {
  const { gpu, check = checkProduct } = parts
  const { m, k, n, batch, dtype, transposeA, transposeB } = shape
  await gpu.find(device, options.signal)
  const { ok, payload } = await gpu.run(device, {
    op: 'matmul',
    fields: { dtype, m, k, n, batch, transposeA, transposeB },
    payload: [bytesOf(a), bytesOf(b)],
    answerBytes: 4 * batch * m * n,
    quietMs: gpu.quietMs + (batch * m * k * n) / MULTIPLY_ADDS_PER_MS,
    signal: options.signal,
    onProgress: options.onProgress,
  })
  const c = dtype === 'int8' ? new Int32Array(payload.buffer) : new Float32Array(payload.buffer)
  const verdict = await check(shape, a, b, c)
  if (verdict === 'right') {
    const { seconds } = ok
    if (typeof seconds === 'number' && seconds > 0) options.onDeviceSeconds?.(seconds)
    return c
  }
  if (verdict === 'unknown')
    throw new NodeError('GPU_FAILED', { device, code: 'UNCHECKED', detail: 'too large, or not finite, to be checked' })
  const detail = `a product of ${m} x ${k} x ${n} ${dtype}`
  gpu.fault(device, detail)
  throw new NodeError('GPU_WRONG', { device, detail })
}

/** The CPU's list without what it says of GPUs, then the GPUs as their program lists them. */
const merged = (cpu: readonly DeviceInfo[], gpus: readonly DeviceInfo[]): DeviceInfo[] => [
  ...cpu.filter(({ backend }) => backend === 'cpu'),
  ...gpus,
]

/** `cpu` with the devices of `gpu` beside it: `device` of a shape chooses. A product that a device loses, or gets wrong, is made on the CPU. */
export function gpuTensor(parts: TensorParts): TensorCompute {
  const { cpu, gpu } = parts
  const onCpu = cpu.matmul as (a: Given, b: Given, shape: MatmulShape<Dtype>, options: LongCall) => Promise<Product>
  async function matmul(a: Given, b: Given, shape: MatmulShape<Dtype>, options: LongCall = {}): Promise<Product> {
    const { device = 'cpu', ...rest } = shape
    if (!isGpuDevice(device)) return await onCpu(a, b, shape, options)
    if (rest.exact === true) throw new NodeError('TENSOR_DEVICE', { detail: 'exact products are made on the CPU alone' })
    const { m, k, n, batch = 1, dtype = 'f32', transposeA = false, transposeB = false } = rest
    const full = { m, k, n, batch, dtype, transposeA, transposeB }
    checkShape(a, b, full)
    if (batch * m * k * n === 0) return await onCpu(a, b, rest, options)
    const [ownA, ownB] = [own(a), own(b)]
    try {
      return await onDevice(parts, device, ownA, ownB, full, options)
    } catch (error) {
      if (!isTakeover(error)) throw error
      const { signal, onProgress, onFallback } = options
      return await takeOver(error, onFallback, () => onCpu(ownA, ownB, rest, { signal, onProgress }))
    }
  }
  return {
    ...cpu,
    matmul: matmul as TensorCompute['matmul'],
    async devices() {
      const [cpus, gpus] = await Promise.all([cpu.devices(), gpu.devices()])
      return merged(cpus, gpus)
    },
  }
}

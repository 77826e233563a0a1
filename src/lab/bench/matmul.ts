/** Matrix products: every dtype and size, on the CPU and on each usable device; what a device cannot do it says itself. */
import type { DeviceInfo } from '../../protocol/ports/compute.ts'
import { NodeError } from '../../protocol/errors.ts'
import { DTYPES, type Dtype } from './dtype.ts'
import type { BenchContext, Found, Subject } from './measure.ts'
import { measureProducts, STRIDE } from './product-chain.ts'

const SIZES = [256, 512, 1_024, 2_048]
/** Where a device is not yet full at 2,048. */
const DEVICE_SIZES = [...SIZES, 4_096]
const WAIT_SECONDS_MAX = 30

/** The devices that are asked for. @throws NodeError LAB_BENCH_BACKEND */
async function chosen({ compute, backend }: BenchContext): Promise<Pick<DeviceInfo, 'id'>[]> {
  const usable = (await compute.tensor.devices()).filter((one) => one.usable)
  if (backend === undefined) return usable
  const found = usable.filter(({ id }) => id === backend)
  if (found.length > 0) return found
  // A CPU solver's name means the CPU for everything but seals.
  if (compute.pow.backends().includes(backend) && !backend.includes(':')) return usable.filter(({ id }) => id === 'cpu')
  throw new NodeError('LAB_BENCH_BACKEND', { backend, known: usable.map(({ id }) => id).join(', ') })
}

/** The sizes of one dtype, from the smallest, until one would take longer than anybody waits. */
async function* sizes(context: BenchContext, dtype: Dtype, device: string): AsyncGenerator<Found> {
  const seconds = WAIT_SECONDS_MAX + 4 * context.seconds
  let [flops, began] = [Number.POSITIVE_INFINITY, false]
  for (const n of device === 'cpu' ? SIZES : DEVICE_SIZES) {
    if ((STRIDE * 2 * n ** 3) / flops > seconds) return
    context.onBegin(`matmul.${dtype}.${n}`)
    const threads = device === 'cpu' ? { threads: context.threads } : {}
    const found = await measureProducts(context, { dtype, n, device, ...threads }, n === SIZES[0]).catch((error: unknown) => {
      // A device need not do every dtype; the CPU must.
      if (device !== 'cpu' && !began && error instanceof NodeError && error.code === 'TENSOR_DEVICE') return null
      throw error
    })
    if (found === null) return
    began = true
    flops = found.metric.value
    yield found
  }
}

export const matmul: Subject = async function* (context): AsyncGenerator<Found> {
  for (const { id } of await chosen(context)) for (const dtype of DTYPES) yield* sizes(context, dtype, id)
}

/** Matrix products: every dtype and size, on the CPU and on each usable device; what a device cannot do it says itself. */
import type { DeviceInfo } from '../../protocol/ports/compute.ts'
import { NodeError } from '../../protocol/errors.ts'
import { DTYPES } from './dtype.ts'
import type { BenchContext, Found, Subject } from './measure.ts'
import { measureProducts } from './product-chain.ts'

const SIZES = [256, 512, 1_024, 2_048]
/** Where a device is not yet full at 2,048. */
const DEVICE_SIZES = [...SIZES, 4_096]

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

export const matmul: Subject = async function* (context): AsyncGenerator<Found> {
  for (const { id } of await chosen(context))
    for (const dtype of DTYPES)
      for (const n of id === 'cpu' ? SIZES : DEVICE_SIZES) {
        context.onBegin(`matmul.${dtype}.${n}`)
        yield await measureProducts(context, { dtype, n, device: id }, n === SIZES[0])
      }
}

/** Matrix products and devices of `crates/tensor` as `TensorCompute`. */
import type { DeviceInfo, TensorCompute } from '../protocol/ports/compute.ts'
import type * as Binding from './binding.js'
import { long, nativeError } from './errors.ts'

/** The part of the addon that this facade needs. */
export type TensorBinding = Pick<typeof Binding, 'Job' | 'tensorDevices' | 'tensorMatmul'>

/** `TensorCompute` by the addon. @throws NodeError TENSOR_SHAPE, NATIVE_CANCELLED */
export function tensorCompute(binding: TensorBinding): TensorCompute {
  return {
    async devices() {
      try {
        return (await binding.tensorDevices()).map(deviceInfo)
      } catch (error) {
        throw nativeError(error)
      }
    },
    async matmul(a, b, { m, k, n, exact = false }, options = {}) {
      return await long(new binding.Job(), options, async (job) => await binding.tensorMatmul(a, b, m, k, n, exact, job))
    },
  }
}

function deviceInfo(device: Binding.NativeDevice): DeviceInfo {
  return {
    backend: device.backend as DeviceInfo['backend'],
    name: device.name,
    memoryBytes: device.memoryBytes ?? null,
    driver: device.driver ?? null,
    features: device.features,
    usable: device.reason === undefined || device.reason === null,
    reason: device.reason ?? null,
  }
}

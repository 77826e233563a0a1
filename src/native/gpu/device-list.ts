/** The list of devices as the GPU program gives it, taken strictly, and what stands in its place without a program. */
import { NodeError } from '../../protocol/errors.ts'
import type { DeviceInfo } from '../../protocol/ports/compute.ts'
import type { Header } from './frame.ts'

const DEVICES_MAX = 64
const TEXT_MAX = 400
const FEATURES_MAX = 64

/** Ids of devices that the GPU program drives. */
export const isGpuDevice = (id: string): boolean => /^(?:cuda|wgpu|fake)(?::\d{1,3})?$/.test(id)

const broken = (detail: string): NodeError => new NodeError('GPU_PROTOCOL', { detail: `devices: ${detail}` })
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= TEXT_MAX

function text(value: unknown, name: string): string {
  if (!isText(value)) throw broken(`${name} is no short text`)
  return value
}

function readDevice(value: unknown): DeviceInfo {
  if (typeof value !== 'object' || value === null) throw broken('an entry is no object')
  const { id, backend, name, memoryBytes, driver, features, usable, reason } = value as Header
  if (typeof id !== 'string' || !isGpuDevice(id)) throw broken(`${JSON.stringify(id)?.slice(0, 40)} is no id`)
  if (backend !== 'cuda' && backend !== 'wgpu' && backend !== 'fake') throw broken(`${id} has no backend`)
  if (memoryBytes !== null && (typeof memoryBytes !== 'number' || !Number.isSafeInteger(memoryBytes) || memoryBytes < 0))
    throw broken(`${id} has no memory size`)
  if (!Array.isArray(features) || features.length > FEATURES_MAX || !features.every(isText)) throw broken(`${id} has no features`)
  if (typeof usable !== 'boolean' || usable !== (reason === null)) throw broken(`${id} says nothing clear about its use`)
  return {
    id,
    backend,
    name: text(name, 'name'),
    memoryBytes,
    driver: driver === null ? null : text(driver, 'driver'),
    features,
    usable,
    reason: reason === null ? null : text(reason, 'reason'),
  }
}

/** Reads the answer to `devices`. @throws NodeError GPU_PROTOCOL */
export function readDeviceList(ok: Header): DeviceInfo[] {
  const list = ok['devices']
  if (!Array.isArray(list) || list.length > DEVICES_MAX) throw broken('no list, or a long one')
  const devices = list.map(readDevice)
  if (new Set(devices.map(({ id }) => id)).size !== devices.length) throw broken('an id twice')
  return devices
}

/** One line per family of GPUs when none can be asked, with the reason. */
export const absentDevices = (reason: string): DeviceInfo[] =>
  (['cuda', 'wgpu'] as const).map((backend) => ({
    id: backend,
    backend,
    name: 'not looked for',
    memoryBytes: null,
    driver: null,
    features: [],
    usable: false,
    reason,
  }))

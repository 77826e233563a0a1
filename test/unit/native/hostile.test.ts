/** Every export of the addon, its methods and getters too, called with arguments nobody should pass: an error each time, and the process goes on. */
import { expect, test } from 'vitest'
import { nativeError } from '../../../src/native/errors.ts'
import { binding } from '../../support/addon-calls.ts'

const seed = Number(process.env['TAUMESH_SEED'] ?? 1)
const CALLS = 150
/** Exports that take nothing, so that nothing can be wrong with their arguments. */
const withoutArguments = new Set([
  'Job',
  'Job.cancel',
  'Job.done',
  'Job.total',
  'NativeFactor.release',
  'NativeFactor.values',
  'NativeModel.open',
  'NativeModel.parameters',
  'NativeModel.root',
  'NativeStream.close',
  'powBackends',
  'tensorDevices',
])
const key = new Uint8Array(32)

function detached(): Uint8Array {
  const bytes = new Uint8Array(64)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}
const hostile: (() => unknown)[] = [
  () => undefined,
  () => null,
  () => -1,
  () => Number.NaN,
  () => 2 ** 53,
  () => 1e300,
  () => -(2n ** 200n),
  () => 2n ** 64n,
  () => '',
  () => 'x'.repeat(10_000),
  () => ({}),
  () => [],
  () => [[]],
  () => ({ length: 2 ** 32, kind: 'transformer', width: 2 ** 31, layers: 2 ** 31, heads: 0, context: -1 }),
  () => new Uint8Array(0),
  () => new Uint8Array(1_000_003),
  () => new Float32Array([Number.NaN, Number.POSITIVE_INFINITY]),
  () => new BigUint64Array(3),
  () => new Uint16Array(7),
  () => detached(),
  () => new Uint8Array(new SharedArrayBuffer(32)),
  () => new DataView(new ArrayBuffer(3)),
  () => () => {
    throw new Error('called')
  },
  () => Symbol('x'),
  () => new Proxy({}, { get: () => undefined }),
]
function draws(from: number): (below: number) => number {
  let state = from | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** An object of each class, to call its methods and getters on. */
const objects: Record<string, () => object> = {
  Job: () => new binding.Job(),
  NativeFactor: () => new binding.NativeFactor('int8', new Int8Array(3)),
  NativeModel: () => new binding.NativeModel({ kind: 'gru', embedding: 16, width: 16, context: 16 }, 1n),
  NativeStream: () => new binding.NativeModel({ kind: 'order', order: 1, matching: false }, 1n).open(),
  PowSearch: () => new binding.PowSearch(key, key, { difficulty: 1n, start: 0n, count: 64n }),
}

/** A job among them: some exports look at the others only where there is one. */
const given = [...hostile, ...Object.values(objects)]

/** One thing that can be called, with any arguments; methods and getters on an object of their class, or on what `self` gives. */
interface Target {
  name: string
  call: (args: unknown[], self?: () => unknown) => unknown
  isMember: boolean
}
type Anything = (...args: unknown[]) => unknown

function members(name: string, type: Anything): Target[] {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(type.prototype as object))
  return properties.flatMap(([key, { value, get }]): Target[] => {
    const member = (get ?? value) as Anything
    if (key === 'constructor') return []
    return [{ name: `${name}.${key}`, isMember: true, call: (args, self = objects[name]) => Reflect.apply(member, self?.(), args) }]
  })
}

const targets = Object.entries<unknown>({ ...binding }).flatMap(([name, value]): Target[] => {
  if (typeof value !== 'function') return []
  const exported = value as Anything
  if (!/^[A-Z]/.test(name)) return [{ name, isMember: false, call: (args) => exported(...args) }]
  return [{ name, isMember: false, call: (args) => Reflect.construct(exported, args) as unknown }, ...members(name, exported)]
})

test('the addon has exports to be tested, and an object of each class', () => {
  expect(targets.filter(({ isMember }) => !isMember).length).toBeGreaterThan(20)
  const classes = targets.filter(({ isMember }) => isMember).map(({ name }) => name.split('.')[0])
  expect(new Set(classes)).toEqual(new Set(Object.keys(objects)))
})

/** Whether it was refused; fails where it was refused in no decent way. */
async function isRefused(work: () => unknown): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    expect(nativeError(error).code).not.toBe('NATIVE_PANIC')
    expect(String(error)).not.toMatch(/panick|unwrap\(\)|RangeError: Maximum call/)
    return true
  }
}

test.each(targets)(`$name answers hostile arguments with an error (seed ${seed})`, async ({ name, call }) => {
  const draw = draws(seed + name.length)
  let refused = 0
  for (let i = 0; i < CALLS; i++) {
    const args = Array.from({ length: draw(7) }, () => given[draw(given.length)]?.())
    if (await isRefused(() => call(args))) refused++
  }
  if (withoutArguments.has(name)) expect(refused).toBe(0)
  else expect(refused).toBeGreaterThan(CALLS / 2)
})

test.each(targets.filter(({ isMember }) => isMember))(
  '$name refuses to be called on anything but its own object',
  async ({ name, call }) => {
    const foreign = Object.entries(objects).flatMap(([type, object]) => (name.startsWith(`${type}.`) ? [] : [object]))
    for (const self of [...hostile, ...foreign]) expect(await isRefused(() => call([], self))).toBe(true)
  },
)

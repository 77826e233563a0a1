/** Every export of the addon, called with arguments nobody should pass: an error each time, and the process goes on. */
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'

const binding = createRequire(import.meta.url)('../../../src/native/binding.js') as Record<string, unknown>
const seed = Number(process.env['TAUMESH_SEED'] ?? 1)
const CALLS = 150
/** Exports that take nothing, so that nothing can be wrong with their arguments. */
const withoutArguments = new Set(['Job', 'powBackends', 'tensorDevices'])

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

const functions = Object.entries(binding).filter(([, value]) => typeof value === 'function') as [string, (...args: unknown[]) => unknown][]

test('the addon has exports to be tested', () => {
  expect(functions.length).toBeGreaterThan(20)
})

test.each(functions.map(([name]) => name))(`%s answers hostile arguments with an error (seed ${seed})`, async (name) => {
  const target = binding[name] as (...args: unknown[]) => unknown
  const isClass = /^[A-Z]/.test(name)
  const draw = draws(seed + name.length)
  let refused = 0
  for (let i = 0; i < CALLS; i++) {
    const args = Array.from({ length: draw(7) }, () => hostile[draw(hostile.length)]?.())
    try {
      const result = isClass ? (Reflect.construct(target, args) as unknown) : target(...args)
      await (result as Promise<unknown>)
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toMatch(/panick|unwrap|RangeError: Maximum call/)
      refused++
    }
  }
  if (withoutArguments.has(name)) expect(refused).toBe(0)
  else expect(refused).toBeGreaterThan(CALLS / 2)
})

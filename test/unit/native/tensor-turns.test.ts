/** Short products one after another: the event loop still turns, and their memory serves again. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { loadAddon } from '../../../src/native/addon.ts'

test('a caller that awaits short products one after another holds up nothing else', async () => {
  const { tensor } = loadAddon()
  const [a, b] = [new Float32Array(64 * 64).fill(1), new Float32Array(64 * 64).fill(2)]
  const state = { turned: false }
  setImmediate(() => {
    state.turned = true
  })
  const end = performance.now() + 5_000
  while (!state.turned && performance.now() < end) expect((await tensor.matmul(a, b, { m: 64, k: 64, n: 64 }))[0]).toBe(128)
  expect(state.turned).toBe(true)
})

test('the product before keeps its numbers while later ones are made', async () => {
  const { tensor } = loadAddon()
  const one = new Float32Array(128 * 128).fill(1)
  const shape = { m: 128, k: 128, n: 128 }
  const first = await tensor.matmul(one, one, shape)
  for (let round = 2; round < 200; round++) await tensor.matmul(new Float32Array(128 * 128).fill(round), one, shape)
  expect(first.every((value) => value === 128)).toBe(true)
})

test('memory that a caller gives back serves later products, and no product that is still held', async () => {
  const { tensor } = loadAddon()
  const one = new Float32Array(128 * 128).fill(1)
  const shape = { m: 128, k: 128, n: 128 }
  const held: Float32Array[] = []
  for (let round = 1; round <= 200; round++) {
    const c = await tensor.matmul(new Float32Array(128 * 128).fill(round), one, shape)
    expect(c.every((value) => value === 128 * round)).toBe(true)
    if (round % 20 === 0) held.push(c)
    else expect([c.buffer.transfer(0).byteLength, c.length]).toEqual([0, 0])
  }
  expect(held.map((c) => new Set(c))).toEqual(held.map((_, at) => new Set([128 * 20 * (at + 1)])))
})

/** Prints where each of three products lies, each given back before the next; memory from the system is taken in between. */
const places = `
  import { setImmediate } from 'node:timers/promises'
  const { loadAddon } = await import(${JSON.stringify(new URL('../../../src/native/addon.ts', import.meta.url).href)})
  const { tensor } = loadAddon()
  const one = new Float32Array(256 * 256).fill(1)
  const taken = []
  for (let round = 0; round < 3; round++) {
    const c = await tensor.matmul(one, one, { m: 256, k: 256, n: 256 });
    %DebugPrint(c.buffer);
    c.buffer.transfer(0)
    await setImmediate()
    for (let i = 0; i < 8; i++) taken.push(new ArrayBuffer(one.byteLength))
  }`

test.skipIf((process.config.variables as { v8_enable_object_print?: number }).v8_enable_object_print !== 1)(
  'memory that was given back is that of the next product after a turn of the event loop (needs a Node that prints objects)',
  () => {
    const printed = execFileSync(process.execPath, ['--allow-natives-syntax', '--input-type=module', '--eval', places], {
      encoding: 'utf8',
    })
    const found = [...printed.matchAll(/^ - backing_store: (0x[0-9a-f]+)$/gm)].map(([, place]) => place)
    expect(found).toEqual([found[0], found[0], found[0]])
    expect(found[0]).toBeDefined()
  },
)

/** Short products one after another: the event loop still turns. */
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

/** What every Expert must do (mixture.md 1): be causal, value every byte, and stream exactly what it predicts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../src/protocol/bytes.ts'
import type { Expert } from '../../src/protocol/ports/expert.ts'

const LEAF = 256
const probe = utf8('the white whale swam before him as the monomaniac incarnation of all those malicious agencies')

/** @param tolerance largest difference of a leaf code (1/16 nat) between predict and stream: floats may be summed in another order */
export function expertContract(name: string, make: () => Promise<Expert>, tolerance = 0): void {
  describe(`Expert: ${name}`, () => {
    let expert: Expert
    beforeAll(async () => {
      expert = await make()
    })
    afterAll(async () => {
      await expert.close()
    })

    const predict = async (context: Uint8Array, from: number): Promise<Uint8Array> => {
      const [leaves] = await expert.predict([context], [from])
      if (leaves === undefined) throw new Error('no leaves for the context')
      return leaves
    }
    const near = (a: Uint8Array, b: Uint8Array): boolean =>
      a.length === b.length && a.every((code, i) => Math.abs(code - (b[i] ?? 0)) <= tolerance)

    test('describes itself within the bounds of the record', async () => {
      const description = await expert.describe()
      expect(description.root).toHaveLength(32)
      expect(description.kind).toMatch(/^[\w.+ -]{1,48}$/)
      expect(description.parameters).toBeGreaterThanOrEqual(0)
      expect(description.sequenceLengthMax).toBeGreaterThanOrEqual(64)
      expect(description.rate).toBeGreaterThan(0)
    })

    test('gives one leaf of 256 codes for each position from..length, for every context of a batch', async () => {
      const contexts = [probe, probe.subarray(0, 1), new Uint8Array(0)]
      const leaves = await expert.predict(contexts, [10, 0, 0])
      expect(leaves.map((batch) => batch.length / LEAF)).toEqual([probe.length - 9, 2, 1])
    })

    test('values every byte: a leaf decodes to a distribution over 256 bytes that is not one point', async () => {
      const leaves = await predict(probe, 0)
      for (let t = 0; t <= probe.length; t++) {
        const weights = Float64Array.from(leaves.subarray(t * LEAF, (t + 1) * LEAF), (code) => Math.exp(-code / 16))
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeGreaterThan(0.5)
      }
    })

    test('is causal: a changed byte changes no leaf at or before its position', async () => {
      const before = await predict(probe, 0)
      for (const t of [0, 17, 40, probe.length - 1]) {
        const changed = probe.slice()
        changed[t] = (changed[t] ?? 0) ^ 0x55
        const after = await predict(changed, 0)
        expect(after.subarray(0, (t + 1) * LEAF), `byte ${t}`).toEqual(before.subarray(0, (t + 1) * LEAF))
      }
    })

    test('takes the later context into account: leaves after a changed byte differ', async () => {
      const changed = probe.slice()
      changed[5] = 0x00
      const [before, after] = [await predict(probe, 6), await predict(changed, 6)]
      expect(after).not.toEqual(before)
    })

    test('a batch gives what its contexts give one by one', async () => {
      const contexts = [probe, probe.subarray(5, 60), probe.subarray(30)]
      const together = await expert.predict(contexts, [3, 0, 20])
      for (const [i, from] of [3, 0, 20].entries()) {
        const context = contexts[i] ?? probe
        expect(near(together[i] ?? new Uint8Array(0), await predict(context, from)), `context ${i}`).toBe(true)
      }
    })

    test('a stream gives what predict gives, byte by byte and in runs', async () => {
      const stream = expert.open()
      const whole = await predict(probe, 0)
      const first = await stream.extend(0, probe.subarray(0, 20), 5)
      expect(near(first, whole.subarray(16 * LEAF, 21 * LEAF))).toBe(true)
      for (let t = 20; t < 30; t++) {
        const next = await stream.extend(t, probe.subarray(t, t + 1), 1)
        expect(near(next, whole.subarray((t + 1) * LEAF, (t + 2) * LEAF)), `position ${t + 1}`).toBe(true)
      }
      stream.close()
    })

    test('a stream rewinds: another continuation gives what predict gives for it', async () => {
      const stream = expert.open()
      await stream.extend(0, probe, 1)
      const other = Uint8Array.from([...probe.subarray(0, 25), ...utf8('quite another way on')])
      const leaves = await stream.extend(25, other.subarray(25), 20)
      expect(near(leaves, (await predict(other, 0)).subarray((other.length - 19) * LEAF))).toBe(true)
      stream.close()
    })

    test('takes any byte values and a context of 320 bytes', async () => {
      const context = Uint8Array.from({ length: 320 }, (_, i) => (i * 73) % 256)
      expect(await predict(context, 300)).toHaveLength(21 * LEAF)
    })
  })
}

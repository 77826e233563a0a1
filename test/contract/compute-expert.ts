/** What every filling of `ExpertCompute` must do, whatever the kind of model (mixture.md 1, 2.1, 2.5, 8). */
import { describe, expect, test } from 'vitest'
import { concat, utf8 } from '../../src/protocol/bytes.ts'
import type { ExpertCompute, Model, ModelSpec } from '../../src/protocol/ports/compute.ts'

const LEAF = 256
const text = utf8(
  Array.from(
    { length: 400 },
    (_, i) => `line ${i}: the ${['whale', 'ship', 'sea', 'captain'][i % 4]} saw ${(i * 7919) % 1000} things.\n`,
  ).join(''),
)
const probe = utf8('line 77: the captain saw the whale and 12 ships, the sea saw nothing of the captain.\n')

/** One model of each kind, given its text and, where it trains, a few steps. */
async function ready(compute: ExpertCompute, spec: ModelSpec): Promise<Model> {
  const model = compute.model(spec, 11n)
  if (spec.kind !== 'fallback') await model.setText(text)
  if (spec.kind === 'transformer' || spec.kind === 'gru') await model.train({ steps: 3, budgetMs: 60_000, totalSteps: 100 })
  return model
}

async function leavesOf(model: Model, context: Uint8Array, from: number): Promise<Uint8Array> {
  const [leaves] = await model.predict([context], [from])
  if (leaves === undefined) throw new Error('one context gave no answer')
  return leaves
}

const largest = (a: Uint8Array, b: Uint8Array): number => {
  expect(a.length).toBe(b.length)
  return a.reduce((most, code, i) => Math.max(most, Math.abs(code - (b[i] ?? 0))), 0)
}

/** Sum of e^(−q/16) over each leaf: near 1 before the codes are normalised, since rounding has mean 0. */
function masses(leaves: Uint8Array): number[] {
  return Array.from({ length: leaves.length / LEAF }, (_, row) =>
    leaves.subarray(row * LEAF, (row + 1) * LEAF).reduce((sum, code) => sum + Math.exp(-code / 16), 0),
  )
}

/** p0 by the words of 2.5, from plain counts. */
function fallbackOf(training: Uint8Array, b: number, a: number): number[] {
  const padded = concat(Uint8Array.of(10, 10), training)
  const count = (matches: (i: number) => boolean): number[] => {
    const counts = Array.from({ length: 256 }, () => 0)
    for (let i = 2; i < padded.length; i++) if (matches(i)) counts[padded[i] ?? 0]! += 1
    return counts
  }
  const sum = (counts: number[]): number => counts.reduce((x, y) => x + y, 0)
  const c0 = count(() => true)
  const c1 = count((i) => padded[i - 1] === a)
  const c2 = count((i) => padded[i - 1] === a && padded[i - 2] === b)
  const [C0, C1, C2] = [sum(c0), sum(c1), sum(c2)]
  return c2.map((c, y) => (c + (4 * (c1[y]! + (16 * (c0[y]! + 1)) / (C0 + 256))) / (C1 + 16)) / (C2 + 4))
}

/** p_k of section 8 from plain counts over `training`, which begins after 0x0A bytes. */
function orderOf(training: Uint8Array, order: number, history: Uint8Array): number[] {
  const before = new Uint8Array(8).fill(10)
  const padded = concat(before, training)
  const past = concat(before, history)
  let p = Array.from({ length: 256 }, () => 1 / 256)
  for (let k = 0; k <= order; k++) {
    const counts = Array.from({ length: 256 }, () => 0)
    for (let i = 8; i < padded.length; i++) {
      let same = true
      for (let back = 1; back <= k && same; back++) same = padded[i - back] === past[past.length - back]
      if (same) counts[padded[i] ?? 0]! += 1
    }
    const total = counts.reduce((x, y) => x + y, 0)
    if (total === 0) break
    const distinct = counts.filter((c) => c > 0).length
    p = p.map((shorter, y) => Math.max(counts[y]! - 0.75, 0) / total + ((0.75 * distinct) / total) * shorter)
  }
  return p
}

const codesOf = (p: number[]): Uint8Array => Uint8Array.from(p, (x) => Math.min(255, Math.floor(16 * -Math.log(x) + 0.5)))

/** @param kinds specs to try; `tolerance`: how far a leaf code of a stream may be from the batch's (floats summed in another order) */
export function expertComputeContract(name: string, compute: ExpertCompute, kinds: { spec: ModelSpec; tolerance: number }[]): void {
  for (const { spec, tolerance } of kinds) {
    describe(`ExpertCompute: ${name}, ${spec.kind}`, () => {
      test('answers 256 codes for every position from..length, whose probabilities sum to one', async () => {
        const model = await ready(compute, spec)
        const leaves = await model.predict([probe, probe.subarray(0, 1), new Uint8Array(0)], [5, 0, 0])
        expect(leaves.map((rows) => rows.length / LEAF)).toEqual([probe.length - 4, 2, 1])
        for (const mass of masses(concat(...leaves))) expect(Math.abs(mass - 1)).toBeLessThan(0.04)
      })

      test('is causal: a changed byte changes nothing at or before its position', async () => {
        const model = await ready(compute, spec)
        const whole = await leavesOf(model, probe, 0)
        for (const at of [0, 1, 17, probe.length - 1]) {
          const other = probe.slice()
          other[at] = (other[at] ?? 0) ^ 0x15
          const leaves = await leavesOf(model, other, 0)
          expect(largest(leaves.subarray(0, (at + 1) * LEAF), whole.subarray(0, (at + 1) * LEAF))).toBe(0)
        }
      })

      test('a stream says what predict says, also after a rewind', async () => {
        const model = await ready(compute, spec)
        const whole = await leavesOf(model, probe, 0)
        const stream = model.open()
        const start = await stream.extend(0, probe.subarray(0, 40), 41)
        expect(largest(start, whole.subarray(0, 41 * LEAF))).toBeLessThanOrEqual(tolerance)
        await stream.extend(20, utf8('something else'), 1)
        const again = await stream.extend(25, probe.subarray(25), probe.length - 9)
        const changed = concat(probe.subarray(0, 20), utf8('somet'), probe.subarray(25))
        expect(largest(again, await leavesOf(model, changed, 10))).toBeLessThanOrEqual(tolerance)
        stream.close()
      })

      test('calls on one stream go in their order, made together or one by one, until it is closed', async () => {
        const model = await ready(compute, spec)
        const whole = await leavesOf(model, probe, 1)
        const stream = model.open()
        const extend = async (at: number): Promise<Uint8Array> => await stream.extend(at, probe.subarray(at, at + 1), 1)
        const leaves = await Promise.all([0, 1, 2].map(extend))
        for (let at = 3; at < 40; at++) leaves.push(await extend(at))
        leaves.push(...(await Promise.all(Array.from(probe.subarray(40), async (_, i) => await extend(40 + i)))))
        expect(largest(concat(...leaves), whole)).toBeLessThanOrEqual(tolerance)
        stream.close()
        await expect(stream.extend(0, probe, 1)).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
      })

      test('gives the same codes for the same seed and text', async () => {
        const [one, two] = [await ready(compute, spec), await ready(compute, spec)]
        expect(await leavesOf(one, probe, 0)).toEqual(await leavesOf(two, probe, 0))
        expect(await one.root()).toEqual(await two.root())
      })

      test('takes a context longer than it was trained on', async () => {
        const model = await ready(compute, spec)
        const leaves = await leavesOf(model, text.subarray(0, 700), 0)
        for (const mass of masses(leaves)) expect(Math.abs(mass - 1)).toBeLessThan(0.04)
      })

      test('refuses positions that are not there, with its code', async () => {
        const model = await ready(compute, spec)
        await expect(model.predict([probe], [probe.length + 1])).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
        await expect(model.predict([probe], [])).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
        await expect(model.predict([new Uint8Array(16_385)], [0])).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
        const stream = model.open()
        await expect(stream.extend(1, probe, 1)).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
        await expect(stream.extend(0, probe, probe.length + 2)).rejects.toMatchObject({ code: 'EXPERT_INPUT' })
      })

      test('an abort ends the work', async () => {
        const model = await ready(compute, spec)
        const signal = AbortSignal.abort()
        await expect(model.predict([probe], [0], { signal })).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
      })
    })
  }

  for (const { spec } of kinds.filter(({ spec: { kind } }) => kind === 'transformer' || kind === 'gru'))
    describe(`ExpertCompute: ${name}, ${spec.kind} that trains`, () => {
      test('learns: the loss falls, and the root changes with it', async () => {
        const model = await ready(compute, spec)
        const before = await model.root()
        const first = await model.train({ steps: 5, budgetMs: 60_000, totalSteps: 100 })
        const later = await model.train({ steps: 60, budgetMs: 60_000, totalSteps: 100 })
        expect(first.steps).toBe(5)
        expect(first.bytes).toBe(5 * 32 * 64)
        expect(later.loss).toBeLessThan(0.8 * first.loss)
        expect(await model.root()).not.toEqual(before)
      })

      test('a short slice does a part of a step, and the weights stay those of the last finished one', async () => {
        const model = await ready(compute, spec)
        const before = await leavesOf(model, probe, 0)
        const slice = await model.train({ steps: 100, budgetMs: 0, totalSteps: 100 })
        expect(slice.steps).toBe(0)
        expect(slice.bytes).toBeGreaterThan(0)
        expect(await leavesOf(model, probe, 0)).toEqual(before)
      })

      test('a checkpoint restores leaves, root and the course of training', async () => {
        const model = await ready(compute, spec)
        const checkpoint = await model.save()
        const other = compute.model(spec, 999n)
        await other.load(checkpoint)
        await other.setText(text)
        expect(await other.root()).toEqual(await model.root())
        expect(await leavesOf(other, probe, 0)).toEqual(await leavesOf(model, probe, 0))
        const weightsOnly = await model.save({ weightsOnly: true })
        expect(weightsOnly.length).toBeLessThan(checkpoint.length / 2)
        await other.load(weightsOnly)
        expect(await other.root()).toEqual(await model.root())
      })

      test('refuses a checkpoint that is of another model, cut short, or not finite', async () => {
        const model = await ready(compute, spec)
        const checkpoint = await model.save()
        const wider = compute.model(
          spec.kind === 'gru' ? { ...spec, width: 48 } : { kind: 'transformer', width: 48, layers: 1, heads: 2, context: 64 },
          1n,
        )
        const infinite = checkpoint.slice()
        infinite.set([0, 0, 0x80, 0x7f], infinite.length - 4)
        await expect(wider.load(checkpoint)).rejects.toMatchObject({ code: 'EXPERT_CHECKPOINT' })
        await expect(model.load(checkpoint.subarray(0, -4))).rejects.toMatchObject({ code: 'EXPERT_CHECKPOINT' })
        await expect(model.load(infinite)).rejects.toMatchObject({ code: 'EXPERT_CHECKPOINT' })
        await expect(model.load(new Uint8Array(0))).rejects.toMatchObject({ code: 'EXPERT_CHECKPOINT' })
      })

      test('without text there is nothing to train on', async () => {
        const slice = { steps: 1, budgetMs: 10, totalSteps: 1 }
        await expect(compute.model(spec, 1n).train(slice)).rejects.toMatchObject({ code: 'EXPERT_NO_TEXT' })
      })
    })

  describe(`ExpertCompute: ${name}, formulas`, () => {
    test('the fallback is p0 of mixture.md 2.5, in leaf code', async () => {
      const artefact = await compute.fallbackArtefact([text])
      const model = compute.model({ kind: 'fallback', artefact }, 0n)
      const leaves = await leavesOf(model, probe, 0)
      for (const t of [0, 1, 2, 30, probe.length]) {
        const [b, a] = [t >= 2 ? (probe[t - 2] ?? 10) : 10, t >= 1 ? (probe[t - 1] ?? 10) : 10]
        expect(leaves.subarray(t * LEAF, (t + 1) * LEAF)).toEqual(codesOf(fallbackOf(text, b, a)))
      }
    })

    test('the artefact is sorted, minimal, and refused when it is not', async () => {
      const artefact = await compute.fallbackArtefact([utf8('abab'), utf8('b')])
      expect([...artefact]).toEqual([10, 10, 97, 1, 10, 10, 98, 1, 10, 97, 98, 1, 97, 98, 97, 1, 98, 97, 98, 1])
      const broken = [
        artefact.subarray(1),
        artefact.subarray(0, 3),
        concat(artefact, artefact),
        Uint8Array.of(0, 0, 0, 0x81, 0),
        Uint8Array.of(0, 0, 0, 0),
      ]
      for (const bytes of broken)
        expect(() => compute.model({ kind: 'fallback', artefact: bytes }, 0n)).toThrow(expect.objectContaining({ code: 'EXPERT_ARTEFACT' }))
    })

    test.each([1, 3, 8])('order %i is p_k of mixture.md 8', async (order) => {
      const model = compute.model({ kind: 'order', order, match: false }, 0n)
      await model.setText(text)
      const leaves = await leavesOf(model, probe, 0)
      for (const t of [0, 1, 9, 40, probe.length]) {
        const expected = codesOf(orderOf(text, order, probe.subarray(0, t)))
        expect(largest(leaves.subarray(t * LEAF, (t + 1) * LEAF), expected)).toBeLessThanOrEqual(1)
      }
    })

    test('a match makes repeated text cheap', async () => {
      const copied = text.subarray(5_000, 5_200)
      const cost = async (match: boolean): Promise<number> => {
        const model = compute.model({ kind: 'order', order: 3, match }, 0n)
        await model.setText(text)
        const leaves = await leavesOf(model, copied, 40)
        return copied.subarray(40).reduce((sum, byte, i) => sum + (leaves[i * LEAF + byte] ?? 255), 0)
      }
      expect(await cost(true)).toBeLessThan(0.8 * (await cost(false)))
    })

    test('a model of counts neither trains nor has checkpoints, and its root is zero', async () => {
      const model = compute.model({ kind: 'order', order: 2, match: false }, 0n)
      await expect(model.train({ steps: 1, budgetMs: 1, totalSteps: 1 })).rejects.toMatchObject({ code: 'EXPERT_KIND' })
      await expect(model.save()).rejects.toMatchObject({ code: 'EXPERT_KIND' })
      expect(await model.root()).toEqual(new Uint8Array(32))
    })

    test('refuses specs outside their bounds', () => {
      const refused: ModelSpec[] = [
        { kind: 'order', order: 0, match: true },
        { kind: 'order', order: 9, match: true },
        { kind: 'order', order: -1, match: true },
        { kind: 'transformer', width: 60, layers: 1, heads: 4, context: 64 },
        { kind: 'transformer', width: 64, layers: 1, heads: 5, context: 64 },
        { kind: 'transformer', width: 1_024, layers: 32, heads: 8, context: 64 },
        { kind: 'gru', embedding: 0, width: 64, context: 64 },
        { kind: 'gru', embedding: 64, width: 64, context: 1_000_000 },
      ]
      for (const spec of refused) expect(() => compute.model(spec, 0n)).toThrow(expect.objectContaining({ code: 'EXPERT_SPEC' }))
    })
  })
}

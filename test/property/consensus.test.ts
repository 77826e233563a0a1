/**
 * Laws of the epoch. Monotone: stake that moves to those who rate a neuron higher never lowers its consensus. Invariant:
 * the order of uids, the unit of stake and validators without stake change nothing. Bonds: every column is full or empty.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { consensusReference } from '../../src/native/reference/consensus.ts'
import type { ConsensusCompute, EpochInput, EpochOutput, SparseRows } from '../../src/protocol/ports/compute.ts'
import { compress, epochInput, expand } from '../support/epochs.ts'

const seed = Number(process.env['TAUMESH_SEED'])
const U16_MAX = 0xffff

/** Uid i of the result is uid order[i] of `rows`. */
function permuteRows(rows: SparseRows, order: number[]): SparseRows {
  const place = new Map(order.map((old, uid) => [old, uid]))
  const old = expand(rows)
  const moved = order.map((from) => old[from]!.map(([uid, value]): [number, number] => [place.get(uid)!, value]))
  return compress(moved.map((row) => row.sort(([a], [b]) => a - b)))
}

const u64 = (values: BigUint64Array, order: number[]): BigUint64Array => BigUint64Array.from(order, (old) => values[old]!)

const permuteInput = (input: EpochInput, order: number[]): EpochInput => ({
  ...input,
  stake: u64(input.stake, order),
  weights: permuteRows(input.weights, order),
  bonds: permuteRows(input.bonds, order),
  lastUpdate: u64(input.lastUpdate, order),
  blockAtRegistration: u64(input.blockAtRegistration, order),
  validatorPermit: Uint8Array.from(order, (old) => input.validatorPermit[old]!),
})

/** Outputs as plain lists, `order` saying which uid stands where. */
function listed(output: EpochOutput, order: number[]): Record<string, unknown> {
  const { bonds, ...lists } = output
  const moved = Object.entries(lists).map(([name, values]) => [name, order.map((old) => values[old])])
  return { ...Object.fromEntries(moved), bonds: expand(permuteRows(bonds, order)) }
}

const everyone = (n: number): number[] => Array.from({ length: n }, (_, uid) => uid)

/** The input with one more uid, which nobody rates and which rates the others with `weights`. */
function withStranger(input: EpochInput, weights: [number, number][]): EpochInput {
  const { n } = input
  const add = (values: BigUint64Array, value: bigint): BigUint64Array => BigUint64Array.of(...values, value)
  return {
    ...input,
    n: n + 1,
    stake: add(input.stake, 0n),
    weights: compress([...expand(input.weights), weights]),
    bonds: compress([...expand(input.bonds), []]),
    lastUpdate: add(input.lastUpdate, 50n),
    blockAtRegistration: add(input.blockAtRegistration, 0n),
    validatorPermit: Uint8Array.of(...input.validatorPermit, 1),
  }
}

/** Everybody permitted and active; stakes are units of 2⁻²⁰ of the whole, so that no share is truncated. */
const evenEpoch: fc.Arbitrary<EpochInput> = epochInput(10)
  .filter(({ n }) => n >= 2)
  .chain((input) =>
    fc.array(fc.integer({ min: 1, max: 2 ** 16 }), { minLength: input.n - 1, maxLength: input.n - 1 }).map((units) => {
      const rest = 2 ** 20 - units.reduce((sum, unit) => sum + unit, 0)
      return {
        ...input,
        stake: BigUint64Array.from([...units, rest], BigInt),
        validatorPermit: new Uint8Array(input.n).fill(1),
        lastUpdate: new BigUint64Array(input.n).fill(60n),
        activityCutoff: U16_MAX,
        maxAllowedValidators: input.n,
      }
    }),
  )

function laws(name: string, consensus: ConsensusCompute, numRuns: number): void {
  const check = <T>(law: fc.IProperty<T>): void => {
    fc.assert(law, { seed, numRuns })
  }

  describe(`the epoch of the ${name}`, () => {
    test('the order of uids changes nothing where all may have a permit', () => {
      const shuffled = epochInput().chain((input) =>
        fc.tuple(fc.constant({ ...input, maxAllowedValidators: U16_MAX }), fc.shuffledSubarray(everyone(input.n), { minLength: input.n })),
      )
      check(
        fc.property(shuffled, ([input, order]) => {
          const moved = consensus.epoch(permuteInput(input, order))
          expect(listed(moved, everyone(input.n))).toEqual(listed(consensus.epoch(input), order))
        }),
      )
    })

    test('the unit of stake changes nothing', () => {
      check(
        fc.property(epochInput(), fc.bigInt({ min: 2n, max: 16n }), (input, factor) => {
          const scaled = { ...input, stake: input.stake.map((stake) => stake * factor) }
          expect(consensus.epoch(scaled)).toEqual(consensus.epoch(input))
        }),
      )
    })

    test('a validator without stake changes nobody, whatever it sets', () => {
      const weights = fc.array(fc.integer({ min: 0, max: U16_MAX }), { minLength: 12, maxLength: 12 })
      check(
        fc.property(epochInput(12), weights, (some, values) => {
          const input = { ...some, maxAllowedValidators: U16_MAX }
          const row = values.slice(0, input.n).map((value, uid): [number, number] => [uid, value])
          const joined = listed(consensus.epoch(withStranger(input, row)), everyone(input.n + 1))
          const alone = listed(consensus.epoch(input), everyone(input.n))
          for (const [list, values] of Object.entries(alone)) expect((joined[list] as unknown[]).slice(0, input.n), list).toEqual(values)
        }),
      )
    })

    test('stake that moves to those who rate a neuron higher never lowers its consensus', () => {
      const moves = evenEpoch.chain((input) =>
        fc.record({
          input: fc.constant(input),
          from: fc.nat(input.n - 1),
          to: fc.nat(input.n - 1),
          part: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      )
      check(
        fc.property(moves, ({ input, from, to, part }) => {
          const scores = normalised(input)
          const units = BigInt(Math.floor(Number(input.stake[from]!) * part))
          const moved = input.stake.map((stake, uid) => stake + (uid === to ? units : 0n) - (uid === from ? units : 0n))
          const [before, after] = [consensus.epoch(input).consensus, consensus.epoch({ ...input, stake: moved }).consensus]
          const score = (of: number, uid: number): bigint => scores[of]!.get(uid) ?? 0n
          const fallen = everyone(input.n).filter((uid) => score(to, uid) >= score(from, uid) && after[uid]! < before[uid]!)
          const risen = everyone(input.n).filter((uid) => score(to, uid) <= score(from, uid) && after[uid]! > before[uid]!)
          expect({ fallen, risen }).toEqual({ fallen: [], risen: [] })
        }),
      )
    })

    test('where all have a permit, every column of bonds is empty or reaches 65535', () => {
      check(
        fc.property(evenEpoch, (input) => {
          const columns = new Map<number, number>()
          const { uids, values } = consensus.epoch(input).bonds
          uids.forEach((uid, at) => columns.set(uid, Math.max(columns.get(uid) ?? 0, values[at]!)))
          for (const largest of columns.values()) expect(largest).toBe(U16_MAX)
          expect(columns.size).toBeLessThanOrEqual(input.n)
        }),
      )
    })

    test('no more than the emission is paid, and shares of the parts add up to no more than the whole', () => {
      check(
        fc.property(epochInput(), (input) => {
          const output = consensus.epoch(input)
          const total = (values: BigUint64Array): bigint => values.reduce((sum, value) => sum + value, 0n)
          expect(total(output.emission) <= input.emission).toBe(true)
          expect(total(output.serverEmission) + total(output.validatorEmission) <= input.emission).toBe(true)
        }),
      )
    })
  })
}

/** Step 5 by hand: what each validator gives each neuron, in 2⁻³² of its row. */
function normalised(input: EpochInput): Map<number, bigint>[] {
  return expand(input.weights).map((row, i) => {
    const kept = row.filter(([uid]) => uid !== i && input.lastUpdate[i]! > input.blockAtRegistration[uid]!)
    const sum = kept.reduce((total, [, value]) => total + BigInt(value), 0n)
    return new Map(kept.map(([uid, value]) => [uid, sum === 0n ? 0n : (BigInt(value) << 32n) / sum]))
  })
}

laws('addon', loadAddon().consensus, 400)
laws('twin', consensusReference, 60)

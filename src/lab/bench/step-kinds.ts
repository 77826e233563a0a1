/** The kinds of work that are timed and proven as steps; measuring and verifying take them from here. */
import { hash } from 'node:crypto'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  LEAF_BYTES,
  type Compute,
  type EpochInput,
  type EpochOutput,
  type GameInput,
  type GameOutput,
} from '../../protocol/ports/compute.ts'
import { code, codecInput, CODECS, type Coded, type CodecInput } from './codecs.ts'
import { expertSteps } from './expert-steps.ts'
import { seededBelow, seededBytes } from './seeded.ts'
import type { Step } from './steps.ts'

export const SEALS = 10_000
export const EPOCHS = [
  [256, 256],
  [128, 4_096],
  [4_096, 4_096],
] as const
export const GAMES = [8, 12, 16]
export const GAME_POSITIONS = 2_048
const CODEC_LEAVES = 4_096

const digestOf = (...arrays: ArrayBufferView[]): Uint8Array =>
  sha256(
    concat(
      ...arrays.map(
        ({ buffer, byteOffset, byteLength }) => new Uint8Array(hash('sha256', new Uint8Array(buffer, byteOffset, byteLength), 'buffer')),
      ),
    ),
  )

/** Hotkeys and nonces follow from the link; the block's hash, like a block's, is one for all. */
export function sealBatch(link: Uint8Array): Parameters<Compute['pow']['verify']>[0] {
  return {
    blockHashes: new Uint8Array(32 * SEALS).fill(1),
    hotkeys: seededBytes(link, 'hotkeys', 32 * SEALS),
    nonces: new BigUint64Array(seededBytes(link, 'nonces', 8 * SEALS).buffer),
    difficulties: new BigUint64Array(SEALS).fill(2n),
  }
}
const seals = ({ pow }: Compute): Step => ({
  metric: 'pow.verify',
  unit: '1/s',
  units: SEALS,
  threads: 1,
  prepare(link) {
    const batch = sealBatch(link)
    return () => pow.verify(batch)
  },
  digest: ({ seals, meets }: ReturnType<Compute['pow']['verify']>) => digestOf(seals, meets),
})

/** What the steps of one kind have in common follows from this. */
export const stepsSeed = (seed: Uint8Array): Uint8Array => sha256(concat(seed, utf8('steps')))

/** A market of which the first `rows` uids are validators that rate everybody else; all but the stake follows from `own`. */
export function epochInput(own: Uint8Array, link: Uint8Array, rows: number, uids: number): EpochInput {
  const per = uids - 1
  const targets = new Uint16Array(rows * per)
  for (let row = 0; row < rows; row++) for (let i = 0; i < per; i++) targets[row * per + i] = i < row ? i : i + 1
  return {
    n: uids,
    stake: stakes(link, rows, uids),
    weights: {
      offsets: Uint32Array.from({ length: uids + 1 }, (_, i) => Math.min(i, rows) * per),
      uids: targets,
      values: new Uint16Array(seededBytes(own, 'weights', 2 * rows * per).buffer),
    },
    bonds: { offsets: new Uint32Array(uids + 1), uids: new Uint16Array(), values: new Uint16Array() },
    lastUpdate: new BigUint64Array(uids).fill(1_000n),
    blockAtRegistration: new BigUint64Array(uids),
    validatorPermit: Uint8Array.from({ length: uids }, (_, i) => (i < rows ? 1 : 0)),
    block: 1_010n,
    activityCutoff: 5_000,
    kappa: 32_767,
    bondsMovingAverage: 900_000n,
    maxAllowedValidators: 4_096,
    emission: 1_000_000_000n,
  }
}
const stakes = (link: Uint8Array, rows: number, uids: number): BigUint64Array => {
  const drawn = seededBelow(link, 'stake', rows, 65_536)
  return BigUint64Array.from({ length: uids }, (_, i) => (i < rows ? BigInt(1_000_000_000 + 16_384 * (drawn[i] ?? 0)) : 0n))
}
function epoch({ consensus }: Compute, own: Uint8Array, rows: number, uids: number, threads: number): Step {
  let base: EpochInput | undefined
  return {
    metric: `consensus.epoch.${rows}x${uids}`,
    unit: 's',
    units: null,
    threads,
    prepare(link) {
      base ??= epochInput(own, link, rows, uids)
      const input = { ...base, stake: stakes(link, rows, uids) }
      return () => consensus.epoch(input)
    },
    digest: ({ bonds, ...arrays }: EpochOutput) =>
      digestOf(
        ...Object.keys(arrays)
          .sort()
          .map((name) => arrays[name as keyof typeof arrays]),
        bonds.offsets,
        bonds.uids,
        bonds.values,
      ),
  }
}

export function game(link: Uint8Array, peers: number): GameInput {
  const row = (i: number): Uint16Array => seededBelow(link, `claims ${i}`, GAME_POSITIONS, 20_000)
  return { length: 256, spans: GAME_POSITIONS / 256, fallback: row(-1), peers: Array.from({ length: peers }, (_, i) => row(i)) }
}
const shapley = ({ mixture }: Compute, peers: number): Step => ({
  metric: `mixture.shapley.${peers}x${GAME_POSITIONS}`,
  unit: 's',
  units: null,
  threads: 1,
  prepare(link) {
    const input = game(link, peers)
    return () => mixture.shapley(input)
  },
  digest: ({ phi, all, none }: GameOutput) => digestOf(phi, Float64Array.of(all, none)),
})

function codec({ mixture }: Compute): Step {
  let input: CodecInput | undefined
  return {
    metric: 'mixture.codec',
    unit: 'B/s',
    units: CODECS * CODEC_LEAVES * LEAF_BYTES,
    threads: 1,
    prepare(link) {
      const given = codecInput(link, CODEC_LEAVES, input)
      input = given
      return () => code(mixture, given)
    },
    digest: ({ claims, rows, codes, short, spread }: Coded) => digestOf(claims, rows, codes, short, spread),
  }
}

/** All kinds, by metric; `threads` is what the pool of this process has. */
export function stepKinds(compute: Compute, seed: Uint8Array, threads: number): Map<string, Step> {
  const own = stepsSeed(seed)
  const all = [
    seals(compute),
    ...EPOCHS.map(([rows, uids]) => epoch(compute, own, rows, uids, threads)),
    ...GAMES.map((peers) => shapley(compute, peers)),
    codec(compute),
    ...expertSteps(compute, own),
  ]
  return new Map(all.map((step) => [step.metric, step]))
}

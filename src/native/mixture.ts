/** The mixture by the addon: crates/mixture behind the port `MixtureCompute`. */
import type { ClaimInput, GameInput, GameOutput, LongCall, MixtureCompute, MixtureReport, RevealInput } from '../protocol/ports/compute.ts'
import { LEAF_BYTES, LEAVES_MAX } from '../protocol/ports/compute.ts'
import { checkBytes, checkInteger, checkInto, checkObject, U32_MAX } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'

/** What this facade needs of the addon. */
export interface MixtureBinding<J extends JobHandle = JobHandle> {
  Job: new () => J
  mixtureClaims(leaves: Uint8Array, text: Uint8Array): Uint16Array
  mixtureDecode(leaves: Uint8Array, into: Float64Array): void
  mixtureEncode(lnProbabilities: Float32Array): Uint8Array
  mixtureCommit(input: ClaimInput): { root: Uint8Array; commit: Uint8Array }
  mixturePaths(leaves: Uint8Array, positions: Uint16Array): Uint8Array[]
  mixtureCheckReveal(input: RevealInput): ReturnType<MixtureCompute['checkReveal']>
  mixtureShapley(game: GameInput, job: J): Promise<GameOutput>
  mixtureValues(game: GameInput, coalitions: Uint32Array): Float64Array
  mixtureReport(game: GameInput): MixtureReport
  mixtureNtdEncode(leaves: Uint8Array, topP: number, nMax: number): Uint8Array
  mixtureNtdDecode(ntds: Uint8Array, fallbackLeaves: Uint8Array, into: Float64Array): void
}

/** Numbers cross to native code modulo 2³², so what is no count is refused on this side. */
function checked(game: GameInput): GameInput {
  checkObject('game', game)
  checkInteger('length', game.length, 0, U32_MAX)
  checkInteger('spans', game.spans, 0, U32_MAX)
  return game
}

/** Where rows of `leaves` go: what the caller gives, or memory that is taken for no more leaves than native code accepts. */
function rowsOf(leaves: Uint8Array, given: Float64Array | undefined, ...read: Uint8Array[]): Float64Array {
  checkBytes('leaves', leaves)
  if (given !== undefined) checkInto(given, leaves.length, [leaves, ...read])
  return given ?? new Float64Array(leaves.length <= LEAVES_MAX * LEAF_BYTES ? leaves.length : 0)
}

export function mixtureCompute(binding: MixtureBinding): MixtureCompute {
  return {
    claims: (leaves, text) => call(() => binding.mixtureClaims(leaves, text)),
    decode(leaves, into) {
      const rows = rowsOf(leaves, into)
      call(() => binding.mixtureDecode(leaves, rows))
      return rows
    },
    encode: (lnProbabilities) => call(() => binding.mixtureEncode(lnProbabilities)),
    commit: (input) => call(() => binding.mixtureCommit(input)),
    paths: (leaves, positions) => call(() => binding.mixturePaths(leaves, positions)),
    checkReveal: (reveal) => call(() => binding.mixtureCheckReveal(reveal)),
    async shapley(game: GameInput, options: LongCall = {}): Promise<GameOutput> {
      checked(game)
      return long(new binding.Job(), options, async (job) => binding.mixtureShapley(game, job))
    },
    values: (game, coalitions) => call(() => binding.mixtureValues(checked(game), coalitions)),
    report: (game) => call(() => binding.mixtureReport(checked(game))),
    ntdEncode(leaves, topP, nMax) {
      checkInteger('nMax', nMax, 0, U32_MAX)
      return call(() => binding.mixtureNtdEncode(leaves, topP, nMax))
    },
    ntdDecode(ntds, fallbackLeaves, into) {
      checkBytes('ntds', ntds)
      const rows = rowsOf(fallbackLeaves, into, ntds)
      call(() => binding.mixtureNtdDecode(ntds, fallbackLeaves, rows))
      return rows
    },
  }
}

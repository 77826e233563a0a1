/** The mixture by the addon: crates/mixture behind the port `MixtureCompute`. */
import type { ClaimInput, GameInput, GameOutput, LongCall, MixtureCompute, MixtureReport, RevealInput } from '../protocol/ports/compute.ts'
import { checkInteger, checkObject } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'

/** What this facade needs of the addon. */
export interface MixtureBinding<J extends JobHandle = JobHandle> {
  Job: new () => J
  mixtureClaims(leaves: Uint8Array, text: Uint8Array): Uint16Array
  mixtureDecode(leaves: Uint8Array): Float64Array
  mixtureEncode(lnProbabilities: Float32Array): Uint8Array
  mixtureCommit(input: ClaimInput): { root: Uint8Array; commit: Uint8Array }
  mixturePaths(leaves: Uint8Array, positions: Uint16Array): Uint8Array[]
  mixtureCheckReveal(input: RevealInput): ReturnType<MixtureCompute['checkReveal']>
  mixtureShapley(game: GameInput, job: J): Promise<GameOutput>
  mixtureValues(game: GameInput, coalitions: Uint32Array): Float64Array
  mixtureReport(game: GameInput): MixtureReport
  mixtureNtdEncode(leaves: Uint8Array, topP: number, nMax: number): Uint8Array
  mixtureNtdDecode(ntds: Uint8Array, fallbackLeaves: Uint8Array): Float64Array
}

/** Numbers cross to native code modulo 2³², so what is no count is refused on this side. */
function checked(game: GameInput): GameInput {
  checkObject('game', game)
  checkInteger('length', game.length, 0, 0xffff_ffff)
  checkInteger('spans', game.spans, 0, 0xffff_ffff)
  return game
}

export function mixtureCompute(binding: MixtureBinding): MixtureCompute {
  return {
    claims: (leaves, text) => call(() => binding.mixtureClaims(leaves, text)),
    decode: (leaves) => call(() => binding.mixtureDecode(leaves)),
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
      checkInteger('nMax', nMax, 0, 0xffff_ffff)
      return call(() => binding.mixtureNtdEncode(leaves, topP, nMax))
    },
    ntdDecode: (ntds, fallbackLeaves) => call(() => binding.mixtureNtdDecode(ntds, fallbackLeaves)),
  }
}

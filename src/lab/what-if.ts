/** What variants of an epoch move: how much of the incentive and of the dividends goes to others, and who gains most. */
import type { EpochOutput } from '../protocol/ports/compute.ts'

/** The part of an output that the comparison looks at. */
type Rewarded = Pick<EpochOutput, 'incentive' | 'dividends' | 'emission'>

interface Movement {
  name: string
  /** Parts of 1 that go to others than before. */
  incentiveMoved: number
  dividendsMoved: number
  /** The uid whose emission grows most, by `gain` rao; null where none grows. */
  winner: number | null
  gain: bigint
}

/** Half of the sum of all differences: what leaves some goes to others. */
const moved = (before: Uint16Array, after: Uint16Array): number =>
  before.reduce((sum, share, uid) => sum + Math.abs(share - after[uid]!), 0) / (2 * 0xffff)

/** Each named output against the unchanged one. */
export function movements(base: Rewarded, variants: readonly { name: string; output: Rewarded }[]): Movement[] {
  return variants.map(({ name, output }) => {
    let [winner, gain]: [number | null, bigint] = [null, 0n]
    output.emission.forEach((rao, uid) => {
      const more = rao - base.emission[uid]!
      if (more > gain) [winner, gain] = [uid, more]
    })
    return {
      name,
      incentiveMoved: moved(base.incentive, output.incentive),
      dividendsMoved: moved(base.dividends, output.dividends),
      winner,
      gain,
    }
  })
}

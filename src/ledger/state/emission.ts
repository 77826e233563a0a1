/** Emission (ledger.md, Epoch and emission): floor(10⁹ / 2^k) rao a block, k counted by issuance, not by height. */
import { ISSUANCE_MAX_RAO, RAO_PER_TAU } from '../../protocol/amounts.ts'
import type { Market } from './market.ts'
import { issuance as mint, move, treasury } from './money.ts'
import type { Work } from './work.ts'

/** Stage k pays 10⁹ >> k and ends once issuance has reached entry k. A table, not a logarithm: no rounding decides a halving. */
const STAGES = 30
const thresholds: readonly bigint[] = Array.from({ length: STAGES }, (_, k) => ISSUANCE_MAX_RAO - (ISSUANCE_MAX_RAO >> BigInt(k + 1)))

/** What the next block emits when so much is issued. */
export function blockEmission(issued: bigint): bigint {
  const stage = thresholds.findIndex((threshold) => issued < threshold)
  return stage < 0 ? 0n : RAO_PER_TAU >> BigInt(stage)
}

/** Whether any neuron of a market has stake: only then does the market take part. */
function hasStake(work: Work, market: Market): boolean {
  const { hotkeys } = work.state
  for (let uid = 0; uid < market.size; uid++) if (hotkeys.stake.get(market.parts.hotkey.get(uid)) > 0n) return true
  return false
}

/** Issues this block's emission: to markets that can pay it, by their shares, or else to the treasury. */
export function emit(work: Work): bigint {
  const emission = blockEmission(work.state.chain.head.value.issuance)
  const markets = work.state.markets.filter((market) => market.parameters.emissionShare > 0 && hasStake(work, market))
  const shares = markets.reduce((sum, market) => sum + BigInt(market.parameters.emissionShare), 0n)
  let left = emission
  for (const market of markets.slice(1)) {
    const part = (emission * BigInt(market.parameters.emissionShare)) / shares
    move(work, mint, { kind: 'pending', market }, part)
    left -= part
  }
  // The first has what the division leaves, so that nothing is lost.
  const [first] = markets
  move(work, mint, first ? { kind: 'pending', market: first } : treasury, left)
  return emission
}

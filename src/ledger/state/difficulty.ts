/** Difficulty and burn price (wire.md 5.2): moved once an interval by what happened in it, counted in blocks, never by a clock. */
import type { Market } from './market.ts'
import type { Work } from './work.ts'

/** Fraction bits of I110F18, the format of the runtime that this must equal. */
const BITS = 18n
const ONE = 1n << BITS
const U64_MAX = 2n ** 64n - 1n

export interface Adjustment {
  registrations: number
  target: number
  /** Weight of the old value, over 2⁶⁴ - 1. */
  alpha: bigint
  min: bigint
  max: bigint
}

/** v' = a·v + (1 - a)·v·(r + t)/(2t), every operation floored at 2⁻¹⁸, the result truncated and kept within its bounds. */
export function adjusted(value: bigint, { registrations, target, alpha, min, max }: Adjustment): bigint {
  const fixed = value << BITS
  const moved = (fixed * BigInt(registrations + target)) / BigInt(2 * target)
  const a = (alpha << BITS) / U64_MAX
  const next = ((a * fixed) >> BITS) + (((ONE - a) * moved) >> BITS)
  const whole = next >> BITS
  if (whole > max) return max
  return whole < min ? min : whole
}

/** At an interval's end: moves difficulty, price or both, and starts to count anew. */
export function adjustMarket(work: Work, market: Market): void {
  const { parameters, netuid } = market
  if (work.height % parameters.adjustmentInterval !== 0) return
  const { head } = market.parts
  const { worked, burned, difficulty, burnPrice } = head.value
  const registrations = worked + burned
  const target = parameters.registrationTarget
  const common = { registrations, target, alpha: parameters.adjustmentAlpha }
  // Above the target the way in that was used more gets dearer, below it the one that was used less gets cheaper.
  const raises = registrations > target
  const movesDifficulty = worked === burned || worked > burned === raises
  const movesPrice = worked === burned || worked > burned !== raises
  const next = {
    difficulty: movesDifficulty
      ? adjusted(difficulty, { ...common, min: parameters.difficultyMin, max: parameters.difficultyMax })
      : difficulty,
    burnPrice: movesPrice ? adjusted(burnPrice, { ...common, min: parameters.burnMin, max: parameters.burnMax }) : burnPrice,
  }
  head.set({ ...next, worked: 0, burned: 0 })
  if (next.difficulty !== difficulty || next.burnPrice !== burnPrice) work.events.push({ type: 'difficulty_adjusted', netuid, ...next })
}

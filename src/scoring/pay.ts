/**
 * From statistics to the u16 weights of one market (mixture.md 4.2). Pay is linear in bits saved: a peer's value is its
 * paid score, lessened where it answered fewer positions than half the median or was late. No rank, no power of a loss.
 */

/** Largest share of one peer before the excess is spread over the others. */
export const WEIGHT_SHARE_MAX = 1 / 3
/** Fewer paid peers than this are not clipped. */
const CLIPPED_PEERS_MIN = 3
/** Shares of the completion market: experts, shared base (7.4), documents (6.4). An empty part goes to the experts. */
export const COMPLETION_SHARES = { experts: 0.9, base: 0.05, documents: 0.05 } as const

export interface PayInput {
  uid: number
  /** The paid score: lower confidence bound, bits per byte. */
  score: number
  /** 0..1 */
  uptime: number
  /** Positions answered since the last commitment. */
  served: number
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** u = s * min(1, served/quota)^(1/2) * uptime for each scored peer, quota being half the median of served. */
export function values(peers: readonly PayInput[]): Map<number, number> {
  const quota = median(peers.map(({ served }) => served)) / 2
  return new Map(
    peers.map(({ uid, score, uptime, served }) => {
      const share = quota > 0 ? Math.min(1, served / quota) : 1
      return [uid, score * Math.sqrt(share) * uptime]
    }),
  )
}

const total = (part: ReadonlyMap<number, number>): number => [...part.values()].reduce((sum, value) => sum + value, 0)

/** Joins the parts of a market, each normalised to its share, in uid order; what has no value counts for the experts. */
export function shares(parts: {
  experts: ReadonlyMap<number, number>
  base?: ReadonlyMap<number, number>
  documents?: ReadonlyMap<number, number>
}): Map<number, number> {
  const extra = [
    { part: parts.base ?? new Map<number, number>(), share: COMPLETION_SHARES.base },
    { part: parts.documents ?? new Map<number, number>(), share: COMPLETION_SHARES.documents },
  ].filter(({ part }) => total(part) > 0)
  const rest = extra.reduce((left, { share }) => left - share, 1)
  const joined = new Map<number, number>()
  for (const { part, share } of [{ part: parts.experts, share: rest }, ...extra]) {
    const sum = total(part)
    if (sum <= 0) continue
    for (const [uid, value] of part) joined.set(uid, (joined.get(uid) ?? 0) + (value / sum) * share)
  }
  return new Map([...joined].toSorted(([a], [b]) => a - b))
}

/**
 * Clips shares above the largest allowed one and spreads the excess over the others in proportion, until none exceeds it.
 * @param input normalised here; zeros stay zero
 */
export function clip(input: ReadonlyMap<number, number>): Map<number, number> {
  const sum = total(input)
  if (sum <= 0) return new Map()
  const paid = [...input].filter(([, value]) => value > 0).map(([uid, value]): [number, number] => [uid, value / sum])
  if (paid.length < CLIPPED_PEERS_MIN) return new Map(paid)
  const clipped = new Set<number>()
  for (;;) {
    const free = paid.filter(([uid]) => !clipped.has(uid))
    const left = 1 - clipped.size * WEIGHT_SHARE_MAX
    const freeSum = free.reduce((all, [, value]) => all + value, 0)
    const factor = freeSum > 0 ? left / freeSum : 0
    const over = free.filter(([, value]) => value * factor > WEIGHT_SHARE_MAX)
    if (over.length === 0) {
      return new Map(paid.map(([uid, value]) => [uid, clipped.has(uid) ? WEIGHT_SHARE_MAX : value * factor]))
    }
    for (const [uid] of over) clipped.add(uid)
  }
}

/** u16 = floor(65535 * w / max w + 1/2), zeros dropped, uids increasing. */
export function quantise(weights: ReadonlyMap<number, number>): { uids: Uint16Array; values: Uint16Array } {
  const largest = Math.max(0, ...weights.values())
  const rows = [...weights]
    .toSorted(([a], [b]) => a - b)
    .map(([uid, weight]) => ({ uid, value: largest > 0 ? Math.floor((65_535 * weight) / largest + 0.5) : 0 }))
    .filter(({ value }) => value > 0)
  return { uids: Uint16Array.from(rows, ({ uid }) => uid), values: Uint16Array.from(rows, ({ value }) => value) }
}

/** The whole way from scored peers to the row that is committed. */
export const weightsRow = (peers: readonly PayInput[]): { uids: Uint16Array; values: Uint16Array } =>
  quantise(clip(shares({ experts: values(peers) })))

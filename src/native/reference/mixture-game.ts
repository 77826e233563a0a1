/** Contributions (mixture.md 3, 4.1, 5.3), coalition by coalition: weights and products in BigInt, the rest in binary64. */
import type { GameInput, GameOutput, MixtureReport } from '../../protocol/ports/compute.ts'
import { demand, expClaim, log2 } from './mixture-numbers.ts'

const LENGTH_MAX = 4_096
const POSITIONS_MAX = 65_536
const PLAYERS_MAX = 16
const COALITIONS_MAX = 1_024
/** Positions whose factors are multiplied before one logarithm is taken. */
const FACTORS = 16
const GAMMA = 58_982
const LEAST = 1n << 24n
const FAR = 131_072

/** W and N of one expert, by position. */
interface Row {
  weights: bigint[]
  products: bigint[]
}

function check(game: GameInput): void {
  const positions = game.length * game.spans
  demand(game.length > 0 && game.spans > 0, 'MIXTURE_ARGUMENT', 'a game has at least one span of one position')
  demand(game.length <= LENGTH_MAX, 'MIXTURE_TOO_LARGE', `positions of a span: ${game.length}, ${LENGTH_MAX} are the most`)
  demand(positions <= POSITIONS_MAX, 'MIXTURE_TOO_LARGE', `positions of a game: ${positions}, ${POSITIONS_MAX} are the most`)
  demand(positions % FACTORS === 0, 'MIXTURE_ARGUMENT', 'the positions of a game are a multiple of 16')
  demand(game.peers.length <= PLAYERS_MAX, 'MIXTURE_TOO_LARGE', `players: ${game.peers.length}, ${PLAYERS_MAX} are the most`)
  const complete = [game.fallback, ...game.peers].every((claims) => claims === null || claims.length === positions)
  demand(complete, 'MIXTURE_ARGUMENT', 'there is not one claim for each position')
  for (const given of [game.clusters, game.independents]) {
    const one = given === undefined || given.length === 0 || given.length === game.peers.length
    demand(one, 'MIXTURE_ARGUMENT', 'clusters and independents have one entry per player')
  }
}

function weightAt(distance: number): bigint {
  if (distance >= FAR) return LEAST
  const weight = BigInt(Math.trunc(2 ** 58 * expClaim(distance)))
  return weight < LEAST ? LEAST : weight
}

/** W and N of the fallback, then of each player. */
export function rowsOf(game: GameInput): Row[] {
  const everyone = [game.fallback, ...game.peers]
  const rows = everyone.map((): Row => ({ weights: [], products: [] }))
  for (let start = 0; start < game.length * game.spans; start += game.length) {
    const losses = everyone.map(() => 0)
    for (let t = start; t < start + game.length; t++) {
      const least = Math.min(...losses.filter((_, i) => everyone[i] !== null))
      everyone.forEach((claims, i) => {
        const claim = claims?.[t]
        const weight = claim === undefined ? 0n : weightAt(losses[i]! - least)
        rows[i]!.weights.push(weight)
        rows[i]!.products.push(claim === undefined ? 0n : BigInt(Math.trunc(Number(weight) * expClaim(claim))))
        // a·58982 stays far below 2⁵³, so the quotient by 2¹⁶ is exact before it is floored
        if (claim !== undefined) losses[i] = Math.floor((losses[i]! * GAMMA) / 65_536) + claim
      })
    }
  }
  return rows
}

/** v of a coalition: the fallback and the players of `mask`. */
function valueOf(rows: Row[], mask: number): number {
  const members = rows.filter((_, i) => i === 0 || ((mask >> (i - 1)) & 1) === 1)
  const positions = rows[0]!.weights.length
  const blocks = positions / FACTORS
  const logarithms = (of: keyof Row): number => {
    let sum = 0
    for (let j = 0; j < blocks; j++) {
      let product = 1
      for (let k = 0; k < FACTORS; k++) {
        const factor = members.reduce((total, row) => total + row[of][j + k * blocks]!, 0n)
        product *= Number(factor) * 2 ** -58
      }
      sum += log2(product)
    }
    return sum
  }
  return (logarithms('products') - logarithms('weights')) / positions
}

const ones = (mask: number): number => mask.toString(2).replaceAll('0', '').length

function binomial(n: number, k: number): number {
  let product = 1
  for (let i = 0; i < k; i++) product = (product * (n - i)) / (i + 1)
  return product
}

/** Clusters as masks of slots, in the order of their first members. */
function clustersOf(players: number[], numbers: Uint16Array | undefined): number[] {
  const masks = new Map<string, number>()
  players.forEach((player, slot) => {
    const number = numbers?.[player]
    const name = number === undefined ? `alone ${slot}` : `${number}`
    masks.set(name, (masks.get(name) ?? 0) | (1 << slot))
  })
  return [...masks.values()]
}

/** The Owen value of a slot; with clusters of one it is the Shapley value. */
function owen(slot: number, clusters: number[], values: number[]): number {
  const me = 1 << slot
  const own = clusters.findIndex((mask) => (mask & me) !== 0)
  const fellows = clusters[own]! & ~me
  const [m, b] = [clusters.length, ones(clusters[own]!)]
  let phi = 0
  for (let r = 0; r < 1 << m; r++) {
    if (((r >> own) & 1) === 1) continue
    const others = clusters.reduce((all, mask, k) => (((r >> k) & 1) === 1 ? all | mask : all), 0)
    for (let u = 0; u <= fellows; u++) {
      if ((u & ~fellows) !== 0) continue
      const divisor = m * binomial(m - 1, ones(r)) * b * binomial(b - 1, ones(u))
      phi += (values[others | u | me]! - values[others | u]!) / divisor
    }
  }
  return phi
}

/** φ·2³², rounded half to even. */
function stored(phi: number): bigint {
  const x = phi * 2 ** 32
  const below = Math.floor(x)
  const rest = x - below
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0)
  return BigInt(up ? below + 1 : below)
}

export function shapley(game: GameInput): GameOutput {
  check(game)
  const rows = rowsOf(game)
  const players = game.peers.flatMap((_, i) => ((game.independents?.[i] ?? 1) === 0 ? [] : [i]))
  const chosen = [rows[0]!, ...players.map((player) => rows[player + 1]!)]
  const values = Array.from({ length: 1 << players.length }, (_, mask) => valueOf(chosen, mask))
  const clusters = clustersOf(players, game.clusters)
  const phi = new BigInt64Array(game.peers.length)
  players.forEach((player, slot) => (phi[player] = stored(owen(slot, clusters, values))))
  return { phi, all: values.at(-1)!, none: values[0]! }
}

export function values(game: GameInput, coalitions: Uint32Array): Float64Array {
  check(game)
  demand(coalitions.length <= COALITIONS_MAX, 'MIXTURE_TOO_LARGE', `coalitions: ${coalitions.length}, ${COALITIONS_MAX} are the most`)
  const known = coalitions.every((mask) => mask < 2 ** game.peers.length)
  demand(known, 'MIXTURE_ARGUMENT', 'a coalition has members that the game has not')
  const rows = rowsOf(game)
  return Float64Array.from(coalitions, (mask) => valueOf(rows, mask))
}

export function report(game: GameInput): MixtureReport {
  check(game)
  const positions = game.length * game.spans
  const bits = (claims: Uint16Array): number => (claims.reduce((sum, claim) => sum + claim, 0) / (4_096 * positions)) * Math.LOG2E
  const answered = [game.fallback, ...game.peers].filter((claims) => claims !== null)
  let sum = 0
  for (let t = 0; t < positions; t++) sum += log2(answered.reduce((total, claims) => total + expClaim(claims[t]!), 0) / answered.length)
  return {
    network: -valueOf(rowsOf(game), -1),
    uniform: -sum / positions,
    fallback: bits(game.fallback),
    single: Float64Array.from(game.peers, (claims) => (claims === null ? Number.NaN : bits(claims))),
  }
}

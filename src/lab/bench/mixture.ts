/** The mixture: exact Shapley values, the codecs of leaves, peers; checked on the very game and leaves that are timed. */
import { isDeepStrictEqual } from 'node:util'
import { mixtureReference } from '../../native/reference/mixture.ts'
import type { GameInput } from '../../protocol/ports/compute.ts'
import { PHI_ONE } from '../../scoring/statistics.ts'
import { checkCodecs } from './codecs.ts'
import { contributions } from './large-game.ts'
import { demand, type BenchContext, type Found, type Subject } from './measure.ts'
import { measurePeers } from './mixture-peers.ts'
import { game, GAME_POSITIONS, GAMES, stepKinds } from './step-kinds.ts'
import { measureSteps, type Check } from './steps.ts'

/**
 * Games of so many peers go through the TypeScript twin, two seconds for the most. Under a challenge it is fewer: the time of checks counts
 * against every figure of the report, and the verifier does steps again itself.
 */
const TWIN_PEERS_MAX = { plain: 12, proven: 8 }
/** Games of so many peers a verifier alone looks at, as at the largest market (`consensus.ts`). */
const LEFT_TO_VERIFIER = 16
/** Bits per position; contributions are rounded to 2^-32 of one. */
const TOLERANCE = 1e-9

/** @throws NodeError LAB_BENCH_WRONG */
export async function checkGame({ compute, prove }: Pick<BenchContext, 'compute' | 'prove'>, input: GameInput): Promise<void> {
  const found = await compute.mixture.shapley(input)
  const what = `contributions of ${input.peers.length} peers`
  if (input.peers.length <= TWIN_PEERS_MAX[prove ? 'proven' : 'plain']) {
    demand(isDeepStrictEqual(found, await mixtureReference.shapley(input)), what)
    return
  }
  const { phi, all, none } = contributions(input)
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE
  demand(near(found.all, all) && near(found.none, none), `the values that ${what} add up to`)
  demand(
    phi.every((one, peer) => near(Number(found.phi[peer]) / PHI_ONE, one)),
    what,
  )
}

export const mixture: Subject = async function* (context): AsyncGenerator<Found> {
  const kinds = stepKinds(context.compute, context.seed, context.threads)
  const checks: [string, Check | null][] = [
    ...GAMES.map((peers): [string, Check | null] => [
      `mixture.shapley.${peers}x${GAME_POSITIONS}`,
      context.prove && peers >= LEFT_TO_VERIFIER ? null : async (link) => await checkGame(context, game(link, peers)),
    ]),
    ['mixture.codec', (link) => checkCodecs({ ...context, seed: link })],
  ]
  for (const [name, check] of checks) {
    const step = kinds.get(name)
    if (step === undefined) continue
    yield await measureSteps(context, step, check)
  }
  context.onBegin('mixture.peers')
  yield await measurePeers(context)
}

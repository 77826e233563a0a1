/** The mixture: exact Shapley values, the codecs of leaves. Contributions must add up; whatever is coded must be as the twin codes it. */
import { PHI_ONE } from '../../scoring/statistics.ts'
import { checkCodecs } from './codecs.ts'
import { demand, type BenchContext, type Found, type Subject } from './measure.ts'
import { measurePeers } from './mixture-peers.ts'
import { game, GAME_POSITIONS, GAMES, stepKinds } from './step-kinds.ts'
import { measureSteps } from './steps.ts'

async function checkGame({ compute: { mixture }, seed }: BenchContext, peers: number): Promise<void> {
  const { phi, all, none } = await mixture.shapley(game(seed, peers))
  const sum = Number(phi.reduce((total, one) => total + one, 0n)) / PHI_ONE
  demand(Math.abs(sum - (all - none)) < 1e-6, `the sum of contributions of ${peers} peers`)
}
export const mixture: Subject = async function* (context): AsyncGenerator<Found> {
  const kinds = stepKinds(context.compute, context.seed, context.threads)
  for (const name of [...GAMES.map((peers) => `mixture.shapley.${peers}x${GAME_POSITIONS}`), 'mixture.codec']) {
    const step = kinds.get(name)
    if (step === undefined) continue
    context.onBegin(name)
    if (name === 'mixture.codec') checkCodecs(context)
    else await checkGame(context, Number(/\d+/.exec(name)?.[0]))
    yield await measureSteps(context, step)
  }
  context.onBegin('mixture.peers')
  yield await measurePeers(context)
}

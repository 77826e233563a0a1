/** The mixture: exact Shapley values, the codec of leaves. Contributions must add up; distributions must be as the twin decodes them. */
import { mixtureReference } from '../../native/reference/mixture.ts'
import { demand, type BenchContext, type Found, type Subject } from './measure.ts'
import { measurePeers } from './mixture-peers.ts'
import { codecLeaves, game, GAME_POSITIONS, GAMES, stepKinds } from './step-kinds.ts'
import { measureSteps } from './steps.ts'

const CHECKED_LEAVES = 64

async function checkGame({ compute: { mixture }, seed }: BenchContext, peers: number): Promise<void> {
  const { phi, all, none } = await mixture.shapley(game(seed, peers))
  const sum = Number(phi.reduce((total, one) => total + one, 0n)) / 2 ** 32
  demand(Math.abs(sum - (all - none)) < 1e-6, `the sum of contributions of ${peers} peers`)
}
function checkCodec({ compute: { mixture }, seed }: BenchContext): void {
  const leaves = codecLeaves(seed).subarray(0, CHECKED_LEAVES * 256)
  const twin = mixtureReference.decode(leaves)
  demand(
    mixture.decode(leaves).every((one, i) => one === twin[i]),
    'the decoded distributions',
  )
}

export const mixture: Subject = async function* (context): AsyncGenerator<Found> {
  const kinds = stepKinds(context.compute, context.seed, context.threads)
  for (const name of [...GAMES.map((peers) => `mixture.shapley.${peers}x${GAME_POSITIONS}`), 'mixture.codec']) {
    const step = kinds.get(name)
    if (step === undefined) continue
    context.onBegin(name)
    if (name === 'mixture.codec') checkCodec(context)
    else await checkGame(context, Number(/\d+/.exec(name)?.[0]))
    yield await measureSteps(context, step)
  }
  context.onBegin('mixture.peers')
  yield await measurePeers(context)
}

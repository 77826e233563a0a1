/** The miners of a local network: each with its model, its text, its key and its own libp2p network. */
import { nativeExpert } from '../experts/native-expert.ts'
import { recordCheckpoints } from '../experts/checkpoint-store.ts'
import type { Expert } from '../protocol/ports/expert.ts'
import type { Network } from '../protocol/ports/network.ts'
import type { Signer } from '../protocol/ports/platform.ts'
import { miner, type Miner } from '../roles/miner/miner.ts'
import { Workload } from '../roles/workload.ts'
import type { Closers } from './closers.ts'
import type { OwnText } from './local-ground.ts'
import { specs, type MinerPlan } from './network-plan.ts'
import { localNetwork, type Shared } from './neuron-parts.ts'
import { trainingText } from './texts.ts'

/** Steps after which a miner of the demonstration has learnt its text: about an hour for all of them on two cores. */
const TRAINING_STEPS = 4_000
const SEQUENCE_LENGTH = 256
/** Stated until measured, bytes per second. */
const RATES = { order: 200_000, nano: 60_000, micro: 25_000, gru: 40_000 }
/** One training slice at a time leaves a core for answers. */
const TRAINERS_MAX = 1
const CHECKPOINTS_MAX = 256

export interface LocalMiner {
  plan: MinerPlan
  signer: Signer
  role: Miner
  kind: string
}

interface Options {
  netuid: number
  coldkey: Uint8Array
  /** Folder of the prepared corpus. */
  corpus: string
  /** A folder of the user's own text, which the last miner learns from in place of its domain. */
  ownText: OwnText | null
}

async function expertOf(plan: MinerPlan, text: Uint8Array, shared: Shared): Promise<Expert> {
  const spec = specs[plan.kind]
  const checkpoints = recordCheckpoints(shared.records.table('checkpoint', { maxRows: CHECKPOINTS_MAX }), plan.hotkey)
  return await nativeExpert(
    {
      spec,
      text,
      totalSteps: spec.kind === 'order' ? 0 : TRAINING_STEPS,
      seed: BigInt(plan.seed),
      sequenceLengthMax: SEQUENCE_LENGTH,
      rate: RATES[plan.kind],
    },
    { expert: shared.compute.expert, clock: shared.clock, log: shared.log.child(plan.hotkey), checkpoints },
  )
}

/** Starts all miners; `closers` receives what must be closed. */
export async function startMiners(
  plans: readonly { plan: MinerPlan; signer: Signer }[],
  options: Options,
  shared: Shared,
  closers: Closers,
): Promise<LocalMiner[]> {
  const own = options.ownText
  const workload = new Workload({ trainersMax: TRAINERS_MAX })
  const { ledger, compute, clock, random } = shared
  const start = async ({ plan: planned, signer }: { plan: MinerPlan; signer: Signer }, index: number): Promise<LocalMiner> => {
    const isOwn = own !== null && index === plans.length - 1
    // An n-gram knows a small text at once; a network would have to train on it first.
    const plan: MinerPlan = isOwn ? { ...planned, kind: 'order', domain: own.name } : planned
    const log = shared.log.child(plan.hotkey)
    const expert = await expertOf(plan, isOwn ? own.bytes : trainingText(options.corpus, plan.domain), shared)
    closers.add(() => expert.close())
    const network: Network = await localNetwork('miner', signer, shared)
    closers.add(() => network.close())
    const role = await miner(
      { netuid: options.netuid, coldkey: options.coldkey },
      { ledger, network, pow: compute.pow, mixture: compute.mixture, expert, signer, clock, random, log, workload },
    )
    await role.start()
    closers.add(() => role.close())
    return { plan, signer, role, kind: role.status().kind }
  }
  return await Promise.all(plans.map((one, index) => start(one, index)))
}

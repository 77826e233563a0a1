/** A long random run of a crowded ledger, its invariants checked at every block by adding up everything there is. */
import { deserialize } from '../../src/ledger/state/load.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import { crowdedGenesis, drawCommand, play } from './ledger-histories.ts'
import { checkLaws } from './ledger-laws.ts'
import { World } from './ledger-world.ts'
import { rng } from './random.ts'

export interface ConservationReport {
  blocks: number
  executed: number
  failed: number
  refused: number
  epochs: number
  /** Epochs that paid miners by revealed weights. */
  byWeights: number
  deregistered: number
  seconds: number
  root: string
}

/** @throws an Error that names the invariant, the seed and the height */
export function runConservation(seed: number, blocks: number): ConservationReport {
  const random = rng(seed)
  const world = new World(crowdedGenesis())
  const begun = performance.now()
  const report: ConservationReport = {
    blocks,
    executed: 0,
    failed: 0,
    refused: 0,
    epochs: 0,
    byWeights: 0,
    deregistered: 0,
    seconds: 0,
    root: '',
  }
  while (world.height < blocks) {
    const before = world.state
    const commands = Array.from({ length: random.int(5) }, () => drawCommand(random))
    const { applied } = play(world, commands)
    try {
      checkLaws(before, applied)
    } catch (cause) {
      throw new Error(`seed ${seed}, height ${world.height}: ${(cause as Error).message}`, { cause })
    }
    for (const { error } of applied.receipts)
      if (error) report.failed++
      else report.executed++
    report.refused += applied.refused.length
    report.epochs += applied.epochs.length
    report.byWeights += applied.epochs.filter(({ summary }) => summary.byWeights).length
    report.deregistered += applied.events.filter(({ type }) => type === 'deregistered').length
    // Now and then the state goes through its bytes, as at a restart.
    if (world.height % 500 === 0) {
      const again = deserialize(world.state.encode(), world.headHash)
      if (toHex(again.root()) !== toHex(world.state.root())) throw new Error(`seed ${seed}, height ${world.height}: I24`)
      world.state = again
    }
  }
  return { ...report, seconds: (performance.now() - begun) / 1_000, root: toHex(world.state.root()) }
}

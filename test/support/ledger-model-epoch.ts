/** The end of an epoch in the model: who has not revealed loses the row, the scoring is asked, everyone is paid. */
import type { SparseRows } from '../../src/protocol/ports/compute.ts'
import type { Model, ModelMarket } from './ledger-model.ts'

function sparse(rows: Map<number, number>[]): SparseRows {
  const sorted = rows.map((row) => [...row].sort(([a], [b]) => a - b))
  const offsets = [0]
  for (const row of sorted) offsets.push((offsets.at(-1) ?? 0) + row.length)
  const flat = sorted.flat()
  return {
    offsets: Uint32Array.from(offsets),
    uids: Uint16Array.from(flat, ([uid]) => uid),
    values: Uint16Array.from(flat, ([, value]) => value),
  }
}

export function modelEpoch(model: Model, market: ModelMarket): void {
  const { neurons, p } = market
  for (const neuron of neurons) {
    const due = neuron.commitments.filter(({ epoch }) => epoch + p.revealLag <= market.epoch)
    if (due.length > 0) neuron.weights = new Map()
    neuron.commitments = neuron.commitments.filter((commitment) => !due.includes(commitment))
  }
  const output = model.parts.consensus.epoch({
    n: neurons.length,
    stake: BigUint64Array.from(neurons, ({ hotkey }) => model.behind(hotkey)),
    weights: sparse(neurons.map(({ weights }) => weights)),
    bonds: sparse(neurons.map(({ bonds }) => bonds)),
    lastUpdate: BigUint64Array.from(neurons, ({ lastUpdate }) => BigInt(lastUpdate)),
    blockAtRegistration: BigUint64Array.from(neurons, ({ registeredAt }) => BigInt(registeredAt)),
    validatorPermit: Uint8Array.from(neurons, ({ permit }) => Number(permit)),
    block: BigInt(model.height),
    activityCutoff: p.activityCutoff,
    kappa: p.kappa,
    bondsMovingAverage: p.bondsMovingAverage,
    maxAllowedValidators: p.validatorsMax,
    emission: market.pending,
  })
  for (const [uid, neuron] of neurons.entries()) {
    neuron.permit = output.validatorPermit[uid] === 1
    neuron.pruningScore = output.pruningScores[uid] ?? 0
    const [from = 0, to = 0] = output.bonds.offsets.slice(uid, uid + 2)
    neuron.bonds = new Map(
      Array.from({ length: to - from }, (_, i) => [output.bonds.uids[from + i] ?? 0, output.bonds.values[from + i] ?? 0]),
    )
  }
  let paid = 0n
  for (const [uid, { hotkey }] of neurons.entries()) {
    const served = output.serverEmission[uid] ?? 0n
    const validated = output.validatorEmission[uid] ?? 0n
    payHotkey(model, hotkey, served, validated)
    paid += served + validated
  }
  if (paid > market.pending) throw new Error(`paid ${paid} of ${market.pending}`)
  market.pending -= paid
  market.epoch++
}

function payHotkey(model: Model, hotkey: string, served: bigint, validated: bigint): void {
  const known = model.hotkeys.get(hotkey)
  if (!known) throw new Error(`${hotkey} has a uid and no owner`)
  const all = model.behind(hotkey) + served
  const stakers = model.stakers(hotkey)
  const before = all - served
  const take = known.delegate ? (validated * BigInt(known.take)) / 65_535n : 0n
  let given = 0n
  // Stakers share by what they had when the epoch ended, before the miner's pay.
  for (const [coldkey, amount] of stakers) {
    if (coldkey === known.owner) continue
    const part = ((validated - take) * amount) / (before === 0n ? 1n : before)
    model.addStake(hotkey, coldkey, part)
    given += part
  }
  model.addStake(hotkey, known.owner, served + validated - given)
}

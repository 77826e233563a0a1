/** The kinds of transaction of the model: each says no (undefined) or returns what it does. */
import { toHex } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import type { Action } from '../../src/protocol/ports/ledger.ts'
import { weightsCommitment } from '../../src/protocol/weights.ts'
import type { Model, ModelMarket, ModelNeuron } from './ledger-model.ts'

type Deed = (() => void) | undefined
type Of<K extends Action['kind']> = Extract<Action, { kind: K }>

/** What an action of a signer would do; undefined when it must not. The fee is taken already. */
export function modelDeed(model: Model, action: Action, signer: Hex, key: Uint8Array): Deed {
  switch (action.kind) {
    case 'transfer':
      return transfer(model, action, signer)
    case 'add_stake':
      return stake(model, null, toHex(action.hotkey), action.amount, signer)
    case 'remove_stake':
      return stake(model, toHex(action.hotkey), null, action.amount, signer)
    case 'move_stake':
      return stake(model, toHex(action.from), toHex(action.to), action.amount, signer)
    case 'become_delegate':
      return delegation(model, action, signer)
    case 'set_take':
      return delegation(model, action, signer)
    case 'register':
      return register(model, action, signer, key)
    case 'register_burned':
      return burn(model, action, signer)
    case 'serve':
    case 'commit_model':
    case 'commit_weights':
    case 'reveal_weights':
      return neuron(model, action, signer, key)
  }
}

function transfer(model: Model, action: Of<'transfer'>, signer: Hex): Deed {
  const to = toHex(action.to)
  const { amount } = action
  const arrives = model.balance(to) + amount
  if (to === signer || amount === 0n || model.balance(signer) < amount || arrives < model.genesis.parameters.existentialDeposit)
    return undefined
  return () => {
    model.addFree(signer, -amount)
    model.addFree(to, amount)
  }
}

/** From free balance (null) or behind a hotkey, to free balance (null) or behind a hotkey. */
function stake(model: Model, from: Hex | null, to: Hex | null, amount: bigint, signer: Hex): Deed {
  const least = model.genesis.parameters.existentialDeposit
  if (amount === 0n || from === to) return undefined
  const source = from === null ? model.balance(signer) : model.stake(from, signer)
  if (source < amount) return undefined
  // What stays behind a hotkey is nothing or worth keeping; free balance is swept.
  if (from !== null && source > amount && source - amount < least) return undefined
  const arrives = (to === null ? model.balance(signer) : model.stake(to, signer)) + amount
  if (arrives < least) return undefined
  if (from !== null && !model.hotkeys.has(from)) return undefined
  if (to !== null) {
    const hotkey = model.hotkeys.get(to)
    if (!hotkey || (hotkey.owner !== signer && !hotkey.delegate)) return undefined
  }
  return () => {
    if (from === null) model.addFree(signer, -amount)
    else model.addStake(from, signer, -amount)
    if (to === null) model.addFree(signer, amount)
    else model.addStake(to, signer, amount)
    if (from !== null && model.behind(from) === 0n) model.use(from)
  }
}

function delegation(model: Model, action: Of<'become_delegate' | 'set_take'>, signer: Hex): Deed {
  const hotkey = model.hotkeys.get(toHex(action.hotkey))
  const { takeMax, takeIntervalBlocks } = model.genesis.parameters
  if (!hotkey || hotkey.owner !== signer || action.take > takeMax) return undefined
  const first = action.kind === 'become_delegate'
  if (hotkey.delegate === first) return undefined
  const raises = first || action.take > hotkey.take
  if (!first && raises && model.height < hotkey.raisedAt + takeIntervalBlocks) return undefined
  return () => {
    Object.assign(hotkey, { delegate: true, take: action.take, raisedAt: raises ? model.height : hotkey.raisedAt })
  }
}

/** The uid that a newcomer gets: the next one, or in a full market that of the worst neuron past immunity; undefined: none. */
function placeIn(model: Model, { p, neurons }: ModelMarket): number | undefined {
  if (neurons.length < p.neuronsMax) return neurons.length
  const old = [...neurons.entries()].filter(([, { registeredAt }]) => model.height - registeredAt >= p.immunityPeriod)
  if (old.length <= p.prunableFloor) return undefined
  old.sort(([a, x], [b, y]) => x.pruningScore - y.pruningScore || x.registeredAt - y.registeredAt || a - b)
  return old[0]?.[0]
}

function mayEnter(model: Model, market: ModelMarket, hotkey: Hex, coldkey: Hex): boolean {
  const { p, neurons, worked, burned, now } = market
  const owner = model.hotkeys.get(hotkey)?.owner
  return (
    p.registrationAllowed &&
    (owner === undefined || owner === coldkey) &&
    !neurons.some((neuron) => neuron.hotkey === hotkey) &&
    now < p.registrationsPerBlock &&
    worked + burned < 3 * p.registrationTarget &&
    placeIn(model, market) !== undefined
  )
}

function enter(model: Model, market: ModelMarket, hotkey: Hex, coldkey: Hex): void {
  const uid = placeIn(model, market) ?? 0
  if (!model.hotkeys.has(hotkey)) model.hotkeys.set(hotkey, { owner: coldkey, delegate: false, take: 0, raisedAt: 0 })
  const since = { registeredAt: model.height, lastUpdate: model.height }
  const clean = { permit: false, pruningScore: 0, servedAt: 0, modelEpoch: -1, weights: new Map(), bonds: new Map(), commitments: [] }
  market.neurons[uid] = { hotkey, ...since, ...clean }
  market.now++
}

function register(model: Model, action: Of<'register'>, signer: Hex, key: Uint8Array): Deed {
  const market = model.market(action.netuid)
  const coldkey = toHex(action.coldkey)
  if (!market || !mayEnter(model, market, signer, coldkey)) return undefined
  const head = model.height - 1
  if (action.block > BigInt(head) || action.block < BigInt(head - 2)) return undefined
  const blockHashes = model.hashes[Number(action.block)]
  if (!blockHashes) return undefined
  const { seals, meets } = model.parts.pow.verify({
    blockHashes,
    hotkeys: key,
    nonces: BigUint64Array.of(action.nonce),
    difficulties: BigUint64Array.of(market.difficulty),
  })
  const seal = toHex(seals)
  if (meets[0] !== 1 || model.seals.has(seal)) return undefined
  return () => {
    model.seals.add(seal)
    enter(model, market, signer, coldkey)
    market.worked++
  }
}

function burn(model: Model, action: Of<'register_burned'>, signer: Hex): Deed {
  const market = model.market(action.netuid)
  const hotkey = toHex(action.hotkey)
  if (!market || !mayEnter(model, market, hotkey, signer)) return undefined
  const price = market.burnPrice
  if (price > action.limit || model.balance(signer) < price) return undefined
  return () => {
    model.addFree(signer, -price)
    model.issuance -= price
    model.destroyed += price
    enter(model, market, hotkey, signer)
    market.burned++
  }
}

function neuron(
  model: Model,
  action: Of<'serve' | 'commit_model' | 'commit_weights' | 'reveal_weights'>,
  signer: Hex,
  key: Uint8Array,
): Deed {
  const market = model.market(action.netuid)
  const uid = market?.neurons.findIndex(({ hotkey }) => hotkey === signer) ?? -1
  const own = market?.neurons[uid]
  if (!market || !own) return undefined
  if (action.kind === 'serve') {
    if (own.servedAt > 0 && model.height < own.servedAt + market.p.serveIntervalBlocks) return undefined
    return () => {
      own.servedAt = model.height
    }
  }
  if (action.kind === 'commit_model') {
    if (own.modelEpoch === market.epoch) return undefined
    return () => {
      own.modelEpoch = market.epoch
    }
  }
  if (!own.permit || model.behind(signer) < market.p.validatorStakeMinimum) return undefined
  if (action.kind === 'reveal_weights') return reveal(model, market, own, uid, action, key)
  if (action.epoch !== BigInt(market.epoch) || own.commitments.some(({ epoch }) => epoch === market.epoch)) return undefined
  return () => {
    own.commitments.push({ epoch: market.epoch, height: model.height, hash: toHex(action.commitment) })
  }
}

function reveal(model: Model, market: ModelMarket, own: ModelNeuron, uid: number, action: Of<'reveal_weights'>, key: Uint8Array): Deed {
  const found = own.commitments.find(({ epoch }) => BigInt(epoch) === action.epoch)
  if (!found || found.epoch + market.p.revealLag !== market.epoch) return undefined
  const genesis = model.hashes[0] ?? new Uint8Array(0)
  if (toHex(weightsCommitment({ ...action, genesis, hotkey: key })) !== found.hash) return undefined
  const row = new Map([...action.uids].map((target, i) => [target, action.values[i] ?? 0]))
  const sum = [...row.values()].reduce((total, value) => total + value, 0)
  if ([...row.keys()].some((target) => target >= market.neurons.length)) return undefined
  if (row.size < Math.min(market.p.weightsMin, market.neurons.length)) return undefined
  if ([...row].some(([target, value]) => target !== uid && value * 65_535 > market.p.weightLimit * sum)) return undefined
  return () => {
    own.commitments = own.commitments.filter((other) => other !== found)
    own.weights = row
    own.lastUpdate = found.height
  }
}

/**
 * Histories of a small, crowded ledger as plain data: commands that are made concrete against the state in which their turn comes,
 * so that a failing history shrinks. Amounts are the ones at which sums wrap or balances end.
 */
import * as fc from 'fast-check'
import { order } from '../../src/ledger/state/apply.ts'
import type { Applied } from '../../src/ledger/state/apply.ts'
import { queries } from '../../src/ledger/state/queries.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import type { Action, ActionKind, Unsigned } from '../../src/protocol/ports/ledger.ts'
import { decodeTransaction } from '../../src/protocol/transaction.ts'
import type { DecodedTransaction } from '../../src/protocol/transaction.ts'
import type { World } from './ledger-world.ts'
import { hexKey, key, TAU, testGenesis } from './ledger-world.ts'
import type { Rng } from './random.ts'

/** Hotkeys 0 to 7 belong, where known, to coldkeys 100 to 105; two coldkeys begin with nothing. */
export const HOTKEYS = 8
export const COLDKEYS = 6
const coldkey = (n: number): number => 100 + (n % COLDKEYS)

/** Several times where it takes several to lead to something. */
const kinds = [
  'transfer',
  'register',
  'register_burned',
  'add_stake',
  'remove_stake',
  'move_stake',
  'become_delegate',
  'set_take',
  'serve',
  'commit_model',
  'register',
  'register',
  'commit_weights',
  'commit_weights',
  'commit_weights',
  'reveal_weights',
  'reveal_weights',
  'reveal_weights',
] as const satisfies readonly ActionKind[]

export interface Command {
  kind: ActionKind
  /** Who signs, and which key it names. */
  who: number
  other: number
  netuid: number
  amount: number
  /** Added to the next nonce; mostly 0. */
  nonce: number
  /** Of the weights, seals and takes. */
  variant: number
}

/** A crowded network: markets of 3 to 5 neurons, epochs of 4 to 6 blocks, prices and difficulties that move. */
export const crowdedGenesis = (): Genesis =>
  testGenesis((genesis) => {
    genesis.parameters.takeIntervalBlocks = 3
    for (const [i, market] of genesis.markets.entries()) {
      const tempo = 3 + i
      Object.assign(market.parameters, {
        tempo,
        revealLag: 1 + (i % 2),
        immunityPeriod: (3 + (i % 2)) * (tempo + 1),
        activityCutoff: 20,
        neuronsMax: 3 + i,
        prunableFloor: 0,
        registrationTarget: 2,
        registrationsPerBlock: 2,
        adjustmentInterval: 5,
        validatorStakeMinimum: 10n * TAU,
        difficultyMax: 4n,
        burnMin: TAU / 2n,
        weightLimit: i === 0 ? 40_000 : 65_535,
        emissionShare: [5_000, 3, 1_999][i],
      })
    }
    genesis.accounts = genesis.accounts.slice(0, 3)
  })

const edges = [
  0n,
  1n,
  499n,
  500n,
  501n,
  TAU,
  100n * TAU,
  2n ** 32n - 1n,
  2n ** 32n + 1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]
/** Half of all amounts are ordinary, or every purse would soon be empty. */
const AMOUNTS = 2 * (edges.length + 8)

function amountOf(world: World, command: Command, hotkey: number, signer: number): bigint {
  if (command.amount >= AMOUNTS / 2) return BigInt(1 + command.amount - AMOUNTS / 2) * TAU
  const edge = edges[command.amount]
  if (edge !== undefined) return edge
  const free = world.free(signer)
  const { stakes } = queries.account(world.state, hexKey(signer))
  const stake = stakes.find((entry) => entry.hotkey === hexKey(hotkey))?.amount ?? 0n
  const fee = world.genesis.parameters.baseFee
  const near = [free, free - fee, free - fee - 1n, free - fee - 499n, stake, stake - 1n, stake - 500n, stake / 2n]
  const amount = near[command.amount - edges.length] ?? 0n
  return amount < 0n ? 0n : amount
}

/** The row that a validator always has for an epoch, so that a reveal can be made without memory; now and then another one. */
function rowOf(world: World, { who, netuid, variant }: Command, epoch: bigint): { commit: Action; reveal: Action } {
  const row: Record<number, number> = {}
  const other = variant % 8 === 7 ? 1 : 0
  for (const uid of [0, 1, 2]) row[uid] = [65_535, 20_000, 30_000, 0][(uid + who + Number(epoch % 7n) + other) % 4] ?? 0
  return world.weights(who % HOTKEYS, netuid, epoch < 0n ? 0n : epoch, row)
}

function actionOf(world: World, command: Command): { signer: number; action: Action } {
  const { kind, netuid, variant } = command
  const [cold, hot] = [coldkey(command.who), command.who % HOTKEYS]
  // Mostly a key's own: a ledger of strangers only ever says no.
  const other = variant % 3 === 0 ? command.other % HOTKEYS : hot
  const owner = coldkey(variant % 5 === 0 ? command.other : command.who)
  const hotkey = key(other)
  const market = world.state.markets.find((each) => each.netuid === netuid)
  const epoch = BigInt(market?.parts.head.value.epoch ?? 0)
  const take = [0, 1, 6_000, 11_796, 11_797, 65_535][variant % 6] ?? 0
  const ofCold = (action: Action): { signer: number; action: Action } => ({ signer: cold, action })
  const ofHot = (action: Action): { signer: number; action: Action } => ({ signer: hot, action })
  switch (kind) {
    case 'transfer':
      return ofCold({ kind, to: key(coldkey(command.other)), amount: amountOf(world, command, other, cold) })
    case 'register': {
      const block = BigInt(Math.max(0, world.height - (variant % 5) + (variant === 9 ? 6 : 0)))
      return ofHot({ kind, netuid, coldkey: key(owner), block, nonce: BigInt(command.amount % 3) })
    }
    case 'register_burned':
      return ofCold({ kind, netuid, hotkey, limit: variant % 4 === 0 ? amountOf(world, command, other, cold) : 1_000n * TAU })
    case 'add_stake':
    case 'remove_stake':
      return ofCold({ kind, hotkey, amount: amountOf(world, command, other, cold) })
    case 'move_stake':
      return ofCold({ kind, from: hotkey, to: key(variant % HOTKEYS), amount: amountOf(world, command, other, cold) })
    case 'become_delegate':
    case 'set_take':
      return ofCold({ kind, hotkey, take })
    case 'serve':
      return ofHot({ kind, netuid, addresses: variant % 2 ? ['/ip4/10.0.0.1/tcp/1'] : [], httpIp: new Uint8Array(16), httpPort: 0 })
    case 'commit_model':
      return ofHot({ kind, netuid, root: key(variant), class: variant % 5, sequenceLength: 256 })
    case 'commit_weights':
      return ofHot(rowOf(world, command, epoch + BigInt(variant === 11 ? 1 : 0)).commit)
    case 'reveal_weights': {
      const lag = BigInt(market?.parameters.revealLag ?? 1)
      return ofHot(rowOf(world, command, epoch < lag ? 0n : epoch - lag).reveal)
    }
  }
}

/** What a block of commands is in a world: its transactions in order. */
export function concrete(world: World, commands: readonly Command[]): DecodedTransaction[] {
  const used = new Map<number, bigint>()
  const transactions = commands.map((command) => {
    const { signer, action } = actionOf(world, command)
    const ahead = used.get(signer) ?? 0n
    const nonce = world.state.nonce(key(signer)) + ahead + BigInt(command.nonce)
    if (command.nonce === 0) used.set(signer, ahead + 1n)
    const change: Partial<Unsigned> = { nonce: nonce < 0n ? 0n : nonce }
    if (command.variant === 13) change.expiry = BigInt(world.height)
    if (command.variant === 14) change.chainId = 'taumesh-other'
    return decodeTransaction(world.signed(signer, action, change))
  })
  return order(world.headHash, transactions)
}

/** One block of commands on a world. */
export function play(world: World, commands: readonly Command[]): { transactions: DecodedTransaction[]; applied: Applied } {
  const transactions = concrete(world, commands)
  return { transactions, applied: world.apply(transactions.map(({ bytes }) => bytes)) }
}

/** The two validators of the genesis sign half of all. */
const signers = [0, 1, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7]
const nonces = [...Array.from({ length: 40 }, () => 0), 1, -1]
const netuids = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4]
const VARIANTS = 45
export const commandArbitrary: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom(...kinds),
  who: fc.constantFrom(...signers),
  other: fc.nat(HOTKEYS - 1),
  netuid: fc.constantFrom(...netuids),
  amount: fc.nat(AMOUNTS - 1),
  nonce: fc.constantFrom(...nonces),
  variant: fc.nat(VARIANTS - 1),
})
/** Blocks of up to six commands each. */
export const historyArbitrary = (blocks: number): fc.Arbitrary<Command[][]> =>
  fc.array(fc.array(commandArbitrary, { maxLength: 6 }), { minLength: 1, maxLength: blocks, size: 'max' })

/** A command drawn without fast-check, for long runs. */
export function drawCommand(random: Rng): Command {
  const pick = <T>(values: readonly T[], otherwise: T): T => values[random.int(values.length)] ?? otherwise
  return {
    kind: pick(kinds, 'transfer'),
    who: pick(signers, 0),
    other: random.int(HOTKEYS),
    netuid: pick(netuids, 1),
    amount: random.int(AMOUNTS),
    nonce: pick(nonces, 0),
    variant: random.int(VARIANTS),
  }
}

/** Head, accounts, blocks, events and history in JSON. */
import { Type, type Static } from 'typebox'
import type { Account, BlockSummary, Head, HistoryPoint, HotkeyInfo, LedgerEvent, Receipt } from '../ports/ledger.ts'
import { Address, address, Amount, amount, Count, Hash, Nullable } from './text.ts'

export const HeadView = Type.Object({
  chainId: Type.String(),
  kind: Type.Union([Type.Literal('local'), Type.Literal('dev'), Type.Literal('main')]),
  genesisHash: Hash,
  height: Count,
  hash: Hash,
  time: Count,
  stateRoot: Hash,
  issuance: Amount,
  totalStake: Amount,
  treasury: Amount,
  blockTimeMs: Count,
})
export type HeadView = Static<typeof HeadView>
export const headView = (head: Head): HeadView => ({
  ...head,
  issuance: amount(head.issuance),
  totalStake: amount(head.totalStake),
  treasury: amount(head.treasury),
})

export const AccountView = Type.Object({
  coldkey: Address,
  free: Amount,
  locked: Amount,
  nonce: Amount,
  stakes: Type.Array(Type.Object({ hotkey: Address, amount: Amount })),
})
export type AccountView = Static<typeof AccountView>
export const accountView = (account: Account): AccountView => ({
  coldkey: address(account.coldkey),
  free: amount(account.free),
  locked: amount(account.locked),
  nonce: amount(account.nonce),
  stakes: account.stakes.map((stake) => ({ hotkey: address(stake.hotkey), amount: amount(stake.amount) })),
})

export const HotkeyView = Type.Object({
  hotkey: Address,
  owner: Nullable(Address),
  take: Count,
  stake: Amount,
  nonce: Amount,
  delegations: Type.Array(Type.Object({ coldkey: Address, amount: Amount })),
})
export type HotkeyView = Static<typeof HotkeyView>
export const hotkeyView = (hotkey: HotkeyInfo): HotkeyView => ({
  hotkey: address(hotkey.hotkey),
  owner: hotkey.owner === null ? null : address(hotkey.owner),
  take: hotkey.take,
  stake: amount(hotkey.stake),
  nonce: amount(hotkey.nonce),
  delegations: hotkey.delegations.map((one) => ({ coldkey: address(one.coldkey), amount: amount(one.amount) })),
})

/** An event as flat JSON: keys as addresses, amounts and epochs as decimal strings. */
export const EventView = Type.Object({ type: Type.String() }, { additionalProperties: true })
export type EventView = { type: string } & Record<string, string | number | boolean | string[]>
const keyFields = new Set(['from', 'to', 'hotkey', 'coldkey'])
export function eventView(event: LedgerEvent): EventView {
  const view: EventView = { type: event.type }
  for (const [name, value] of Object.entries(event) as [string, string | number | bigint | boolean | string[]][]) {
    if (typeof value === 'bigint') view[name] = amount(value)
    else view[name] = keyFields.has(name) && typeof value === 'string' ? address(value) : value
  }
  return view
}

export const BlockView = Type.Object({
  height: Count,
  hash: Hash,
  parent: Hash,
  time: Count,
  stateRoot: Hash,
  transactions: Type.Array(Type.Object({ id: Hash, kind: Type.String(), signer: Address, error: Nullable(Type.String()) })),
  events: Type.Array(EventView),
})
export type BlockView = Omit<Static<typeof BlockView>, 'events'> & { events: EventView[] }
export const blockView = (block: BlockSummary): BlockView => ({
  ...block,
  transactions: block.transactions.map((one) => ({ ...one, signer: address(one.signer) })),
  events: block.events.map(eventView),
})

export const ReceiptView = Type.Object({
  id: Hash,
  height: Count,
  index: Count,
  kind: Type.String(),
  signer: Address,
  error: Nullable(Type.Object({ code: Type.String(), text: Type.String() })),
})
export type ReceiptView = Static<typeof ReceiptView>
export const receiptView = (receipt: Receipt): ReceiptView => ({ ...receipt, signer: address(receipt.signer) })

export const HistoryView = Type.Object({
  height: Count,
  time: Count,
  issuance: Amount,
  totalStake: Amount,
  markets: Type.Array(Type.Object({ netuid: Count, difficulty: Amount, burnPrice: Amount, neurons: Count, emission: Amount })),
})
export type HistoryView = Static<typeof HistoryView>
export const historyView = (point: HistoryPoint): HistoryView => ({
  ...point,
  issuance: amount(point.issuance),
  totalStake: amount(point.totalStake),
  markets: point.markets.map((market) => ({
    ...market,
    difficulty: amount(market.difficulty),
    burnPrice: amount(market.burnPrice),
    emission: amount(market.emission),
  })),
})

/** Queries whose answers lie in the store: blocks, receipts, epochs, history. They see durable blocks only. */
import { decodeBlock } from '../../../protocol/block.ts'
import { toHex } from '../../../protocol/bytes.ts'
import { NodeError } from '../../../protocol/errors.ts'
import { decodeGenesis } from '../../../protocol/genesis.ts'
import type { BlockStore, StoredBlock } from '../../../protocol/ports/block-store.ts'
import type { BlockEvents, BlockSummary, EpochSummary, HistoryPoint, NeuronHistoryPoint, Queries } from '../../../protocol/ports/ledger.ts'
import type { Machine, StoreQuery } from './machine.ts'
import { decodeValue, type Results } from './results.ts'
import { EPOCH_END, epochKey, historyKey, neuronEpochKey, receiptPlace, recordKey } from './rows.ts'

/** Blocks, epochs or points in one answer. */
const ANSWER_MAX = 1_000

const bounded = (count: number): number => Math.max(0, Math.min(Number.isFinite(count) ? Math.trunc(count) : 0, ANSWER_MAX))

/** Unix ms of a stored block; of the genesis at height 0. */
const timeOf = (stored: StoredBlock): number =>
  Number(stored.height === 0 ? decodeGenesis(stored.block).time : decodeBlock(stored.block).header.time)

/** What subscribers are told of a stored block. */
export function eventsOf(stored: StoredBlock): BlockEvents {
  const { receipts, events } = decodeValue(stored.results) as Results
  return {
    height: stored.height,
    hash: toHex(stored.hash),
    time: timeOf(stored),
    stateRoot: toHex(stored.stateRoot),
    transactions: receipts.length,
    receipts,
    events,
  }
}

function summaryOf(stored: StoredBlock): BlockSummary {
  const { hash, time, stateRoot, receipts, events } = eventsOf(stored)
  const transactions = receipts.map(({ id, kind, signer, error }) => ({ id, kind, signer, error: error?.code ?? null }))
  return { height: stored.height, hash, parent: toHex(stored.parent), time, stateRoot, transactions, events }
}

type StoreQueries = { [Q in StoreQuery]: (...args: Queries[Q]['args']) => Queries[Q]['result'] }

/** The answers over one store. @throws LEDGER_NOT_FOUND, STORE_CORRUPT */
export function storeQueries(store: BlockStore, machine: Pick<Machine<never>, 'explain'>): StoreQueries {
  return {
    blocks: (from, count) => {
      const start = Math.max(0, Math.trunc(from))
      const stored = Array.from({ length: bounded(count) }, (_, i) => store.load(start + i))
      return stored.filter((block) => block !== null).map(summaryOf)
    },
    receipt: (id) => {
      const row = store.row('receipt', id)
      if (row === null) return null
      const { height, index } = receiptPlace(row)
      const block = store.load(height)
      return block === null ? null : ((decodeValue(block.results) as Results).receipts[index] ?? null)
    },
    epochs: (netuid, before, count) => {
      if (before !== null && before <= 0n) return []
      const to = epochKey(netuid, before === null || before > EPOCH_END ? EPOCH_END : before - 1n)
      const range = { from: epochKey(netuid, 0n), to, limit: bounded(count), descending: true }
      return store.rows('epoch', range).map((row) => decodeValue(row.value) as EpochSummary)
    },
    explain: (netuid, epoch, uid) => {
      const record = store.row('epoch', recordKey(netuid, epoch))
      if (record === null) throw new NodeError('LEDGER_NOT_FOUND', { what: `epoch ${epoch} of market ${netuid}` })
      return machine.explain(record, uid)
    },
    neuronHistory: (netuid, uid, count) => {
      const range = {
        from: neuronEpochKey(netuid, uid, 0n),
        to: neuronEpochKey(netuid, uid, EPOCH_END),
        limit: bounded(count),
        descending: true,
      }
      return store.rows('neuron_epoch', range).map((row) => decodeValue(row.value) as NeuronHistoryPoint)
    },
    history: (count) => {
      const range = { from: historyKey(0), to: historyKey(Number.MAX_SAFE_INTEGER), limit: bounded(count), descending: true }
      return store
        .rows('history', range)
        .map((row) => decodeValue(row.value) as HistoryPoint)
        .reverse()
    },
  }
}

const NAMES: readonly string[] = ['blocks', 'receipt', 'epochs', 'explain', 'neuronHistory', 'history'] satisfies StoreQuery[]
export const isStoreQuery = (name: string): name is StoreQuery => NAMES.includes(name)

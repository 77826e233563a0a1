/** Rows for queries that a block writes beside itself, and their keys: fixed-width decimals, so that key order is number order. */

import { u32le } from '../../../protocol/bytes.ts'
import type { StoredBlock } from '../../../protocol/ports/block-store.ts'
import type { EpochSummary, HistoryPoint, Receipt } from '../../../protocol/ports/ledger.ts'
import type { EndedEpoch } from './machine.ts'
import { encodeValue } from './results.ts'

type Row = StoredBlock['rows'][number]

const digits = (value: number | bigint, width: number): string => value.toString().padStart(width, '0')
/** Above every epoch number of the keys below. */
export const EPOCH_END = 10n ** 16n - 1n

export const historyKey = (height: number): string => digits(height, 16)
export const epochKey = (netuid: number, epoch: bigint): string => `${digits(netuid, 5)}/${digits(epoch, 16)}`
/** What an explanation is made from, beside the summary of its epoch. */
export const recordKey = (netuid: number, epoch: bigint): string => `record/${epochKey(netuid, epoch)}`
export const neuronEpochKey = (netuid: number, uid: number, epoch: bigint): string =>
  `${digits(netuid, 5)}/${digits(uid, 5)}/${digits(epoch, 16)}`

/** Where a receipt stands: height and place in the block; its text lies in the block's results. */
const receiptRow = (receipt: Receipt): Row => ({
  table: 'receipt',
  key: receipt.id,
  value: Buffer.concat([u32le(receipt.height % 2 ** 32), u32le(Math.floor(receipt.height / 2 ** 32)), u32le(receipt.index)]),
})

/** @param value a row of the receipt table */
export function receiptPlace(value: Uint8Array): { height: number; index: number } {
  const view = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return { height: view.readUInt32LE(0) + view.readUInt32LE(4) * 2 ** 32, index: view.readUInt32LE(8) }
}

export function rowsOf(receipts: readonly Receipt[], epochs: readonly EndedEpoch[], history: HistoryPoint): Row[] {
  const rows = receipts.map(receiptRow)
  for (const { summary, points, record } of epochs) {
    const { netuid, epoch } = summary
    rows.push({ table: 'epoch', key: epochKey(netuid, epoch), value: encodeValue(summary satisfies EpochSummary) })
    rows.push({ table: 'epoch', key: recordKey(netuid, epoch), value: record })
    points.forEach((point, uid) => rows.push({ table: 'neuron_epoch', key: neuronEpochKey(netuid, uid, epoch), value: encodeValue(point) }))
  }
  rows.push({ table: 'history', key: historyKey(history.height), value: encodeValue(history) })
  return rows
}

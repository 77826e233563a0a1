/**
 * Puts the rows on the ledger (ledger.md, Weights): a commitment near the end of an epoch, its reveal when the market's
 * counter has gone on by the reveal lag, and then the evidence in public. What fails is tried again at the next block
 * while it can still count; the log knows what is pending, so a restart goes on.
 */
import { NodeError } from '../../protocol/errors.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Market, Ledger, Receipt } from '../../protocol/ports/ledger.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import { weightsCommitment } from '../../protocol/weights.ts'
import { weightsOf } from '../../scoring/tally.ts'
import type { Submit } from '../submit.ts'
import type { EvidenceLog, PendingWeights } from './evidence-log.ts'
import type { EvidenceShelf } from './evidence-server.ts'

/** Share of an epoch in which weights are committed, and its least length in blocks. */
const COMMIT_SHARE = 1 / 10
const COMMIT_BLOCKS_MIN = 2
/** The ledger's answer to a reveal without commitment: it was refused, or a reveal was counted before a crash. */
const UNKNOWN: ErrorCode = 'LEDGER_REVEAL_UNKNOWN'

export interface WeightsStatus {
  committed: { epoch: bigint; height: number; targets: number } | null
  /** The last row whose reveal is on the ledger and whose evidence is served. */
  revealed: { epoch: bigint; height: number } | null
}
export interface WeightsCycleParts {
  ledger: Pick<Ledger, 'chain'>
  submit: Submit
  evidence: EvidenceLog
  shelf: EvidenceShelf
  hotkey: Uint8Array
  log: Log
}

/** Blocks at the end of an epoch in which weights are committed. */
export const commitBlocks = (tempo: number): number => Math.max(COMMIT_BLOCKS_MIN, Math.ceil((tempo + 1) * COMMIT_SHARE))

export class WeightsCycle {
  readonly status: WeightsStatus = { committed: null, revealed: null }
  readonly #parts: WeightsCycleParts
  readonly #netuid: number

  constructor(options: { netuid: number }, parts: WeightsCycleParts) {
    this.#netuid = options.netuid
    this.#parts = parts
  }

  /** Whether this epoch's row is on its way already. */
  hasRow(epoch: bigint): boolean {
    return this.status.committed?.epoch === epoch || this.#parts.evidence.pending.some((row) => row.epoch === epoch)
  }

  /** Ends the list of evidence with its row and commits to it. Nothing while nobody has earned anything: then the list goes on. */
  async commit(market: Market, params: Uint8Array, signal: AbortSignal): Promise<void> {
    const { evidence } = this.#parts
    if (evidence.passes === 0) return
    const row = weightsOf(evidence.statistics, evidence.tally)
    if (row.uids.length === 0) return
    await this.#submitCommit(await evidence.seal(market.epoch, row, params), signal)
  }

  /** Reveals what is due, commits again what a restart left open, and gives up what is too late. */
  async settle(market: Market, signal: AbortSignal): Promise<void> {
    const { evidence, shelf, log } = this.#parts
    for (const row of evidence.pending) {
      const due = row.epoch + BigInt(market.revealLag)
      if (row.height === 0 && market.epoch === row.epoch) await this.#submitCommit(row, signal)
      else if (market.epoch === due) {
        const height = await this.#reveal(row, signal)
        if (height === null) return await this.#lose(row)
        await shelf.publish(row)
        await evidence.settled(row)
        this.status.revealed = { epoch: row.epoch, height }
        log.info('weights revealed', { epoch: row.epoch, height })
      } else if (market.epoch > due) await this.#lose(row)
    }
  }

  /** The commitment never reached the ledger, or its time is over. The evidence is public all the same. */
  async #lose(row: PendingWeights): Promise<void> {
    const { evidence, shelf, log } = this.#parts
    log.warn('weights came too late and are lost', { epoch: row.epoch })
    await shelf.publish(row)
    await evidence.settled(row)
  }

  async #submitCommit(row: PendingWeights, signal: AbortSignal): Promise<void> {
    const { ledger, submit, evidence, hotkey, log } = this.#parts
    const { epoch, uids, values, seed, root } = row
    const commitment = weightsCommitment({
      genesis: ledger.chain.genesis,
      netuid: this.#netuid,
      hotkey,
      epoch,
      uids: Uint16Array.from(uids),
      values: Uint16Array.from(values),
      salt: seed,
      evidence: root,
    })
    const receipt = await submit({ kind: 'commit_weights', netuid: this.#netuid, epoch, commitment }, signal)
    if (!this.#taken(receipt)) return
    await evidence.committed(row, receipt.height)
    this.status.committed = { epoch, height: receipt.height, targets: uids.length }
    log.info('weights committed', { epoch, height: receipt.height, targets: uids.length })
  }

  /** @returns the height of the reveal; null where the ledger knows no such commitment */
  async #reveal({ epoch, uids, values, seed, root }: PendingWeights, signal: AbortSignal): Promise<number | null> {
    const row = { uids: Uint16Array.from(uids), values: Uint16Array.from(values) }
    try {
      const receipt = await this.#parts.submit(
        { kind: 'reveal_weights', netuid: this.#netuid, epoch, ...row, salt: seed, evidence: root },
        signal,
      )
      if (receipt.error === null) return receipt.height
      if (receipt.error.code === UNKNOWN) return null
      throw new Error(receipt.error.text)
    } catch (error) {
      if (error instanceof NodeError && error.code === UNKNOWN) return null
      throw error
    }
  }

  #taken({ error }: Receipt): boolean {
    if (error === null) return true
    this.#parts.log.warn('the ledger refused a commitment', { code: error.code, reason: error.text })
    return false
  }
}

/**
 * Who may do what, as one synchronous function: read from the ledger at each epoch and after each event that changes
 * membership, so that nobody asks the ledger per request (ledger.md, Access and priority).
 */
import type { Hex } from '../protocol/bytes.ts'
import type { BlockEvents, Ledger } from '../protocol/ports/ledger.ts'
import type { Access, AccessTable } from '../protocol/ports/network.ts'
import type { Log } from '../protocol/ports/platform.ts'

const nobody: Access = Object.freeze({ registered: false, permit: false, admitted: false, share: 0 })
/** Events after which the table of a market is read again. */
const changing = new Set(['registered', 'deregistered', 'epoch', 'staked', 'unstaked'])

export class LiveAccess {
  readonly #tables = new Map<number, Map<Hex, Access>>()
  readonly #ledger: Ledger
  readonly #log: Log
  #refreshing: Promise<void> = Promise.resolve()

  constructor(parts: { ledger: Ledger; log: Log }) {
    this.#ledger = parts.ledger
    this.#log = parts.log
  }

  readonly table: AccessTable = (netuid, hotkey) => this.#tables.get(netuid)?.get(hotkey) ?? nobody

  /** Reads all markets; call it once before anything is served. */
  async load(): Promise<void> {
    for (const { netuid } of await this.#ledger.query('markets')) await this.#read(netuid)
  }

  /** Takes a block into account; the new table stands when the promise resolves. */
  see(block: BlockEvents): Promise<void> {
    if (block.events.some(({ type }) => changing.has(type)))
      this.#refreshing = this.#refreshing
        .then(() => this.load())
        .catch((error: unknown) => this.#log.warn('membership could not be read', { cause: String(error) }))
    return this.#refreshing
  }

  async #read(netuid: number): Promise<void> {
    const rows = await this.#ledger.query('access', netuid)
    this.#tables.set(
      netuid,
      new Map(rows.map(({ key, registered, permit, admitted, share }) => [key, Object.freeze({ registered, permit, admitted, share })])),
    )
  }
}

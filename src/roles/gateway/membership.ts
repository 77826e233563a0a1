/** Who may ask, and for how much of the gateway: stake of coldkeys in a market, as the ledger's access query tells it. */
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Ledger } from '../../protocol/ports/ledger.ts'
import type { Clock } from '../../protocol/ports/platform.ts'

/** Age of a table that is still used. Stake counts from an epoch's end, so a younger one would rarely say anything else. */
const AGE_MS_MAX = 2_000
const RAO_PER_TAU = 1_000_000_000n

export class Membership {
  readonly #netuid: number
  readonly #ledger: Pick<Ledger, 'query'>
  readonly #clock: Pick<Clock, 'monotonic'>
  #table: Promise<Map<Hex, number>> | null = null
  #readAt = -Infinity

  constructor(options: { netuid: number }, parts: { ledger: Pick<Ledger, 'query'>; clock: Pick<Clock, 'monotonic'> }) {
    this.#netuid = options.netuid
    this.#ledger = parts.ledger
    this.#clock = parts.clock
  }

  /** Share of the market's stake of an admitted coldkey. @throws NodeError GATEWAY_NO_STAKE */
  async shareOf(coldkey: Hex): Promise<number> {
    const shares = await this.#current()
    const share = shares.get(coldkey)
    if (share !== undefined) return share
    const { stakeMinimum } = await this.#ledger.query('market', this.#netuid)
    throw new NodeError('GATEWAY_NO_STAKE', { coldkey, minimum: tau(stakeMinimum), netuid: this.#netuid })
  }

  /** One reading of the ledger serves all requests of two seconds. */
  async #current(): Promise<Map<Hex, number>> {
    const now = this.#clock.monotonic()
    if (this.#table === null || now - this.#readAt > AGE_MS_MAX) {
      this.#readAt = now
      this.#table = this.#read()
    }
    try {
      return await this.#table
    } catch (error) {
      this.#table = null
      throw error
    }
  }

  async #read(): Promise<Map<Hex, number>> {
    const rows = await this.#ledger.query('access', this.#netuid)
    return new Map(rows.filter(({ admitted }) => admitted).map(({ key, share }) => [key, share]))
  }
}

/** `1 τ`, `0.5 τ`. */
function tau(rao: bigint): string {
  const fraction = String(rao % RAO_PER_TAU)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${rao / RAO_PER_TAU}${fraction === '' ? '' : `.${fraction}`} τ`
}

/**
 * Connections that are still being made to us, by host: few may be pending at all (wire.md 1.7), and without a share for
 * each host a single one could hold every place with sockets that say nothing.
 */
import type { MultiaddrConnection } from '@libp2p/interface'
import { hostOf } from '../address-rule.ts'

export class PendingConnections {
  readonly #perHostMax: number
  readonly #pending = new Map<string, Set<MultiaddrConnection>>()

  constructor(perHostMax: number) {
    this.#perHostMax = perHostMax
  }

  /** Whether another connection of its host may be pending; if so it is, until it is done or closed. */
  admits(connection: MultiaddrConnection): boolean {
    const host = hostOfConnection(connection)
    const pending = this.#pending.get(host) ?? new Set()
    if (pending.size >= this.#perHostMax) return false
    this.#pending.set(host, pending.add(connection))
    connection.addEventListener('close', () => this.done(connection), { once: true })
    return true
  }

  done(connection: MultiaddrConnection): void {
    const host = hostOfConnection(connection)
    const pending = this.#pending.get(host)
    pending?.delete(connection)
    if (pending?.size === 0) this.#pending.delete(host)
  }
}

/** Where a connection's limits are counted. */
export const hostOfConnection = ({ remoteAddr }: Pick<MultiaddrConnection, 'remoteAddr'>): string =>
  hostOf(remoteAddr.getComponents()[0]?.value ?? 'nowhere')

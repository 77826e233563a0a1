/** Parts and tables that network tests share. */
import { randomBytes } from 'node:crypto'
import type { Hex } from '../../src/protocol/bytes.ts'
import type { Access, AccessTable } from '../../src/protocol/ports/network.ts'
import type { Clock, Log } from '../../src/protocol/ports/platform.ts'
import type { NeuronParts } from '../../src/network/options.ts'
import { testSignature } from './network-keys.ts'
import type { TestKey } from './network-keys.ts'

export const testGenesis = new Uint8Array(32).fill(0x11)

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}

const nobody: Access = { registered: false, permit: false, admitted: false, share: 0 }
export const validatorAccess = (share: number): Access => ({ registered: true, permit: true, admitted: true, share })
export const minerAccess: Access = { registered: true, permit: false, admitted: false, share: 0 }

/** Market 1 as a table that tests write into; other markets have no members. */
export class TestMembers {
  readonly #members = new Map<Hex, Access>()

  set(key: TestKey, access: Access): this {
    this.#members.set(key.hex, access)
    return this
  }

  remove(key: TestKey): void {
    this.#members.delete(key.hex)
  }

  readonly table: AccessTable = (netuid, hotkey) => (netuid === 1 ? (this.#members.get(hotkey) ?? nobody) : nobody)
}

export const neuronParts = (key: TestKey, members: TestMembers, clock: Clock): NeuronParts => ({
  signer: key.signer,
  signature: testSignature,
  access: members.table,
  clock,
  random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
  log: silentLog,
})

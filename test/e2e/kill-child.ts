/**
 * The process that is killed: an embedded ledger on SQLite under signed load of its own. It says on standard output, at once and
 * unbuffered, when it is ready and which receipts it was given; what stands in the pipe when it dies was acknowledged.
 */
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { embedded, type EmbeddedOptions } from '../../src/ledger/engines/embedded/embedded.ts'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { ledgerInWorker } from '../../src/node/ledger-host.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { encodeGenesis } from '../../src/protocol/genesis.ts'
import type { BlockStore, StoredBlock } from '../../src/protocol/ports/block-store.ts'
import type { Ledger } from '../../src/protocol/ports/ledger.ts'
import { realClock } from '../support/clocks.ts'
import { silentLog } from '../support/silent-log.ts'
import { KILL_USERS, killMachine, killNetwork } from './kill-network.ts'

const [, , path = '', mode = 'thread', blockTimeMs = '50'] = process.argv
const say = (line: string): void => void writeSync(1, `${line}\n`)

/** Nonces a user keeps under way: fewer than the mempool takes, so that none is refused. */
const AHEAD = 12
const network = killNetwork()
const engine: Omit<EmbeddedOptions, 'genesis'> = { blockTimeMs: Number(blockTimeMs), snapshotEvery: { blocks: 7, transactions: 10_000 } }

/** The planted bug M02: the block is acknowledged a moment before it is stored. */
function acknowledgingEarly(store: BlockStore): BlockStore {
  let [head, last] = [store.head(), Promise.resolve()]
  const append = (block: StoredBlock): void => {
    head = { height: block.height, hash: block.hash, stateRoot: block.stateRoot }
    last = last.then(async () => {
      await sleep(20)
      store.append(block)
    })
  }
  const later = { append, head: () => head, saveSnapshot: () => undefined }
  return Object.assign(Object.create(store) as BlockStore, {
    ...later,
    close: () => store.close(),
    oldest: () => 1,
    newestSnapshot: () => null,
  })
}

async function open(): Promise<Ledger> {
  const parts = { signer: network.orderer, log: silentLog() }
  if (mode === 'worker') {
    return ledgerInWorker({ genesis: encodeGenesis(network.genesis), store: { path }, engine }, parts)
  }
  const stored = sqliteBlockStore({ path }, parts)
  const store = mode === 'planted' ? acknowledgingEarly(stored) : stored
  const { genesis } = network
  const ledger = embedded({ ...engine, genesis }, { ...parts, machine: killMachine(network), store, clock: realClock })
  void ledger.stopped.then((failure) => {
    if (failure !== null) throw failure
  })
  return ledger
}

/** One user after the other, always some nonces under way. */
async function load(ledger: Ledger, user: number): Promise<void> {
  let next = await ledger.query('nonce', toHex(network.users[user]!.publicKey))
  const lane = async (): Promise<void> => {
    for (;;) {
      const nonce = next++
      const { height } = await ledger.query('head')
      const bytes = await network.transfer(user, nonce, { amount: BigInt(1_000 + user), expiry: BigInt(height + 900) })
      const receipt = await ledger.submit(bytes)
      say(`ack ${receipt.id} ${receipt.height} ${receipt.index}`)
    }
  }
  await Promise.all(Array.from({ length: AHEAD }, lane))
}

try {
  const ledger = await open()
  const head = await ledger.query('head')
  const { user, system } = process.cpuUsage()
  say(`ready ${head.height} ${head.stateRoot} ${Math.round((user + system) / 1_000)}`)
  await Promise.all(Array.from({ length: KILL_USERS }, (_, user) => load(ledger, user)))
} catch (error) {
  say(`failed ${error instanceof NodeError ? error.code : ''} ${String(error)}`)
  process.exitCode = 1
}

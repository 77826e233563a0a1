/**
 * kill -9 at a random instant, again and again on one data folder (reliability.md S1). After each kill the store is opened here:
 * every acknowledged transaction must stand in it exactly once, where its receipt said, and an execution of all blocks that shares
 * nothing with the killed process must give every root that was signed.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { blockHash, decodeBlock } from '../../src/protocol/block.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import type { BlockStore } from '../../src/protocol/ports/block-store.ts'
import { decodeTransaction } from '../../src/protocol/transaction.ts'
import { rng } from '../support/random.ts'
import { silentLog } from '../support/silent-log.ts'
import { killMachine, killNetwork } from './kill-network.ts'

export interface KillOptions {
  path: string
  rounds: number
  seed: number
  blockTimeMs?: number
  /** Every process acknowledges too early: the run must find it. */
  planted?: boolean
}
export interface KillReport {
  suite: 'S1'
  seed: number
  cases: number
  killedBeforeReady: number
  acknowledged: number
  lost: number
  duplicated: number
  rootsDiffering: number
  failures: string[]
  blocks: number
  /** From the start of a process until it serves, and the processor time it took: what a busy machine does not change. */
  readyMs: { p50: number; p99: number; max: number }
  readyCpuMs: { p50: number; p99: number; max: number }
  seconds: number
}

interface Ack {
  height: number
  index: number
}
const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url))

/** One life: started, killed, and what it had said until then. */
async function live(
  options: KillOptions,
  mode: string,
  random: ReturnType<typeof rng>,
): Promise<{ acks: Map<string, Ack>; readyMs: number | null; readyCpuMs: number; root: [number, string] | null; failed: string | null }> {
  const started = performance.now()
  const child = spawn(process.execPath, [CHILD, options.path, mode, String(options.blockTimeMs ?? 25)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const life = {
    acks: new Map<string, Ack>(),
    readyMs: null as number | null,
    readyCpuMs: 0,
    root: null as [number, string] | null,
    failed: null as string | null,
  }
  const kill = async (afterMs: number): Promise<void> => {
    await sleep(afterMs)
    child.kill('SIGKILL')
  }
  // One life in eight ends while it starts, two in eight about its first block, the others within some blocks of it.
  const fate = random.int(8)
  if (fate === 0) void kill(random.int(350))
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, a = '', b = '', c = ''] = line.split(' ')
    if (word === 'ack' && c !== '') {
      if (life.acks.size === 0 && fate > 2) void kill(random.int(600))
      life.acks.set(a, { height: Number(b), index: Number(c) })
    }
    if (word === 'failed') life.failed = line
    if (word !== 'ready') continue
    life.readyMs = performance.now() - started
    life.readyCpuMs = Number(c)
    life.root = [Number(a), b]
    if (fate <= 2) void kill(random.int(250))
  }
  return life
}

/** What all lives together have promised, checked against the store after each of them. */
class Witness {
  readonly acknowledged = new Map<string, Ack>()
  readonly #stored = new Map<string, Ack>()
  readonly #machine = killMachine(killNetwork())
  #state = this.#machine.initial()
  readonly #roots: string[] = []
  #hash: Uint8Array | null = null
  readonly report = { lost: 0, duplicated: 0, rootsDiffering: 0, failures: [] as string[] }

  get blocks(): number {
    return Math.max(0, this.#roots.length - 1)
  }

  /** Executes the blocks that are new, then looks for every acknowledgement of the last life. */
  check(store: BlockStore, acks: ReadonlyMap<string, Ack>, root: [number, string] | null): void {
    const head = store.head()?.height ?? -1
    if (head < this.#roots.length - 1) this.report.failures.push(`the head went back from ${this.#roots.length - 1} to ${head}`)
    for (let height = this.#roots.length; height <= head; height++) this.#execute(store, height)
    for (const [id, ack] of acks) {
      this.acknowledged.set(id, ack)
      const found = this.#stored.get(id)
      if (found?.height !== ack.height || found.index !== ack.index) this.report.lost += 1
      else if (store.row('receipt', id) === null) this.report.failures.push(`the receipt ${id} is not found by its id`)
    }
    if (root !== null && this.#roots[root[0]] !== root[1]) this.report.failures.push(`ready with another root at height ${root[0]}`)
  }

  #execute(store: BlockStore, height: number): void {
    const stored = store.load(height)
    if (stored === null) return void this.report.failures.push(`block ${height} is missing`)
    if (height === 0) {
      this.#hash = stored.hash
      return void this.#roots.push(toHex(stored.stateRoot))
    }
    const { header, transactions } = decodeBlock(stored.block)
    const parent = this.#hash ?? new Uint8Array()
    const applied = this.#machine.apply(this.#state, { height, time: Number(header.time), parent, transactions })
    const linked = toHex(header.parent) === toHex(parent) && toHex(blockHash(header)) === toHex(stored.hash)
    if (!linked || toHex(applied.header.stateRoot) !== toHex(header.stateRoot)) this.report.rootsDiffering += 1
    transactions.forEach((bytes, index) => {
      const { id } = decodeTransaction(bytes)
      if (this.#stored.has(id)) this.report.duplicated += 1
      this.#stored.set(id, { height, index })
    })
    this.#state = applied.state
    this.#hash = stored.hash
    this.#roots.push(toHex(applied.header.stateRoot))
  }
}

function spread(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

export async function killRun(options: KillOptions, onRound: (round: number) => void = () => undefined): Promise<KillReport> {
  const started = performance.now()
  const random = rng(options.seed)
  const witness = new Witness()
  const [readyMs, readyCpuMs]: [number[], number[]] = [[], []]
  let killedBeforeReady = 0
  for (let round = 0; round < options.rounds; round++) {
    const mode = options.planted === true ? 'planted' : random.int(4) === 0 ? 'worker' : 'thread'
    const life = await live(options, mode, random)
    if (life.failed !== null) witness.report.failures.push(life.failed)
    if (life.readyMs === null) killedBeforeReady += 1
    else {
      readyMs.push(life.readyMs)
      readyCpuMs.push(life.readyCpuMs)
    }
    const store = sqliteBlockStore({ path: options.path }, { log: silentLog() })
    witness.check(store, life.acks, life.root)
    store.close()
    onRound(round)
  }
  return {
    suite: 'S1',
    seed: options.seed,
    cases: options.rounds,
    killedBeforeReady,
    acknowledged: witness.acknowledged.size,
    ...witness.report,
    blocks: witness.blocks,
    readyMs: spread(readyMs),
    readyCpuMs: spread(readyCpuMs),
    seconds: Math.round((performance.now() - started) / 100) / 10,
  }
}

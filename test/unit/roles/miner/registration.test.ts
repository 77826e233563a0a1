import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'
import type { LongCall, PowChallenge, PowSolution } from '../../../../src/protocol/ports/compute.ts'
import { ChainWatch } from '../../../../src/roles/chain-watch.ts'
import { register } from '../../../../src/roles/miner/registration.ts'
import { submitter } from '../../../../src/roles/submit.ts'
import { ScriptedLedger } from '../../../support/scripted-ledger.ts'
import { silentLog } from '../../../support/silent-log.ts'
import type { KeptLog } from '../../../support/silent-log.ts'
import { testSigner } from '../../../support/test-signer.ts'

const signer = testSigner(1)
const coldkey = testSigner(2).publicKey

/** A solver whose searches end when the test says so. */
class ManualSolver {
  readonly searches: { challenge: PowChallenge; finish: () => void; aborted: boolean }[] = []
  #begun = Promise.withResolvers<void>()

  async solve(challenge: PowChallenge, options: LongCall = {}): Promise<PowSolution> {
    return await new Promise((resolve, reject) => {
      const search = {
        challenge,
        aborted: false,
        finish: () => resolve({ nonce: 42n, seal: new Uint8Array(32), hashes: 1_000, seconds: 0.1 }),
      }
      options.signal?.addEventListener('abort', () => {
        search.aborted = true
        reject(new NodeError('NATIVE_CANCELLED'))
      })
      this.searches.push(search)
      this.#begun.resolve()
      this.#begun = Promise.withResolvers()
    })
  }

  /** The n-th search, as soon as it begins. */
  async search(n: number) {
    while (this.searches.length <= n) await this.#begun.promise
    const search = this.searches[n]
    if (search === undefined) throw new Error('no such search')
    return search
  }
}

let ledger: ScriptedLedger
let watch: ChainWatch
let pow: ManualSolver
let log: KeptLog
const stop = new AbortController()
beforeEach(async () => {
  ledger = new ScriptedLedger({ difficulty: 777n })
  ledger.autoMine = true
  log = silentLog()
  watch = new ChainWatch({ ledger, log })
  await watch.start()
  pow = new ManualSolver()
})
afterEach(async () => {
  await watch.close()
})
const progress = { seals: 0, hashes: 0 }
const begin = async (signal = stop.signal) =>
  await register(
    { netuid: 1, hotkey: signer.publicKey, coldkey, threads: 2 },
    { ledger, pow, submit: submitter({ ledger, signer }), watch, log },
    progress,
    signal,
  )

describe('register', () => {
  test('searches over the head at the ledger’s difficulty and submits the seal for its owner', async () => {
    ledger.mine()
    await watch.reached(1, stop.signal)
    const done = begin()
    const { challenge, finish } = await pow.search(0)
    expect(toHex(challenge.blockHash)).toBe(watch.tip.hash)
    expect(challenge).toMatchObject({ difficulty: 777n, threads: 2, hotkey: signer.publicKey })
    finish()
    expect(await done).toEqual({ status: 'registered' })
    expect(ledger.actions).toEqual([{ kind: 'register', netuid: 1, coldkey, block: 1n, nonce: 42n }])
    expect(progress).toEqual({ seals: 1, hashes: 1_000 })
  })

  test('a search goes on over one new block and begins anew with the second', async () => {
    const done = begin()
    const first = await pow.search(0)
    ledger.mine()
    await watch.reached(1, stop.signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(first.aborted).toBe(false)
    ledger.mine()
    const second = await pow.search(1)
    expect(first.aborted).toBe(true)
    expect(toHex(second.challenge.blockHash)).toBe(watch.tip.hash)
    second.finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('a stale or weak seal is searched again at the next block', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_SEAL_STALE' })
    const done = begin()
    ;(await pow.search(0)).finish()
    await watch.reached(1, stop.signal)
    await untilLogged('for now')
    ledger.mine()
    ;(await pow.search(1)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('waits longer and longer while the market takes no more, and says why', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_REGISTRATION_CAP' }, { kind: 'register', code: 'LEDGER_REGISTRATION_CAP' })
    const done = begin()
    ;(await pow.search(0)).finish()
    await untilLogged('for now')
    ledger.mine()
    ;(await pow.search(1)).finish()
    await untilLogged('for now', 2)
    ledger.mine()
    await watch.reached(ledger.height, stop.signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(pow.searches).toHaveLength(2)
    ledger.mine()
    ;(await pow.search(2)).finish()
    expect(await done).toEqual({ status: 'registered' })
    expect(log.lines.find(({ message }) => message.includes('for now'))?.data).toMatchObject({ code: 'LEDGER_REGISTRATION_CAP' })
  })

  test('spends no hash on a closed market, and begins when it opens', async () => {
    ledger.market.registrationAllowed = false
    const done = begin()
    await untilLogged('for now')
    expect(pow.searches).toHaveLength(0)
    ledger.market.registrationAllowed = true
    ledger.mine()
    ;(await pow.search(0)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('stops for good when the ledger will never take it', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_HOTKEY_FOREIGN' })
    const done = begin()
    ;(await pow.search(0)).finish()
    expect(await done).toMatchObject({ status: 'refused', code: 'LEDGER_HOTKEY_FOREIGN' })
    expect(log.lines.some(({ level }) => level === 'error')).toBe(true)
  })

  test('a hotkey that turns out to be registered is done', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_REGISTERED' })
    const done = begin()
    ;(await pow.search(0)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('closing ends the search at once', async () => {
    const closing = new AbortController()
    const done = begin(closing.signal)
    const search = await pow.search(0)
    closing.abort(new Error('closing'))
    await expect(done).rejects.toThrow('closing')
    expect(search.aborted).toBe(true)
  })
})

async function untilLogged(part: string, times = 1): Promise<void> {
  while (log.lines.filter(({ message }) => message.includes(part)).length < times) await new Promise((resolve) => setImmediate(resolve))
}

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'
import type { PowChallenge, PowOptions, PowSearch } from '../../../../src/protocol/ports/compute.ts'
import { ChainWatch } from '../../../../src/roles/chain-watch.ts'
import { register } from '../../../../src/roles/miner/registration.ts'
import { submitter } from '../../../../src/roles/submit.ts'
import { ScriptedLedger } from '../../../support/scripted-ledger.ts'
import { silentLog } from '../../../support/silent-log.ts'
import type { KeptLog } from '../../../support/silent-log.ts'
import { testSigner } from '../../../support/test-signer.ts'

const signer = testSigner(1)
const coldkey = testSigner(2).publicKey

interface ManualSearch {
  /** What it was asked for, one after the other. */
  challenges: PowChallenge[]
  /** Whether it still takes another challenge: not once it has found a seal. */
  open: boolean
  finish: () => void
  aborted: boolean
}

/** A solver whose searches end when the test says so. */
class ManualSolver {
  readonly searches: ManualSearch[] = []
  #changed = Promise.withResolvers<void>()

  search(challenge: PowChallenge, options: PowOptions = {}): PowSearch {
    const solved = Promise.withResolvers<Awaited<PowSearch['result']>>()
    const challenges = [challenge]
    const search: ManualSearch = {
      challenges,
      open: true,
      aborted: false,
      finish: () => solved.resolve({ nonce: 42n, seal: new Uint8Array(32), hashes: 1_000, seconds: 0.1, challenge }),
    }
    const cancel = (): void => {
      search.aborted = true
      solved.reject(new NodeError('NATIVE_CANCELLED'))
    }
    options.signal?.addEventListener('abort', cancel)
    this.searches.push(search)
    this.#change()
    return {
      result: solved.promise,
      replace: (next) => {
        challenges.push(next)
        this.#change()
        return search.open
      },
      cancel,
    }
  }

  /** The n-th search, as soon as it begins. */
  async nth(n: number): Promise<ManualSearch> {
    while (this.searches.length <= n) await this.#changed.promise
    const search = this.searches[n]
    if (search === undefined) throw new Error('no such search')
    return search
  }

  /** The n-th challenge of a search, as soon as it is given. */
  async challenge({ challenges }: ManualSearch, n: number): Promise<PowChallenge> {
    while (challenges.length <= n) await this.#changed.promise
    const challenge = challenges[n]
    if (challenge === undefined) throw new Error('no such challenge')
    return challenge
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
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
    const search = await pow.nth(0)
    const challenge = await pow.challenge(search, 0)
    expect(toHex(challenge.blockHash)).toBe(watch.tip.hash)
    expect(challenge).toMatchObject({ difficulty: 777n, threads: 2, hotkey: signer.publicKey })
    search.finish()
    expect(await done).toEqual({ status: 'registered' })
    expect(ledger.actions).toEqual([{ kind: 'register', netuid: 1, coldkey, block: 1n, nonce: 42n }])
    expect(progress).toEqual({ seals: 1, hashes: 1_000 })
  })

  test('each new block takes the place of the one before without a restart, and the seal names the last', async () => {
    const done = begin()
    const search = await pow.nth(0)
    for (const n of [1, 2, 3]) {
      const { hash } = ledger.mine()
      expect(toHex((await pow.challenge(search, n)).blockHash)).toBe(hash)
    }
    expect([pow.searches.length, search.aborted]).toEqual([1, false])
    search.finish()
    expect(await done).toEqual({ status: 'registered' })
    expect(ledger.actions).toMatchObject([{ kind: 'register', block: 3n, nonce: 42n }])
  })

  test('a seal that is found as the next block comes names the block it was searched over', async () => {
    const done = begin()
    const search = await pow.nth(0)
    search.open = false
    ledger.mine()
    await pow.challenge(search, 1)
    search.finish()
    expect(await done).toEqual({ status: 'registered' })
    expect(ledger.actions).toMatchObject([{ kind: 'register', block: 0n }])
  })

  test('a stale or weak seal is searched again at the next block', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_SEAL_STALE' })
    const done = begin()
    ;(await pow.nth(0)).finish()
    await watch.reached(1, stop.signal)
    await untilLogged('for now')
    ledger.mine()
    ;(await pow.nth(1)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('waits longer and longer while the market takes no more, and says why', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_REGISTRATION_CAP' }, { kind: 'register', code: 'LEDGER_REGISTRATION_CAP' })
    const done = begin()
    ;(await pow.nth(0)).finish()
    await untilLogged('for now')
    ledger.mine()
    ;(await pow.nth(1)).finish()
    await untilLogged('for now', 2)
    ledger.mine()
    await watch.reached(ledger.height, stop.signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(pow.searches).toHaveLength(2)
    ledger.mine()
    ;(await pow.nth(2)).finish()
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
    ;(await pow.nth(0)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('stops for good when the ledger will never take it', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_HOTKEY_FOREIGN' })
    const done = begin()
    ;(await pow.nth(0)).finish()
    expect(await done).toMatchObject({ status: 'refused', code: 'LEDGER_HOTKEY_FOREIGN' })
    expect(log.lines.some(({ level }) => level === 'error')).toBe(true)
  })

  test('a hotkey that turns out to be registered is done', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_REGISTERED' })
    const done = begin()
    ;(await pow.nth(0)).finish()
    expect(await done).toEqual({ status: 'registered' })
  })

  test('closing ends the search at once', async () => {
    const closing = new AbortController()
    const done = begin(closing.signal)
    const search = await pow.nth(0)
    closing.abort(new Error('closing'))
    await expect(done).rejects.toThrow('closing')
    expect(search.aborted).toBe(true)
  })
})

async function untilLogged(part: string, times = 1): Promise<void> {
  while (log.lines.filter(({ message }) => message.includes(part)).length < times) await new Promise((resolve) => setImmediate(resolve))
}

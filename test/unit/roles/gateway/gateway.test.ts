import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/protocol/bytes.ts'
import type { Hex } from '../../../../src/protocol/bytes.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'
import type { CompletionEvent, CompletionRequest } from '../../../../src/protocol/ports/gateway.ts'
import type { Clock } from '../../../../src/protocol/ports/platform.ts'
import { MixtureGateway } from '../../../../src/roles/gateway/gateway.ts'
import type { GatewayInit } from '../../../../src/roles/gateway/gateway.ts'
import { serveMethods } from '../../../../src/roles/miner/methods.ts'
import { StreamBook } from '../../../../src/roles/miner/stream-book.ts'
import { Batcher } from '../../../../src/roles/miner/batcher.ts'
import { ClaimBook } from '../../../../src/roles/miner/claim-book.ts'
import { Workload } from '../../../../src/roles/workload.ts'
import { DirectHub } from '../../../support/direct-network.ts'
import { NgramExpert } from '../../../support/ngram-expert.ts'
import { mixtureReference } from '../../../../src/native/reference/mixture.ts'
import { neuronOf, ScriptedLedger } from '../../../support/scripted-ledger.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { testSigner } from '../../../support/test-signer.ts'

const whale = 'the white whale swam before him as the monomaniac incarnation of all those malicious agencies; the whale sank the ship. '
const code = 'export const add = (a: number, b: number): number => a + b; export const sub = (a: number, b: number): number => a - b; '
const french = 'le fichier est introuvable ; la valeur de ce type est obligatoire, et le module ne peut pas le contenir. '
const mail = 'dear sir, thank you for your message of monday; we look forward to your reply. kind regards, the list owner. '
const domains = [whale, code, french, mail].map((text) => utf8(text.repeat(8)))

const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) =>
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason)
      })
    }),
}
const rich: Hex = 'aa'.repeat(32)
const poor: Hex = 'bb'.repeat(32)
const stranger: Hex = 'cc'.repeat(32)
const gatewayKey = testSigner(1_000).publicKey

let hub: DirectHub
let ledger: ScriptedLedger
let gateway: MixtureGateway
const keyOf = (uid: number): Hex => toHex(testSigner(uid).publicKey)

/** Puts an expert that learnt `text` on the network and on the ledger. */
function addMiner(uid: number, text: Uint8Array): void {
  const hotkey = testSigner(uid).publicKey
  const expert = new NgramExpert({ text })
  const workload = new Workload({ trainersMax: 1 })
  const batcher = new Batcher({ batchMax: 8 }, { expert, workload })
  const mixture = mixtureReference
  const random = { bytes: (length: number) => new Uint8Array(length) }
  const claims = new ClaimBook({ hotkey, bytesMax: 1_000_000, blocksMax: 100, sequenceLengthMax: 256 }, { mixture, batcher, random })
  const streams = new StreamBook({ perCallerMax: 64, streamsMax: 128, idleMs: 60_000 }, { expert, mixture, workload, clock: realClock })
  const network = hub.join(hotkey)
  serveMethods(
    { netuid: 1, uplink: 1_000_000 },
    { network, expert, mixture, batcher, claims, streams, clock: realClock, onAnswer: () => undefined },
  )
  const model = { root: '00'.repeat(32), class: 4, sequenceLength: 256, height: 1 }
  ledger.neurons.push(neuronOf({ uid, hotkey: toHex(hotkey), addresses: network.addresses(), model }))
}
async function open(options: Partial<GatewayInit> = {}): Promise<MixtureGateway> {
  hub.allowed.add(toHex(gatewayKey))
  const parts = {
    ledger,
    network: hub.join(gatewayKey),
    hotkey: gatewayKey,
    mixture: mixtureReference,
    fallback: new NgramExpert({ text: utf8(domains.map((text) => Buffer.from(text.subarray(0, 200)).toString()).join('\n')) }),
    clock: realClock,
    log: silentLog(),
  }
  gateway = new MixtureGateway({ netuid: 1, ...options }, parts)
  await gateway.start()
  return gateway
}

const ask = (prompt: string, more: Partial<CompletionRequest> = {}): CompletionRequest => ({
  prompt: utf8(prompt),
  maxBytes: 40,
  temperature: 0.5,
  topP: 1,
  seed: 11n,
  stop: [],
  ...more,
})
async function collect(events: AsyncIterable<CompletionEvent>) {
  const all: CompletionEvent[] = []
  for await (const event of events) all.push(event)
  const bytes = all.flatMap((event) => (event.type === 'byte' ? [event.byte] : []))
  const end = all.at(-1)
  if (end?.type !== 'end') throw new Error('the answer has no end')
  return { all, text: Buffer.from(bytes).toString(), end }
}

beforeEach(() => {
  hub = new DirectHub()
  ledger = new ScriptedLedger()
  ledger.access.push({ key: rich, registered: false, permit: false, admitted: true, share: 0.5 })
  ledger.access.push({ key: poor, registered: false, permit: false, admitted: true, share: 0.05 })
  ledger.access.push({ key: stranger, registered: false, permit: false, admitted: false, share: 0.0001 })
  for (const [uid, text] of domains.entries()) addMiner(uid, text)
})
afterEach(async () => {
  await gateway.close()
})

describe('who may ask', () => {
  test('a coldkey without enough stake is refused, told the minimum and what to do, and no expert is called', async () => {
    await open()
    const refusal = collect(gateway.complete(stranger, ask('the white ')))
    await expect(refusal).rejects.toMatchObject({ code: 'GATEWAY_NO_STAKE', message: expect.stringMatching(/1 τ .*taumesh stake add/) })
    await expect(collect(gateway.complete('dd'.repeat(32), ask('x')))).rejects.toMatchObject({ code: 'GATEWAY_NO_STAKE' })
    expect(hub.calls).toEqual([])
  })

  test.for([
    { maxBytes: 0 },
    { maxBytes: 4_097 },
    { maxBytes: 1.5 },
    { temperature: -1 },
    { temperature: Number.NaN },
    { topP: 0 },
    { topP: 1.01 },
    { stop: [new Uint8Array(0)] },
    { stop: [new Uint8Array(65)] },
  ])('a request outside the limits is refused: %o', async (more) => {
    await open()
    await expect(collect(gateway.complete(rich, ask('x', more)))).rejects.toMatchObject({ code: 'GATEWAY_ARGUMENT' })
  })

  test('without any expert the answer is an error', async () => {
    ledger.neurons.length = 0
    await open()
    await expect(collect(gateway.complete(rich, ask('x')))).rejects.toMatchObject({ code: 'GATEWAY_NO_EXPERT' })
  })
})

describe('an answer', () => {
  test.for([
    [0, 'the white whale swam before him as the mono'],
    [1, 'export const add = (a: number, b: nu'],
    [2, 'le fichier est introuvable ; la valeur de ce'],
    [3, 'dear sir, thank you for your message of mon'],
  ] as const)('of a prompt from the text of expert %i is carried mainly by it', async ([uid, prompt]) => {
    await open({ experts: 4 })
    const { all, end, text } = await collect(gateway.complete(rich, ask(prompt)))
    expect(all[0]).toMatchObject({ type: 'start' })
    expect(end).toMatchObject({ reason: 'length', promptBytes: prompt.length, completionBytes: 40 })
    expect(text).toHaveLength(40)
    const most = end.experts.reduce((a, b) => (b.share > a.share ? b : a))
    expect(most.uid).toBe(uid)
    expect(most.share).toBeGreaterThan(0.5)
    expect(end.experts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
  })

  test('every byte says who carried it, in shares that sum to 1, the fallback among them', async () => {
    await open()
    const { all } = await collect(gateway.complete(rich, ask('the white ')))
    for (const event of all) {
      if (event.type !== 'byte') continue
      expect(event.shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
      expect(event.shares.some(({ uid }) => uid === -1)).toBe(true)
    }
    expect(all.filter(({ type }) => type === 'byte')).toHaveLength(40)
  })

  test('the same seed gives the same text, other seeds others', async () => {
    await open()
    const text = async (seed: bigint): Promise<string> =>
      (await collect(gateway.complete(rich, ask('the white ', { seed, temperature: 1 })))).text
    expect(await text(5n)).toBe(await text(5n))
    expect(new Set([await text(1n), await text(2n), await text(3n)]).size).toBeGreaterThan(1)
  })

  test.for([0, 0.7, 1.2])('drafting changes the number of calls, never the text (temperature %d)', async (temperature) => {
    await open({ draftMax: 0 })
    const slow = await collect(gateway.complete(rich, ask('the white ', { temperature })))
    const slowCalls = hub.calls.length
    await gateway.close()
    hub.calls.length = 0
    await open({ draftMax: 16 })
    const fast = await collect(gateway.complete(rich, ask('the white ', { temperature })))
    expect(fast.text).toBe(slow.text)
    expect(hub.calls.length).toBeLessThan(slowCalls / 2)
  })

  test('ends before a stop sequence, and says so', async () => {
    await open()
    const { text: whole } = await collect(gateway.complete(rich, ask('the white ')))
    const stop = whole.slice(15, 19)
    const { text, end } = await collect(gateway.complete(rich, ask('the white ', { stop: [utf8(stop)] })))
    expect(text).toBe(whole.slice(0, whole.indexOf(stop)))
    expect(end).toMatchObject({ reason: 'stop', completionBytes: text.length })
  })

  test('an empty prompt is answered too', async () => {
    await open()
    expect((await collect(gateway.complete(rich, ask('')))).text).toHaveLength(40)
  })

  test('a prompt longer than the context is answered from its end', async () => {
    await open()
    const long = `${code.repeat(50)}${whale.repeat(5)}the white whale swam before`
    const { end } = await collect(gateway.complete(rich, ask(long)))
    expect(end.promptBytes).toBe(long.length)
    expect(end.experts.reduce((a, b) => (b.share > a.share ? b : a)).uid).toBe(0)
  })
})

describe('peers that fail', () => {
  test('a peer that dies in the middle is dropped and the answer goes on, whoever it is', async () => {
    await open({ graceMs: 50 })
    for (const dying of [0, 1]) {
      const events = gateway.complete(rich, ask('the white whale swam ', { maxBytes: 60 }))
      let bytes = 0
      for await (const event of events) {
        if (event.type === 'byte' && ++bytes === 10)
          hub.before = async (callee) => {
            if (callee === keyOf(dying)) throw new NodeError('WIRE_UNREACHABLE', { detail: 'gone' })
          }
      }
      expect(bytes).toBe(60)
      hub.before = async () => undefined
    }
  })

  test('a peer that never answers costs a grace, not the deadline', async () => {
    await open({ graceMs: 40, answerMs: 60_000 })
    hub.before = async (callee, _method, signal) => {
      if (callee === keyOf(2)) await realClock.sleep(120_000, signal)
    }
    const { end } = await collect(gateway.complete(rich, ask('the white ')))
    expect(end.completionBytes).toBe(40)
    expect(end.experts.map(({ uid }) => uid)).not.toContain(2)
    expect(hub.calls.filter(({ callee }) => callee === keyOf(2)).map(({ aborted }) => aborted)).toEqual([true])
  })

  test('an expert that waits in reserve takes the place of one that dies', async () => {
    await open({ experts: 2, graceMs: 50 })
    const events = gateway.complete(rich, ask('the white whale swam ', { maxBytes: 60 }))
    let bytes = 0
    const carriers = new Set<number>()
    for await (const event of events) {
      if (event.type !== 'byte') continue
      if (++bytes === 20)
        hub.before = async (callee) => {
          if (callee === keyOf(0)) throw new NodeError('WIRE_UNREACHABLE', { detail: 'gone' })
        }
      if (bytes > 40) for (const { uid } of event.shares) carriers.add(uid)
    }
    expect(bytes).toBe(60)
    expect(carriers.has(0)).toBe(false)
    expect(carriers.size).toBe(3)
  })

  test('a peer whose answer cannot be decoded is dropped', async () => {
    await open()
    hub.neurons.get(keyOf(1))?.handlers.set('expert.serve', {
      rule: { class: 'admitted', requestBytesMax: 10_000, answerBytesMax: 10_000 },
      handler: async () => utf8('rubbish'),
    })
    const { end } = await collect(gateway.complete(rich, ask('the white ')))
    expect(end.experts.map(({ uid }) => uid)).not.toContain(1)
  })

  test('when all are gone the answer ends with an error', async () => {
    await open({ graceMs: 50 })
    const events = collect(
      (async function* () {
        let bytes = 0
        for await (const event of gateway.complete(rich, ask('the white whale ', { maxBytes: 200 }))) {
          if (event.type === 'byte' && ++bytes === 10)
            hub.before = async () => {
              throw new NodeError('WIRE_UNREACHABLE', { detail: 'gone' })
            }
          yield event
        }
      })(),
    )
    await expect(events).rejects.toMatchObject({ code: 'GATEWAY_NO_EXPERT' })
  })

  test('a failed peer rests: the next prompt does not ask it', async () => {
    await open({ graceMs: 50, restMs: 60_000 })
    hub.before = async (callee) => {
      if (callee === keyOf(3)) throw new NodeError('WIRE_UNREACHABLE', { detail: 'gone' })
    }
    await collect(gateway.complete(rich, ask('the white ')))
    hub.calls.length = 0
    await collect(gateway.complete(rich, ask('the white ')))
    expect(hub.calls.some(({ callee }) => callee === keyOf(3))).toBe(false)
    expect(hub.calls.some(({ callee }) => callee === keyOf(0))).toBe(true)
  })
})

describe('cancelling', () => {
  test('aborts the calls that are running and ends the answer with the reason', async () => {
    await open()
    const stop = new AbortController()
    const entered = Promise.withResolvers<void>()
    hub.before = async (_callee, _method, signal) => {
      entered.resolve()
      await realClock.sleep(120_000, signal)
    }
    const answer = collect(gateway.complete(rich, ask('the white '), stop.signal))
    await entered.promise
    stop.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    expect(hub.calls.map(({ aborted }) => aborted)).toEqual([true, true, true, true])
    expect(gateway.status().open).toBe(0)
  })

  test('a caller that stops reading frees its place', async () => {
    await open()
    for await (const event of gateway.complete(rich, ask('the white '))) if (event.type === 'byte') break
    expect(gateway.status().open).toBe(0)
  })

  test('closing the gateway ends what is open', async () => {
    await open()
    hub.before = async (_callee, _method, signal) => await realClock.sleep(120_000, signal)
    const answer = collect(gateway.complete(rich, ask('the white '))).catch((error: unknown) => error)
    await new Promise((resolve) => setImmediate(resolve))
    await gateway.close()
    expect(await answer).toMatchObject({ code: 'GATEWAY_CLOSED' })
  })
})

describe('overload', () => {
  test('ten times the stake gets at least five times the bytes, and the other is not starved', async () => {
    await open({ roundsMax: 1, draftMax: 0, experts: 2, candidates: 2 })
    const made = { [rich]: 0, [poor]: 0 }
    const stop = new AbortController()
    const client = async (coldkey: Hex): Promise<void> => {
      while (!stop.signal.aborted) {
        for await (const event of gateway.complete(coldkey, ask('the white ', { maxBytes: 50 }), stop.signal)) {
          if (event.type !== 'byte') continue
          made[coldkey] = (made[coldkey] ?? 0) + 1
          if ((made[rich] ?? 0) + (made[poor] ?? 0) >= 1_100) stop.abort(new Error('measured'))
        }
      }
    }
    const clients = [rich, poor].flatMap((coldkey) => Array.from({ length: 6 }, async () => await client(coldkey)))
    await Promise.allSettled(clients)
    expect(made[poor]).toBeGreaterThan(10)
    expect((made[rich] ?? 0) / (made[poor] ?? 1)).toBeGreaterThanOrEqual(5)
  })

  test('one caller may not have more open than its limit', async () => {
    await open({ completionsPerCaller: 2 })
    hub.before = async (_callee, _method, signal) => await realClock.sleep(120_000, signal)
    const stop = new AbortController()
    const two = [1, 2].map(async () => await collect(gateway.complete(rich, ask('x'), stop.signal)))
    await new Promise((resolve) => setImmediate(resolve))
    await expect(collect(gateway.complete(rich, ask('x')))).rejects.toMatchObject({ code: 'GATEWAY_BUSY' })
    stop.abort(new Error('done'))
    await Promise.allSettled(two)
    expect(gateway.status().open).toBe(0)
  })
})

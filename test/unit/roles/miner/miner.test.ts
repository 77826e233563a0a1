import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/protocol/bytes.ts'
import { decodeDescription, encodePredictRequest } from '../../../../src/protocol/expert-messages.ts'
import type { PowCompute } from '../../../../src/protocol/ports/compute.ts'
import { miner } from '../../../../src/roles/miner/miner.ts'
import type { Miner, MinerInit } from '../../../../src/roles/miner/miner.ts'
import { DirectHub } from '../../../support/direct-network.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { NgramExpert } from '../../../support/ngram-expert.ts'
import { mixtureReference } from '../../../../src/native/reference/mixture.ts'
import { neuronOf, ScriptedLedger } from '../../../support/scripted-ledger.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { testSigner } from '../../../support/test-signer.ts'

const signer = testSigner(1)
const hotkey = toHex(signer.publicKey)
const caller = testSigner(9).publicKey
const text = utf8('the white whale and the black ship. '.repeat(10))
const pow: Pick<PowCompute, 'search'> = {
  search: (challenge) => ({
    result: Promise.resolve({ nonce: 1n, seal: new Uint8Array(32), hashes: 10, seconds: 0.1, challenge }),
    replace: () => false,
    cancel: () => undefined,
  }),
}
let hub: DirectHub
let ledger: ScriptedLedger
let clock: ManualClock
let running: Miner
beforeEach(() => {
  hub = new DirectHub()
  ledger = new ScriptedLedger()
  ledger.autoMine = true
  clock = new ManualClock()
})
afterEach(async () => {
  await running.close()
})

async function start(options: Partial<MinerInit> = {}, expert = new NgramExpert({ text, slices: 5 })): Promise<Miner> {
  running = await miner(
    { netuid: 1, coldkey: testSigner(2).publicKey, ...options },
    {
      ledger,
      network: hub.join(signer.publicKey),
      pow,
      mixture: mixtureReference,
      expert,
      signer,
      clock,
      random: { bytes: (length) => new Uint8Array(length) },
      log: silentLog(),
    },
  )
  await running.start()
  return running
}
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
const epoch = () => ledger.mine([{ type: 'epoch', netuid: 1, epoch: 1n, paid: 0n, miners: 1, validators: 1, byWeights: true }])
const kinds = (): string[] => ledger.actions.map(({ kind }) => kind)
const call = async (method: string, body: Uint8Array, netuid = 1) =>
  await hub.join(caller).call({ hotkey: signer.publicKey, addresses: [] }, method, body, { netuid, deadlineMs: 60_000 })

describe('duties on the ledger', () => {
  test('registers, says where it listens, commits its model, in this order', async () => {
    await start()
    await until(() => ledger.actions.length === 3)
    expect(kinds()).toEqual(['register', 'serve', 'commit_model'])
    const [neuron] = ledger.neurons
    expect(neuron?.addresses).toEqual(hub.neurons.get(hotkey)?.addresses())
    expect(neuron?.model).toMatchObject({ root: toHex((await new NgramExpert({ text }).describe()).root), class: 4, sequenceLength: 256 })
    expect(running.status()).toMatchObject({ state: 'serving', uid: 0, seals: 1, kind: 'order-2' })
  })

  test('after a restart there is nothing to do when the ledger knows all', async () => {
    await start()
    await until(() => ledger.actions.length === 3)
    await running.close()
    await start()
    await until(() => running.status().state === 'serving')
    epoch()
    await new Promise((resolve) => setImmediate(resolve))
    expect(ledger.actions).toHaveLength(3)
  })

  test('a changed model is committed again after so many epochs, not before', async () => {
    const changing = new NgramExpert({ text })
    const described = await changing.describe()
    let root = described.root
    changing.describe = async () => ({ ...described, root })
    await start({ modelEpochs: 2 }, changing)
    await until(() => ledger.actions.length === 3)
    root = new Uint8Array(32).fill(7)
    epoch()
    await new Promise((resolve) => setImmediate(resolve))
    expect(ledger.actions).toHaveLength(3)
    epoch()
    await until(() => ledger.actions.length === 4)
    expect(ledger.neurons[0]?.model?.root).toBe('07'.repeat(32))
  })

  test('a pruned miner registers again', async () => {
    await start()
    await until(() => ledger.actions.length === 3)
    ledger.prune(hotkey)
    await until(() => ledger.actions.length === 6)
    expect(kinds().slice(3)).toEqual(['register', 'serve', 'commit_model'])
    await until(() => running.status().state === 'serving')
  })

  test('a pruned miner that shall not register again says so', async () => {
    await start({ registerAgain: false })
    await until(() => ledger.actions.length === 3)
    ledger.prune(hotkey)
    await until(() => running.status().state === 'refused')
    expect(running.status().refusal).toMatch(/pruned/)
  })

  test('another miner’s pruning is none of its business', async () => {
    ledger.neurons.push(neuronOf({ uid: 0, hotkey: 'ee'.repeat(32) }))
    await start()
    await until(() => ledger.actions.length === 3)
    ledger.prune('ee'.repeat(32))
    await new Promise((resolve) => setImmediate(resolve))
    expect(ledger.actions).toHaveLength(3)
  })

  test('an address refused for now is sent again at the next block', async () => {
    ledger.refusals.push({ kind: 'serve', code: 'LEDGER_RATE_LIMITED' })
    await start()
    await until(() => kinds().includes('register'))
    await until(() => ledger.pending === 0 && ledger.height >= 2)
    await new Promise((resolve) => setImmediate(resolve))
    ledger.mine()
    await until(() => ledger.actions.length === 3)
    expect(kinds()).toEqual(['register', 'serve', 'commit_model'])
  })
})

describe('methods', () => {
  beforeEach(() => {
    hub.access.set(toHex(caller), { registered: true, permit: false, admitted: false, share: 0 })
  })

  test('describe gives the record of the expert', async () => {
    await start()
    const { body } = await call('expert.describe', new Uint8Array(0))
    expect(decodeDescription(body)).toMatchObject({ class: 4, modalities: 1, maxLength: 256, rate: 1_000_000 })
    expect(running.status().answers['expert.describe']).toEqual({ calls: 1, positions: 0 })
  })

  test('a call for another market is not found', async () => {
    await start()
    await expect(call('expert.describe', new Uint8Array(0), 2)).rejects.toMatchObject({ code: 'WIRE_NOT_FOUND' })
  })

  test.for(['expert.claim', 'expert.reveal', 'expert.serve'])('%s is refused to one who is merely registered', async (method) => {
    await start()
    await expect(call(method, new Uint8Array(0))).rejects.toMatchObject({ code: 'WIRE_FORBIDDEN' })
  })

  test('predict is answered to others than permit holders no sooner than 12 s after the call', async () => {
    await start()
    const body = encodePredictRequest({ context: utf8('the white '), from: 8, topP: 65_535, nMax: 16 })
    const answer = { done: false }
    const waiting = call('expert.predict', body).then((result) => {
      answer.done = true
      return result
    })
    const sleeping = clock.sleeping
    await until(() => clock.sleeping > sleeping)
    clock.advance(11_999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(answer.done).toBe(false)
    clock.advance(1)
    const { body: bytes } = await waiting
    expect(bytes.length).toBeGreaterThan(3 * 4)
  })

  test('predict is answered to a permit holder at once', async () => {
    hub.access.set(toHex(caller), { registered: true, permit: true, admitted: true, share: 0.5 })
    await start()
    const body = encodePredictRequest({ context: utf8('the white '), from: 8, topP: 65_535, nMax: 16 })
    const { body: ntds } = await call('expert.predict', body)
    const [leaves = new Uint8Array(0)] = await new NgramExpert({ text }).predict([utf8('the white ')], [8])
    expect(ntds).toEqual(mixtureReference.ntdEncode(leaves, 1, 16))
  })

  test('malformed bytes are malformed, whatever the method', async () => {
    hub.access.set(toHex(caller), { registered: true, permit: true, admitted: true, share: 0.5 })
    await start()
    for (const method of ['expert.claim', 'expert.reveal', 'expert.predict', 'expert.serve'])
      await expect(call(method, utf8('rubbish')), method).rejects.toMatchObject({ code: 'WIRE_MALFORMED' })
  })
})

describe('training', () => {
  test('goes on while the miner serves, and ends', async () => {
    await start()
    await until(() => {
      clock.advance(10)
      return running.status().training.over
    })
    expect(running.status().training).toEqual({ steps: 5, loss: 3, over: true })
  })
})

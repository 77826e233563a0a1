/** Miners and gateway on the real ledger, with real seals, over libp2p on loopback: from genesis to an answered prompt. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embedded } from '../../src/ledger/engines/embedded/embedded.ts'
import type { EmbeddedLedger } from '../../src/ledger/engines/embedded/embedded.ts'
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { stateMachine } from '../../src/ledger/state/machine.ts'
import { p2pNetwork } from '../../src/network/p2p/network.ts'
import type { Role } from '../../src/network/options.ts'
import { loadAddon } from '../../src/native/addon.ts'
import { LiveAccess } from '../../src/node/access-table.ts'
import { toHex, utf8 } from '../../src/protocol/bytes.ts'
import { genesisTemplate } from '../../src/protocol/genesis.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { CompletionEvent } from '../../src/protocol/ports/gateway.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'
import { nativeExpert } from '../../src/experts/native-expert.ts'
import { MixtureGateway } from '../../src/roles/gateway/gateway.ts'
import { miner } from '../../src/roles/miner/miner.ts'
import type { Miner } from '../../src/roles/miner/miner.ts'
import { realClock } from '../support/clocks.ts'
import { ed25519Signer } from '../support/ed25519-signer.ts'
import { rng, testSeed } from '../support/random.ts'
import { silentLog } from '../support/silent-log.ts'

const addon = loadAddon()
const random = rng(testSeed())
const log = silentLog()
const TAU = 1_000_000_000n
const texts = [
  'the white whale swam before him as the monomaniac incarnation of all those malicious agencies. ',
  'export const add = (a: number, b: number): number => a + b; export type Pair = [number, number]; ',
  'le fichier est introuvable ; la valeur de ce type est obligatoire, et le module est vide. ',
].map((text) => utf8(text.repeat(60)))

function sr25519(name: string): Signer {
  const { publicKey, secret } = addon.signature.keyPair('sr25519', sha256(utf8(name)))
  return { scheme: 'sr25519', publicKey, sign: async (message) => addon.signature.sign('sr25519', secret, message) }
}
const user = sr25519('user').publicKey
const validator = sr25519('validator')
const gatewayKey = sr25519('gateway')

let ledger: EmbeddedLedger
let miners: Miner[]
let gateway: MixtureGateway
const closers: (() => Promise<void>)[] = []

async function network(role: Role, signer: Signer, access: LiveAccess) {
  const { genesis, id: chainId } = ledger.chain
  const options = { genesis, chainId, roles: [role], allowList: [toHex(gatewayKey.publicKey)], allowPrivate: true }
  const parts = { signer, peerKey: random.bytes(32), signature: addon.signature, access: access.table, clock: realClock, random, log }
  const opened = await p2pNetwork(options, parts)
  closers.push(async () => await opened.close())
  return opened
}

async function startMiner(index: number, access: LiveAccess): Promise<Miner> {
  const signer = sr25519(`miner ${index}`)
  const options = { text: texts[index] ?? new Uint8Array(0), totalSteps: 0, seed: 1n, sequenceLengthMax: 256, rate: 1_000 }
  const spec = { kind: 'order', order: 4, match: true } as const
  const expert = await nativeExpert({ spec, ...options }, { expert: addon.expert, clock: realClock, log })
  const { pow, mixture } = addon
  const parts = { ledger, network: await network('miner', signer, access), pow, mixture, expert, signer, clock: realClock, random, log }
  const role = await miner({ netuid: 1, coldkey: sr25519('owner').publicKey }, parts)
  await role.start()
  closers.push(async () => {
    await role.close()
    await expert.close()
  })
  return role
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const { height } = await ledger.query('head')
  for await (const block of ledger.subscribe(height, AbortSignal.timeout(50_000))) if (block.height > 0 && (await holds())) return
}
async function answer(prompt: string) {
  const events: CompletionEvent[] = []
  const request = { prompt: utf8(prompt), maxBytes: 60, temperature: 0.3, topP: 0.95, seed: 4n, stop: [] }
  for await (const event of gateway.complete(toHex(user), request)) events.push(event)
  const end = events.at(-1)
  if (end?.type !== 'end') throw new Error('the answer has no end')
  return { text: Buffer.from(events.flatMap((event) => (event.type === 'byte' ? [event.byte] : []))).toString(), end }
}

beforeAll(async () => {
  const orderer = ed25519Signer('orderer')
  const genesis = {
    ...genesisTemplate('local'),
    time: BigInt(Date.now() - 1_000),
    engine: { kind: 'orderer' as const, key: orderer.publicKey },
    accounts: [{ coldkey: user, free: 10_000n * TAU }],
    stakes: [{ hotkey: validator.publicKey, owner: user, amount: 1_000n * TAU }],
  }
  const parts = { machine: stateMachine(genesis, addon), store: memoryBlockStore(), signer: orderer, clock: realClock, log }
  ledger = embedded({ genesis, blockTimeMs: 200 }, parts)
  closers.push(async () => await ledger.close())
  const access = new LiveAccess({ ledger, log })
  await access.load()
  const following = new AbortController()
  const follow = (async () => {
    for await (const block of ledger.subscribe(1, following.signal)) await access.see(block)
  })()
  closers.push(async () => {
    following.abort()
    await follow
  })
  miners = await Promise.all(texts.map(async (_, index) => await startMiner(index, access)))
  const artefact = await addon.expert.fallbackArtefact(texts)
  const spec = { kind: 'fallback', artefact } as const
  const options = { spec, text: new Uint8Array(0), totalSteps: 0, seed: 0n, sequenceLengthMax: 256, rate: 1_000 }
  const fallback = await nativeExpert(options, { expert: addon.expert, clock: realClock, log })
  const hotkey = gatewayKey.publicKey
  const caller = await network('gateway', gatewayKey, access)
  gateway = new MixtureGateway({ netuid: 1 }, { ledger, network: caller, hotkey, mixture: addon.mixture, fallback, clock: realClock, log })
  await gateway.start()
  closers.push(async () => await gateway.close())
})
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

describe('from genesis to an answer', () => {
  test('miners enter by proof of work, and the ledger knows where each listens and what it serves', async () => {
    await until(
      async () => (await ledger.query('neurons', 1)).filter(({ model, addresses }) => model !== null && addresses.length > 0).length === 3,
    )
    const neurons = await ledger.query('neurons', 1)
    expect(new Set(neurons.map(({ hotkey }) => hotkey))).toEqual(new Set(miners.map((role) => role.status().hotkey)))
    for (const { addresses, model } of neurons) {
      expect(addresses[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+/)
      expect(model).toMatchObject({ class: 4, sequenceLength: 256 })
    }
    expect(miners.map((role) => role.status().state)).toEqual(['serving', 'serving', 'serving'])
    expect(miners.every((role) => role.status().hashes > 0)).toBe(true)
  })

  test.for([
    [0, 'the white whale swam before him as the mono'],
    [1, 'export const add = (a: number, b: num'],
    [2, 'le fichier est introuvable ; la valeur de'],
  ] as const)('a prompt in the language of miner %i is answered mainly by it', async ([index, prompt]) => {
    const { text, end } = await answer(prompt)
    expect(text.length).toBeGreaterThan(40)
    const most = end.experts.reduce((a, b) => (b.share > a.share ? b : a))
    expect(most.hotkey).toBe(miners[index]?.status().hotkey)
    expect(most.share).toBeGreaterThan(0.5)
    expect(miners[index]?.status().answers['expert.serve']?.calls).toBeGreaterThan(0)
  })

  test('a coldkey without stake is refused', async () => {
    const stranger = toHex(sr25519('stranger').publicKey)
    const request = { prompt: utf8('x'), maxBytes: 5, temperature: 1, topP: 1, seed: 1n, stop: [] }
    await expect(gateway.complete(stranger, request).next()).rejects.toMatchObject({ code: 'GATEWAY_NO_STAKE' })
  })
})

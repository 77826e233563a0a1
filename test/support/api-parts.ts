/** A ledger, gateway and node as small as the API's tests need: values that are set, and calls that are counted. */
import { randomBytes } from 'node:crypto'
import { NodeError } from '../../src/protocol/errors.ts'
import type { ApiParts } from '../../src/api/parts.ts'
import type { CompletionEvent, Gateway } from '../../src/protocol/ports/gateway.ts'
import type { BlockEvents, Head, Ledger, Market, Neuron, Queries, QueryName, Receipt } from '../../src/protocol/ports/ledger.ts'
import type { RecordTable } from '../../src/protocol/ports/records.ts'

const hex = (byte: string): string => byte.repeat(32)
export const alice = 'd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d'
export const bob = '8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48'

export const head: Head = {
  chainId: 'taumesh-test',
  kind: 'local',
  genesisHash: hex('11'),
  height: 42,
  hash: hex('22'),
  time: 1_700_000_000_000,
  stateRoot: hex('33'),
  issuance: 2n ** 60n,
  totalStake: 300_000_000_000_000n,
  treasury: 0n,
  blockTimeMs: 1_000,
}
const market: Market = {
  netuid: 1,
  name: 'completion',
  neurons: 3,
  neuronsMax: 4_096,
  difficulty: 262_144n,
  burnPrice: 1_000_000_000n,
  registrationsThisInterval: 0,
  registrationAllowed: true,
  tempo: 9,
  epoch: 4n,
  blocksUntilEpoch: 5,
  revealLag: 1,
  emissionShare: 0.6,
  pendingEmission: 0n,
  sequenceLength: 256,
  stakeMinimum: 1_000_000_000n,
  validatorStakeMinimum: 1_000_000_000_000n,
  immunityPeriod: 40,
  activityCutoff: 500,
  fallbackRoot: hex('00'),
  baseRoot: hex('00'),
}
export const neuron = (uid: number, more: Partial<Neuron> = {}): Neuron => ({
  netuid: 1,
  uid,
  hotkey: uid % 2 === 0 ? alice : bob,
  coldkey: bob,
  stake: BigInt(uid) * 10n ** 12n,
  stakeAtEpoch: 0n,
  rank: 1_000 * uid,
  trust: 0,
  consensus: 0,
  incentive: 0,
  dividends: 0,
  validatorTrust: 0,
  pruningScore: 0,
  emission: 0n,
  permit: uid === 2,
  active: true,
  lastUpdate: 0,
  registeredAt: uid,
  immune: true,
  addresses: [],
  model: null,
  ...more,
})

/** A ledger that answers from a table of values; what is not in it is not found. */
export function fakeLedger(submitted: Uint8Array[] = []): Ledger & { publish(block: BlockEvents): void } {
  const listeners = new Set<(block: BlockEvents) => void>()
  const answers: Partial<{ [Q in QueryName]: (...args: Queries[Q]['args']) => Queries[Q]['result'] }> = {
    head: () => head,
    parameters: () => ({ base_fee: 100_000n, tempo: 9, registration_allowed: true }),
    markets: () => [market],
    market: (netuid) => {
      if (netuid !== 1) throw new NodeError('LEDGER_NOT_FOUND', { what: `market ${netuid}` })
      return market
    },
    neurons: () => [neuron(0), neuron(1), neuron(2)],
    neuron: (_netuid, uid) => neuron(uid),
    neuronHistory: () => [],
    account: (coldkey) => ({ coldkey, free: 5n, locked: 0n, nonce: 1n, stakes: [] }),
    blocks: () => [],
    receipt: () => null,
    history: () => [],
    epochs: () => [],
  }
  return {
    chain: { id: 'taumesh-test', genesis: Buffer.from(hex('11'), 'hex'), kind: 'local' },
    async submit(transaction): Promise<Receipt> {
      submitted.push(transaction)
      return { id: hex('44'), height: 43, index: 0, kind: 'transfer', signer: alice, error: null }
    },
    async query<Q extends QueryName>(name: Q, ...args: Queries[Q]['args']): Promise<Queries[Q]['result']> {
      const answer = answers[name]
      if (answer === undefined) throw new NodeError('LEDGER_NOT_FOUND', { what: name })
      return answer(...args)
    },
    async *subscribe(_from, signal) {
      const waiting: BlockEvents[] = []
      let wake = (): void => {}
      const listener = (block: BlockEvents): void => {
        waiting.push(block)
        wake()
      }
      listeners.add(listener)
      signal.addEventListener('abort', () => wake(), { once: true })
      while (!signal.aborted) {
        const next = waiting.shift()
        if (next !== undefined) yield next
        else await new Promise<void>((resolve) => (wake = resolve))
      }
      listeners.delete(listener)
    },
    publish: (block) => listeners.forEach((listener) => listener(block)),
    async close() {},
  }
}

/** A gateway that writes a fixed text for `alice` and refuses everybody else. */
export const fakeGateway: Gateway = {
  async *complete(coldkey, request): AsyncGenerator<CompletionEvent, void> {
    if (coldkey !== alice) throw new NodeError('API_FORBIDDEN', { role: 'stake' })
    const shares = [{ uid: 3, hotkey: bob, kind: 'order-5', share: 1 }]
    yield { type: 'start', experts: shares }
    const text = Buffer.from('né!').subarray(0, request.maxBytes)
    for (const byte of text) yield { type: 'byte', byte, shares }
    yield { type: 'end', reason: 'length', experts: shares, promptBytes: request.prompt.length, completionBytes: text.length }
  },
}

export function memoryTable(): RecordTable {
  const rows = new Map<string, Uint8Array>()
  return {
    get: async (key) => rows.get(key) ?? null,
    put: async (key, value) => void rows.set(key, value),
    delete: async (key) => void rows.delete(key),
    entries: async (prefix, limit) =>
      [...rows]
        .filter(([key]) => key.startsWith(prefix))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value })),
  }
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet }

/** Everything the API needs; `over` replaces parts. */
export function apiParts(over: Partial<ApiParts> = {}): ApiParts {
  return {
    ledger: fakeLedger(),
    gateway: fakeGateway,
    compute: {
      pow: {
        // No device here: a job that names one is told so, as by a GPU that is lost.
        solve: ({ backend }, options) =>
          new Promise((_resolve, reject) => {
            if (backend !== undefined) options?.onFallback?.(`${backend} was lost`)
            options?.signal?.addEventListener('abort', () => reject(new NodeError('NATIVE_CANCELLED')))
          }),
      },
      tensor: {
        devices: async () => [
          { id: 'cpu', backend: 'cpu', name: 'cpu', memoryBytes: null, driver: null, features: [], usable: true, reason: null },
        ],
      },
      signature: { verify: (_scheme, key, message, signature) => signature[0] === key[0] && message.length === 48 },
    },
    info: {
      version: '0.0.0-test',
      startedAt: 0,
      roles: () => [],
      wallets: async () => [],
      quality: async () => [],
      scores: () => [],
      milestones: () => [],
      told: () => ({ kind: null, corpus: null }),
      audit: async () => ({ records: 0, rootOk: true, phiOk: true, weightsOk: true, firstDifference: null }),
      watch: () => {},
    },
    bench: null,
    tokenTable: memoryTable(),
    clock: { now: () => Date.now(), monotonic: () => performance.now(), sleep: async () => {} },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    log: quiet,
    ...over,
  }
}

/**
 * A market of one validator and miners of known quality in one process, for tests of scoring: real roles and codecs, the
 * addon's mixture, a scripted ledger whose blocks a test makes, and texts of two invented languages.
 */
import { toHex } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import {
  decodeChallenge,
  decodeQuery,
  encodeCommit,
  encodeDescription,
  encodeReveal,
  expertRules,
} from '../../src/protocol/expert-messages.ts'
import type { MixtureCompute } from '../../src/protocol/ports/compute.ts'
import type { Network } from '../../src/protocol/ports/network.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'
import type { RecordStore } from '../../src/protocol/ports/records.ts'
import { localValidatorOptions } from '../../src/roles/validator/options.ts'
import { Validator } from '../../src/roles/validator/validator.ts'
import type { ValidatorOptions } from '../../src/roles/validator/options.ts'
import { realClock } from './clocks.ts'
import { DirectHub } from './direct-network.ts'
import { NgramExpert } from './ngram-expert.ts'
import { rng } from './random.ts'
import type { Rng } from './random.ts'
import { neuronOf, ScriptedLedger } from './scripted-ledger.ts'
import { silentLog } from './silent-log.ts'
import { testSigner } from './test-signer.ts'

const NETUID = 1
const LEAF = 256

/** Text of an invented language: sentences of words whose order is not free, with names and numbers in them. */
export function inventedText(seed: number, bytes: number): Uint8Array {
  const draw = rng(seed)
  const word = (): string => Array.from({ length: 2 + draw.int(6) }, () => String.fromCharCode(97 + draw.int(26))).join('')
  const vocabulary = Array.from({ length: 60 }, word)
  const names = Array.from({ length: 40 }, () => word().replace(/^./, (letter) => letter.toUpperCase()))
  const after = vocabulary.map(() => [draw.int(60), draw.int(60)])
  let text = ''
  let at = 0
  while (text.length < bytes) {
    at = after[at]?.[draw.int(2)] ?? 0
    text += `${vocabulary[at]} `
    if (draw.int(8) === 0) text += `${names[draw.int(40)]} `
    if (draw.int(16) === 0) text += `${10 + draw.int(9_000)} `
  }
  return Buffer.from(text).subarray(0, bytes)
}

/** The expert of tests with its answers kept: what it says depends on the two bytes before alone. */
class KeptNgram extends NgramExpert {
  readonly #leaves = new Map<number, Uint8Array>()

  override leaf(context: Uint8Array, t: number): Uint8Array {
    const key = t < 2 ? -1 - t * 256 - (context[0] ?? 0) : (context[t - 2] ?? 0) * 256 + (context[t - 1] ?? 0)
    const leaf = this.#leaves.get(key) ?? super.leaf(context, t)
    this.#leaves.set(key, leaf)
    return leaf
  }
}

export type Behaviour = 'honest' | 'silent' | 'inflates' | 'malformed' | 'garbage'
export interface TestMiner {
  signer: Signer
  hotkey: Hex
  uid: number
  behaviour: Behaviour
  /** Queries it answered with a Commit. */
  commits: number
}

interface Kept {
  leaves: Uint8Array
  claims: Uint16Array
  salt: Uint8Array
  root: Uint8Array
}

/** Serves describe, claim and reveal as mixture.md has it, or misbehaves as told. */
function serveMiner(miner: TestMiner, network: Network, expert: NgramExpert, mixture: MixtureCompute, draw: Rng): void {
  const kept = new Map<Hex, Kept>()
  network.serve('expert.describe', expertRules['expert.describe'], async () =>
    encodeDescription({ root: new Uint8Array(32), class: 4, modalities: 1, maxLength: 4_096, rate: 1_000_000, uplink: 1_000_000 }),
  )
  network.serve('expert.claim', expertRules['expert.claim'], async ({ body, signal }) => {
    if (miner.behaviour === 'silent')
      return await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { queryId, span, filler } = decodeQuery(body)
    const context = Uint8Array.from([...filler, ...span])
    const [predicted = new Uint8Array(0)] = await expert.predict([context], [filler.length])
    const leaves = miner.behaviour === 'garbage' ? Uint8Array.from(predicted, () => draw.int(160)) : predicted
    const claims = mixture.claims(leaves.subarray(0, span.length * LEAF), span)
    if (miner.behaviour === 'inflates') for (const [i, claim] of claims.entries()) claims[i] = Math.floor(claim / 2)
    const salt = draw.bytes(32)
    const { root, commit } = mixture.commit({ queryId, hotkey: miner.signer.publicKey, leaves, claims, salt })
    kept.set(toHex(queryId), { leaves, claims, salt, root })
    miner.commits += 1
    return encodeCommit({ queryId, commit })
  })
  network.serve('expert.reveal', expertRules['expert.reveal'], async ({ body }) => {
    const { queryId, positions } = decodeChallenge(body)
    const { leaves, claims, salt, root } = kept.get(toHex(queryId)) as Kept
    const visible = leaves.subarray(0, claims.length * LEAF)
    const paths = mixture.paths(visible, Uint16Array.from(positions))
    const answer = encodeReveal({
      queryId,
      root,
      salt,
      lastLeaf: leaves.subarray(claims.length * LEAF, (claims.length + 1) * LEAF),
      claims,
      openings: positions.map((position, i) => {
        const path = paths[i] ?? new Uint8Array(0)
        return {
          position,
          leaf: leaves.subarray(position * LEAF, (position + 1) * LEAF),
          path: Array.from({ length: path.length / 32 }, (_, n) => path.subarray(32 * n, 32 * (n + 1))),
        }
      }),
    })
    return miner.behaviour === 'malformed' ? answer.subarray(1) : answer
  })
}

export interface MarketSetup {
  mixture: MixtureCompute
  records: () => RecordStore
  /** Text that each miner has read, and how it behaves. */
  miners: { text: Uint8Array; behaviour?: Behaviour }[]
  /** The validator's texts by domain, and what the fallback has read. */
  texts: { name: string; text: Uint8Array }[]
  fallback: Uint8Array
  options?: Partial<ValidatorOptions>
  /** Blocks of an epoch less one; that of the local network unless a test needs longer epochs. */
  tempo?: number
  seed: number
}

export class ScoredMarket {
  readonly ledger: ScriptedLedger
  readonly hub = new DirectHub()
  readonly miners: TestMiner[] = []
  readonly fallback: NgramExpert
  readonly signer = testSigner(900)
  readonly hotkey = toHex(this.signer.publicKey)
  readonly #setup: MarketSetup
  readonly #draw: Rng

  constructor(setup: MarketSetup) {
    this.#setup = setup
    this.ledger = new ScriptedLedger({ sequenceLength: 256, tempo: setup.tempo ?? 9 })
    this.#draw = rng(setup.seed)
    this.fallback = new KeptNgram({ text: setup.fallback })
    this.hub.access.set(this.hotkey, { registered: true, permit: true, admitted: true, share: 1 })
    this.ledger.neurons.push(neuronOf({ uid: 0, hotkey: this.hotkey, permit: true, stake: this.ledger.market.validatorStakeMinimum }))
    for (const [i, { text, behaviour = 'honest' }] of setup.miners.entries()) {
      const signer = testSigner(1 + i)
      const miner: TestMiner = { signer, hotkey: toHex(signer.publicKey), uid: i + 1, behaviour, commits: 0 }
      this.miners.push(miner)
      const network = this.hub.join(signer.publicKey)
      serveMiner(miner, network, new KeptNgram({ text }), setup.mixture, this.#draw)
      const model = { root: '00'.repeat(32), class: 4, sequenceLength: 256, height: 0 }
      this.ledger.neurons.push(neuronOf({ uid: miner.uid, hotkey: miner.hotkey, addresses: network.addresses(), model }))
    }
    this.#market(0)
  }

  validator(): Validator {
    const { mixture, texts, records, options } = this.#setup
    const network = this.hub.join(this.signer.publicKey)
    return new Validator(
      { netuid: NETUID, ...localValidatorOptions, commitSlackMs: 1_000, ...options },
      {
        ledger: this.ledger,
        network,
        mixture,
        fallback: this.fallback,
        texts,
        signer: this.signer,
        records: records(),
        clock: realClock,
        random: { bytes: (length) => this.#draw.bytes(length) },
        log: silentLog(),
      },
    )
  }

  /** Another registered neuron's network, to fetch evidence with. */
  auditor(): Network {
    const { publicKey } = testSigner(901)
    this.hub.access.set(toHex(publicKey), { registered: true, permit: false, admitted: false, share: 0 })
    return this.hub.join(publicKey)
  }

  /** Makes one block; with the local network's tempo epochs end at heights 7, 17, 27, ... as those of market 1 do. */
  block(): number {
    const height = this.ledger.height + 1
    const { netuid, epoch } = this.ledger.market
    const ends = this.#market(height)
    this.ledger.mine(ends ? [{ type: 'epoch', netuid, epoch, paid: 0n, miners: 0, validators: 1, byWeights: false }] : [])
    return height
  }

  /** Makes a block whenever no call is under way, until `done`. */
  async run(done: () => boolean): Promise<void> {
    while (!done()) {
      // Two looks apart: between two calls of a pass nothing is under way for a moment.
      const idle = this.hub.inFlight === 0
      await realClock.sleep(5)
      if (idle && this.hub.inFlight === 0) this.block()
    }
  }

  /** Commitments and reveals that the ledger took, in order. */
  get weights() {
    return this.ledger.actions.filter(({ kind }) => kind === 'commit_weights' || kind === 'reveal_weights')
  }

  /** @returns whether the block of this height ends an epoch */
  #market(height: number): boolean {
    const { market } = this.ledger
    const length = market.tempo + 1
    const ends = (height + 2) % length === market.tempo
    this.ledger.market = {
      ...market,
      epoch: market.epoch + (ends ? 1n : 0n),
      blocksUntilEpoch: length - ((height + 3) % length),
    }
    return ends
  }
}

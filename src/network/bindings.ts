/** Bindings of hotkeys to peer ids (wire.md 1.3): our own, renewed at half its life, and the check of others'. */
import { equal, toHex } from '../protocol/bytes.ts'
import type { Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { encode, isZero, signingBytes } from '../protocol/frames.ts'
import type { Auth, Binding } from '../protocol/frames.ts'
import { BINDING_MS_MAX, CLOCK_SKEW_MS_MAX, ROLE_BITS } from '../protocol/wire-limits.ts'
import type { NeuronParts, Settings } from './options.ts'

/** Pairs of hotkey and peer id whose highest `seq` is remembered. */
const SEQUENCES_MAX = 8192

export class Bindings {
  readonly #settings: Settings
  readonly #parts: Pick<NeuronParts, 'signer' | 'signature' | 'clock'>
  readonly #sequences = new Map<string, number>()
  #own: { peer: Hex; auth: Promise<Auth>; renewAt: number; seq: number } | undefined

  constructor(settings: Settings, parts: Pick<NeuronParts, 'signer' | 'signature' | 'clock'>) {
    this.#settings = settings
    this.#parts = parts
  }

  /** Our Auth for a connection where we are `localPeer`; the same one until half its life is over. */
  async own(localPeer: Uint8Array): Promise<Auth> {
    const now = this.#parts.clock.now()
    const peer = toHex(localPeer)
    if (this.#own === undefined || this.#own.peer !== peer || now >= this.#own.renewAt) {
      // The time as sequence number: it grows over restarts without a file.
      const seq = Math.max(now, (this.#own?.seq ?? 0) + 1)
      this.#own = { peer, auth: this.#sign(localPeer, seq, now), renewAt: now + this.#settings.bindingMs / 2, seq }
    }
    return await this.#own.auth
  }

  /** When our binding's half-life is over, in unix ms; undefined before there is one. */
  get renewAt(): number | undefined {
    return this.#own?.renewAt
  }

  async #sign(peerId: Uint8Array, seq: number, now: number): Promise<Auth> {
    const binding: Binding = {
      genesis: this.#settings.genesis,
      hotkey: this.#parts.signer.publicKey,
      peerId,
      seq,
      notBefore: now,
      expires: now + this.#settings.bindingMs,
      roles: this.#settings.roleBits,
    }
    const signature = await this.#parts.signer.sign(signingBytes('binding', encode('binding', binding)))
    return { bindings: [{ binding, signature }] }
  }

  /** The bindings of an Auth, all of them checked. @throws NodeError WIRE_UNAUTHENTICATED, WIRE_MALFORMED */
  check(auth: Auth, remotePeer: Uint8Array): Binding[] {
    const now = this.#parts.clock.now()
    const refuse = (detail: string): never => {
      throw new NodeError('WIRE_UNAUTHENTICATED', { detail })
    }
    for (const { binding, signature } of auth.bindings) {
      if ((binding.roles & ~ROLE_BITS) !== 0) throw new NodeError('WIRE_MALFORMED', { detail: 'undefined role bits' })
      if (isZero(binding.hotkey)) refuse('the all-zero key is no key')
      if (!equal(binding.genesis, this.#settings.genesis)) refuse('the binding is of another chain')
      if (!equal(binding.peerId, remotePeer)) refuse('the binding names another peer')
      if (binding.notBefore > now + CLOCK_SKEW_MS_MAX || now >= binding.expires) refuse('the binding is not valid now')
      if (binding.expires - binding.notBefore > BINDING_MS_MAX) refuse('the binding lives too long')
      if (binding.seq < (this.#sequences.get(this.#pair(binding)) ?? 0)) refuse('the binding was replaced')
      const message = signingBytes('binding', encode('binding', binding))
      if (!this.#parts.signature.verify('sr25519', binding.hotkey, message, signature)) refuse('the binding is not signed by its hotkey')
    }
    for (const { binding } of auth.bindings) this.#remember(binding)
    return auth.bindings.map(({ binding }) => binding)
  }

  #pair(binding: Binding): string {
    return `${toHex(binding.hotkey)} ${toHex(binding.peerId)}`
  }

  #remember(binding: Binding): void {
    const pair = this.#pair(binding)
    this.#sequences.delete(pair)
    this.#sequences.set(pair, binding.seq)
    if (this.#sequences.size > SEQUENCES_MAX) this.#sequences.delete(this.#sequences.keys().next().value as string)
  }
}

/**
 * What honest peers send to a validator in one step of scoring: for each span a commitment and a reveal, each in the frame
 * of a signed End that answers a call. Everything follows from a seed.
 */
import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeChallenge, encodeCommit, encodeQuery, encodeReveal } from '../../protocol/expert-messages.ts'
import { encodeFrame } from '../../protocol/frame-codec.ts'
import { encode, signingBytes } from '../../protocol/frames.ts'
import { sha256 } from '../../protocol/hash.ts'
import { LEAF_BYTES, type Compute } from '../../protocol/ports/compute.ts'
import { testedPosition } from '../../scoring/causality.ts'
import { openings } from '../../scoring/openings.ts'
import { SpanSource, type PlannedSpan } from '../../scoring/spans.ts'
import { FILLER_BYTES, spansPerStep } from '../../scoring/steps.ts'
import { seededBelow, seededBytes } from './seeded.ts'

/** Bytes of a span. */
export const LENGTH = 256
/** Words of the text that spans are cut from, and the different ones among them. */
const WORDS = 4_096
const VOCABULARY = 256
/** One word in so many is a name, which a span's swaps replace. */
const NAMES = 6
const HASH = 32

type Parts = Pick<Compute, 'mixture' | 'signature'>

/** The one frame of an answer, and the hash of the call that it answers. */
export interface SignedAnswer {
  call: Uint8Array
  frame: Uint8Array
}
export interface PeerAnswers {
  uid: number
  hotkey: Uint8Array
  secret: Uint8Array
  /** By span. */
  answers: { commit: SignedAnswer; reveal: SignedAnswer }[]
}
export interface AnsweredStep {
  spans: PlannedSpan[]
  /** From which the opened positions are drawn. */
  mark: Uint8Array
  /** Claims of the fallback on all spans. */
  fallback: Uint16Array
  peers: PeerAnswers[]
}

/** Small words and names in no order: enough for swaps to find what they replace. */
function textOf(seed: Uint8Array): Uint8Array {
  const letters = seededBelow(seed, 'letters', 8 * VOCABULARY, 26)
  const word = (i: number): string => String.fromCharCode(...letters.subarray(8 * i, 8 * i + 4 + (i % 5)).map((letter) => 97 + letter))
  const drawn = [...seededBelow(seed, 'words', WORDS, VOCABULARY)]
  const written = drawn.map((i, at) => (at % NAMES === 0 ? (word(i)[0] ?? '').toUpperCase() + word(i).slice(1) : word(i)))
  return utf8(written.join(' '))
}

/** What a peer of this key answers to a call of `method`: an End over `body`. */
function signedAnswer(
  { signature }: Pick<Compute, 'signature'>,
  peer: { hotkey: Uint8Array; secret: Uint8Array },
  asked: { method: string; body: Uint8Array },
  body: Uint8Array,
): SignedAnswer {
  const call = encode('call', {
    genesis: new Uint8Array(HASH),
    caller: new Uint8Array(HASH),
    receiver: peer.hotkey,
    channel: new Uint8Array(HASH),
    nonce: 1,
    sentAt: 0,
    deadline: 0,
    netuid: 1,
    flags: 0,
    trace: new Uint8Array(16),
    method: utf8(asked.method),
    bodyLength: asked.body.length,
    bodyHash: sha256(asked.body),
  })
  const head = { request: sha256(call), status: 0, chunks: 0, bytes: body.length, root: sha256(body), servedAt: 0, queueMs: 0, runMs: 0 }
  const signed = signature.sign('sr25519', peer.secret, signingBytes('head', encode('head', head)))
  return { call, frame: encodeFrame('end', { head, signature: signed, body }) }
}

/** The positions that a peer must open of a span. */
export const openedBy = (mark: Uint8Array, { queryId, swaps }: PlannedSpan, uid: number): number[] =>
  openings(mark, { queryId, uid, length: LENGTH, swaps: swaps.map(testedPosition) })

/** A peer's commitment and reveal of one span; `spoil` changes the reveal before it is signed. */
function answersTo(
  parts: Parts,
  step: { seed: Uint8Array; mark: Uint8Array; source: SpanSource },
  span: PlannedSpan,
  peer: Omit<PeerAnswers, 'answers'>,
  spoil: (reveal: Uint8Array) => Uint8Array = (reveal) => reveal,
): PeerAnswers['answers'][number] {
  const { mixture } = parts
  const { queryId, text } = span
  const name = `${peer.uid} ${Buffer.from(queryId).toString('hex')}`
  const leaves = seededBytes(step.seed, `leaves ${name}`, LENGTH * LEAF_BYTES)
  const salt = seededBytes(step.seed, `salt ${name}`, HASH)
  const claims = mixture.claims(leaves, text).slice(0, LENGTH - 1)
  const { root, commit } = mixture.commit({ queryId, hotkey: peer.hotkey, leaves, claims, salt })
  const positions = openedBy(step.mark, span, peer.uid)
  const paths = mixture.paths(leaves.subarray(0, (LENGTH - 1) * LEAF_BYTES), Uint16Array.from(positions))
  const leaf = (position: number): Uint8Array => leaves.slice(position * LEAF_BYTES, (position + 1) * LEAF_BYTES)
  const opened = positions.map((position, i) => {
    const path = paths[i] ?? new Uint8Array()
    const hashes = Array.from({ length: path.length / HASH }, (_, at) => path.slice(HASH * at, HASH * (at + 1)))
    return { position, leaf: leaf(position), path: hashes }
  })
  const filler = step.source.filler(step.seed, span, peer.uid, FILLER_BYTES)
  const query = encodeQuery({ queryId, length: LENGTH, filler, span: text.subarray(0, LENGTH - 1) })
  const challenge = encodeChallenge({ queryId, height: 1n, positions })
  const reveal = encodeReveal({ queryId, root, salt, lastLeaf: leaf(LENGTH - 1), claims, openings: opened })
  return {
    commit: signedAnswer(parts, peer, { method: 'expert.claim', body: query }, encodeCommit({ queryId, commit })),
    reveal: signedAnswer(parts, peer, { method: 'expert.reveal', body: challenge }, spoil(reveal)),
  }
}

/** One whole step of `count` honest peers, and the first of them once more, its first reveal spoiled. */
export function answeredStep(parts: Parts, seed: Uint8Array, count: number): AnsweredStep & { liar: PeerAnswers } {
  const source = new SpanSource([{ name: 'made up', text: textOf(seed) }], LENGTH)
  const spans = source.plan(seed, 0, spansPerStep(LENGTH))
  const step = { seed, source, mark: seededBytes(seed, 'mark', HASH) }
  const peers = Array.from({ length: count }, (_, uid): PeerAnswers => {
    const { publicKey: hotkey, secret } = parts.signature.keyPair('sr25519', seededBytes(seed, `hotkey ${uid}`, HASH))
    return { uid, hotkey, secret, answers: spans.map((span) => answersTo(parts, step, span, { uid, hotkey, secret })) }
  })
  const [first] = peers
  const [span] = spans
  if (first === undefined || span === undefined) throw new RangeError('a step has a peer and a span')
  // The last bytes are a leaf's path: another leaf then is opened than was committed to.
  const lie = answersTo(parts, step, span, first, (reveal) => concat(reveal.subarray(0, -1), Uint8Array.of((reveal.at(-1) ?? 0) ^ 1)))
  const fallback = spans.flatMap(({ text }, i) => [...parts.mixture.claims(seededBytes(seed, `fallback ${i}`, LENGTH * LEAF_BYTES), text)])
  return {
    spans,
    mark: step.mark,
    fallback: Uint16Array.from(fallback),
    peers,
    liar: { ...first, answers: [lie, ...first.answers.slice(1)] },
  }
}

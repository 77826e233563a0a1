/** The hello stream (wire.md 1.3): both sides say who and where they are, agree on the channel's name and prove their keys. */
import { equal, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Frame, FrameKind } from '../protocol/frame-codec.ts'
import { frameOf } from '../protocol/frame-codec.ts'
import { channelOf, encode } from '../protocol/frames.ts'
import type { Auth, Hello } from '../protocol/frames.ts'
import {
  CLOCK_SKEW_MS_MAX,
  FEATURES_REQUIRED,
  FRAME_OVERHEAD_BYTES,
  HELLO_FRAME_BYTES_MAX,
  MINOR_MAX,
  MINOR_MIN,
  REQUEST_BYTES_MAX,
} from '../protocol/wire-limits.ts'
import type { Connection } from './carrier.ts'
import { frameError } from './error-frame.ts'
import type { FrameStream } from './frame-stream.ts'
import type { NeuronParts, Settings } from './options.ts'

/** What may come on a hello stream. */
export const helloCap = (kind: FrameKind): number => (kind === 'hello' || kind === 'auth' || kind === 'error' ? HELLO_FRAME_BYTES_MAX : 0)

export interface Agreed {
  channel: Uint8Array
  hello: Hello
  auth: Auth
}
type Parts = Pick<NeuronParts, 'clock' | 'random' | 'head'>

/** The dialer's half: it proves its key first. @throws NodeError WIRE_* as the peer says, or as the peer's hello deserves */
export async function greet(frames: FrameStream, connection: Connection, own: Auth, settings: Settings, parts: Parts): Promise<Agreed> {
  const mine = helloOf(settings, parts)
  await frames.sendBytes(frameOf('hello', mine))
  const theirs = await expectFrame(frames, 'hello')
  checkHello(theirs.value, settings, parts.clock.now())
  await frames.send('auth', own)
  const { value: auth } = await expectFrame(frames, 'auth')
  await frames.bytes.end()
  const channel = channelOf({ hello: mine, peerId: connection.localPeer }, { hello: theirs.ssz, peerId: connection.remotePeer })
  return { channel, hello: theirs.value, auth }
}

/** The listener's half. `accept` checks the dialer's proof and makes the session before ours is sent, so that the dialer's first call finds it. */
export async function answerGreeting(
  frames: FrameStream,
  connection: Connection,
  own: Auth,
  accept: (agreed: Agreed) => void,
  settings: Settings,
  parts: Parts,
): Promise<void> {
  const mine = helloOf(settings, parts)
  await frames.sendBytes(frameOf('hello', mine))
  const theirs = await expectFrame(frames, 'hello')
  checkHello(theirs.value, settings, parts.clock.now())
  const { value: auth } = await expectFrame(frames, 'auth')
  const channel = channelOf({ hello: theirs.ssz, peerId: connection.remotePeer }, { hello: mine, peerId: connection.localPeer })
  accept({ channel, hello: theirs.value, auth })
  await frames.send('auth', own)
  await frames.bytes.end()
}

function helloOf(settings: Settings, parts: Parts): Uint8Array {
  const head = parts.head?.() ?? { height: 0, hash: new Uint8Array(32) }
  return encode('hello', {
    minorMin: MINOR_MIN,
    minorMax: MINOR_MAX,
    features: 0n,
    genesis: settings.genesis,
    chainId: utf8(settings.chainId),
    random: parts.random.bytes(32),
    clock: parts.clock.now(),
    headHeight: head.height,
    headHash: head.hash,
    maxFrame: REQUEST_BYTES_MAX + FRAME_OVERHEAD_BYTES,
    maxStreams: settings.callsInMax,
    agent: utf8(settings.agent),
  })
}

/** The next frame, which must be of one kind; the peer's Error is thrown. */
export async function expectFrame<K extends 'hello' | 'auth'>(frames: FrameStream, kind: K): Promise<Extract<Frame, { kind: K }>> {
  const frame = await frames.next()
  if (frame?.kind === kind) return frame as Extract<Frame, { kind: K }>
  if (frame?.kind === 'error') throw frameError(frame.value)
  throw new NodeError('WIRE_MALFORMED', { detail: `${kind} expected` })
}

function checkHello(hello: Hello, settings: Settings, now: number): void {
  if (!equal(hello.genesis, settings.genesis)) throw new NodeError('WIRE_WRONG_CHAIN')
  if (Math.abs(hello.clock - now) > CLOCK_SKEW_MS_MAX) throw new NodeError('WIRE_CLOCK', { detail: `ours ${now}, theirs ${hello.clock}` })
  if (Math.min(MINOR_MAX, hello.minorMax) < Math.max(MINOR_MIN, hello.minorMin))
    throw new NodeError('WIRE_UNSUPPORTED', { detail: `minors ${hello.minorMin} to ${hello.minorMax}` })
  if ((hello.features & FEATURES_REQUIRED) !== 0n) throw new NodeError('WIRE_UNSUPPORTED', { detail: `features ${hello.features}` })
}

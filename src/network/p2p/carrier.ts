/**
 * libp2p as a carrier (wire.md 1.1): TCP, Noise, yamux, and nothing else: no discovery, no identify, no monitor. A peer
 * is its Ed25519 peer id; who it speaks for is settled by the handshake above.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { ComponentLogger, Connection as Libp2pConnection, Libp2p, Logger } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { NodeError } from '../../protocol/errors.ts'
import { CALL_PROTOCOL, HELLO_PROTOCOL } from '../../protocol/wire-limits.ts'
import { refusesAddress } from '../address-rule.ts'
import type { Carrier, CarrierEvents } from '../carrier.ts'
import { P2pConnection } from './connection.ts'
import { PendingConnections } from './pending.ts'
import { P2pStream } from './stream.ts'

export interface P2pCarrierOptions {
  /** Multiaddresses to listen on. Default `/ip4/127.0.0.1/tcp/0`. */
  listen?: readonly string[]
  /** Addresses to give to others instead of those listened on. */
  announce?: readonly string[]
  /** Loopback and private networks may be dialled, and one host may open many connections at once: a network on one machine. */
  allowPrivate?: boolean
  /** Connections in all; those being made to us; those that one host may open in a second. */
  connectionsMax?: number
  pendingInMax?: number
  perHostPerSecond?: number
}

const KIB = 1024
/** Streams on one connection, each way: 8 calls, hellos, and those that are just ending. */
const STREAMS_MAX = 12
/** The smallest window that yamux allows; a larger one is memory that a peer can fill. */
const WINDOW_BYTES = 256 * KIB
/** A paused stream holds at most a window; less room than that resets honest peers. */
const READ_BUFFER_BYTES = 288 * KIB
/** Above the largest frame, which is handed over whole. */
const WRITE_BUFFER_BYTES = 5 * 1024 * KIB
const DIAL_MS = 10_000
/** How long Noise and yamux may take with who connects to us. */
const UPGRADE_MS = 5_000
/** Connections being made to us, and of these from one host: three hosts cannot fill it. */
const PENDING_MAX = 10
const PENDING_HOSTS = 4
/** Connections open at once where all peers share one address. */
const LOCAL_BURST = 1024

/** libp2p's own trace is of no use here, and its scopes per stream cost more than the calls in them. */
const mute = (): void => undefined
const muteLogger: Logger = Object.assign(mute, { error: mute, trace: mute, enabled: false, newScope: (): Logger => muteLogger })
const muteLoggers: ComponentLogger = { forComponent: () => muteLogger }

/** @param seed 32-byte Ed25519 seed of the peer id @throws NodeError WIRE_CONFIG when it cannot listen */
export async function p2pCarrier(options: P2pCarrierOptions, seed: Uint8Array, events: CarrierEvents): Promise<Carrier> {
  const libp2p = await startLibp2p(options, seed, events)
  const localPeer = libp2p.peerId.toMultihash().bytes
  const known = new WeakMap<Libp2pConnection, P2pConnection>()
  const wrapped = (connection: Libp2pConnection): P2pConnection => {
    let wrap = known.get(connection)
    if (wrap === undefined) {
      wrap = new P2pConnection(connection, localPeer)
      known.set(connection, wrap)
      if (connection.direction === 'inbound') events.onConnection(wrap)
    }
    return wrap
  }
  libp2p.addEventListener('connection:open', ({ detail }) => void wrapped(detail))
  for (const protocol of [HELLO_PROTOCOL, CALL_PROTOCOL])
    await libp2p.handle(protocol, (stream, connection) => events.onStream(wrapped(connection), protocol, new P2pStream(stream)), {
      maxInboundStreams: STREAMS_MAX,
      maxOutboundStreams: STREAMS_MAX,
      runOnLimitedConnection: false,
    })
  await listen(libp2p, options)
  return {
    addresses: () => libp2p.getMultiaddrs().map(String),
    refuses: (address) => refusesAddress(address, options.allowPrivate === true),
    dial: async (addresses, signal) => wrapped(await dialFirst(libp2p, addresses, signal)),
    close: async () => {
      await libp2p.stop()
    },
  }
}

async function startLibp2p(options: P2pCarrierOptions, seed: Uint8Array, events: CarrierEvents): Promise<Libp2p> {
  const isLocal = options.allowPrivate === true
  const gate = (peer: { toMultihash(): { bytes: Uint8Array } }): boolean => !events.admits(peer.toMultihash().bytes)
  const pendingMax = options.pendingInMax ?? (isLocal ? LOCAL_BURST : PENDING_MAX)
  const pending = new PendingConnections(isLocal ? pendingMax : Math.max(1, Math.floor(pendingMax / PENDING_HOSTS)))
  return await createLibp2p({
    start: false,
    logger: muteLoggers,
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: { listen: [...(options.listen ?? ['/ip4/127.0.0.1/tcp/0'])], announce: [...(options.announce ?? [])] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        // Its pings notice nothing that the silence of a call does not, and a dozen neurons have many connections.
        enableKeepAlive: false,
        maxInboundStreams: STREAMS_MAX,
        maxOutboundStreams: STREAMS_MAX,
        streamOptions: {
          maxStreamWindowSize: WINDOW_BYTES,
          maxReadBufferLength: READ_BUFFER_BYTES,
          maxWriteBufferLength: WRITE_BUFFER_BYTES,
        },
      }),
    ],
    connectionManager: {
      maxConnections: options.connectionsMax ?? 64,
      maxIncomingPendingConnections: pendingMax,
      inboundUpgradeTimeout: UPGRADE_MS,
      inboundConnectionThreshold: options.perHostPerSecond ?? (isLocal ? LOCAL_BURST : 5),
      dialTimeout: DIAL_MS,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyInboundConnection: (connection) => !pending.admits(connection),
      denyInboundUpgradedConnection: (_peer, connection) => {
        pending.done(connection)
        return false
      },
      denyInboundEncryptedConnection: gate,
      denyOutboundEncryptedConnection: gate,
    },
  })
}

async function listen(libp2p: Libp2p, options: P2pCarrierOptions): Promise<void> {
  try {
    await libp2p.start()
  } catch (error) {
    await libp2p.stop()
    throw new NodeError('WIRE_CONFIG', { detail: `cannot listen on ${(options.listen ?? []).join(', ')}` }, { cause: error })
  }
}

/** One address after the other, each a fresh connection: the dialer of a connection is who greets on it. */
async function dialFirst(libp2p: Libp2p, addresses: readonly string[], signal: AbortSignal): Promise<Libp2pConnection> {
  let cause: unknown
  for (const address of addresses) {
    try {
      return await libp2p.dial(multiaddr(address), { signal, force: true })
    } catch (error) {
      signal.throwIfAborted()
      cause = error
    }
  }
  throw new NodeError('WIRE_UNREACHABLE', { detail: 'nobody answers' }, { cause })
}

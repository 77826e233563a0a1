/** Whether a request is served (wire.md 1.4): ten checks, the cheapest first, and no state changes before the last. */
import { createHash } from 'node:crypto'
import { equal, toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Frame } from '../protocol/frame-codec.ts'
import { encode, signingBytes } from '../protocol/frames.ts'
import type { Call, Open, Request } from '../protocol/frames.ts'
import { sha256 } from '../protocol/hash.ts'
import type { Access, Handler, MethodClass, MethodRule } from '../protocol/ports/network.ts'
import { CALL_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, FLAG_BITS, FLAG_UNSIGNED_END, METHOD_PATTERN } from '../protocol/wire-limits.ts'
import type { NeuronParts, Settings } from './options.ts'
import type { RateLimiter } from './rate-limiter.ts'
import { bucketOf, rateOf, serviceClass } from './service-class.ts'
import type { ServiceClass } from './service-class.ts'
import type { Session } from './session.ts'

export interface Service {
  rule: MethodRule
  handler: Handler
}
/** A request that passed. */
export interface Admitted {
  service: Service
  caller: Uint8Array | null
  /** Name under which the queue and the rates count the caller. */
  flow: string
  class: ServiceClass
  access: Access
  netuid: number
  method: string
  body: Uint8Array
  deadline: number
  /** H of the Call or Open. */
  request: Uint8Array
  unsignedEnd: boolean
}
export interface AdmissionParts extends Pick<NeuronParts, 'signer' | 'signature' | 'access' | 'clock'> {
  services: ReadonlyMap<string, Service>
  rates: RateLimiter
}

const STRANGER: Access = { registered: false, permit: false, admitted: false, share: 0 }

/** SHA-256 of a body; the native hash, since bodies are long. */
export const bodyHash = (body: Uint8Array): Uint8Array => createHash('sha256').update(body).digest()

/** Runs the checks. @throws NodeError WIRE_* with the row of the check that failed */
export function admit(frame: Frame | null, session: Session, settings: Settings, parts: AdmissionParts): Admitted {
  if (frame?.kind === 'request') return admitCall(frame.value, session, settings, parts)
  if (frame?.kind === 'open') return admitOpen(frame.value, frame.ssz, session, settings, parts)
  throw new NodeError('WIRE_MALFORMED', { detail: 'a request was expected' })
}

function admitCall({ header, signature, body }: Request, session: Session, settings: Settings, parts: AdmissionParts): Admitted {
  const now = parts.clock.now()
  const method = methodOf(header.method)
  if ((header.flags & ~FLAG_BITS) !== 0) throw new NodeError('WIRE_MALFORMED', { detail: 'undefined flag bits' })
  checkTarget(header, session, settings, parts.signer.publicKey)
  const replay = session.replayOf(header.caller, now)
  if (replay === undefined) throw new NodeError('WIRE_UNAUTHENTICATED', { detail: 'no live binding of the caller on this connection' })
  const service = serviceOf(method, body, parts.services)
  const caller = toHex(header.caller)
  const access = parts.access(header.netuid, caller)
  const allowListed = settings.allowList.has(caller)
  if (!allowListed && !holds(service.rule.class, access)) throw new NodeError('WIRE_FORBIDDEN', { detail: service.rule.class })
  checkTimes(header, now)
  const serviceAs = serviceClass(access, allowListed)
  const flow = serviceAs === 'O' ? strangersFlow(session) : caller
  const charge = checkRates(session, { flow, serviceAs, share: access.share, method, bytes: body.length }, settings, parts.rates)
  if (!replay.isFresh(header.nonce)) throw new NodeError('WIRE_REPLAY')
  if (header.bodyLength !== body.length || !equal(header.bodyHash, bodyHash(body)))
    throw new NodeError('WIRE_MALFORMED', { detail: 'the body is not the one in the header' })
  const ssz = encode('call', header)
  if (!parts.signature.verify('sr25519', header.caller, signingBytes('call', ssz), signature))
    throw new NodeError('WIRE_UNAUTHENTICATED', { detail: 'the call is not signed by its caller' })
  replay.use(header.nonce)
  charge()
  const unsignedEnd = (header.flags & FLAG_UNSIGNED_END) !== 0
  const { netuid, deadline } = header
  return {
    service,
    caller: header.caller,
    flow,
    class: serviceAs,
    access,
    netuid,
    method,
    body,
    deadline,
    request: sha256(ssz),
    unsignedEnd,
  }
}

function admitOpen(open: Open, ssz: Uint8Array, session: Session, settings: Settings, parts: AdmissionParts): Admitted {
  const now = parts.clock.now()
  const method = methodOf(open.method)
  if (!equal(open.channel, session.channel)) throw new NodeError('WIRE_WRONG_TARGET', { detail: 'channel' })
  const service = serviceOf(method, open.body, parts.services)
  if (service.rule.class !== 'open') throw new NodeError('WIRE_FORBIDDEN', { detail: service.rule.class })
  if (open.deadline <= now || open.deadline > now + CALL_AGE_MS_MAX + CLOCK_SKEW_MS_MAX)
    throw new NodeError('WIRE_DEADLINE', { detail: 'not in the time allowed' })
  const flow = strangersFlow(session)
  checkRates(session, { flow, serviceAs: 'O', share: 0, method, bytes: open.body.length }, settings, parts.rates)()
  return {
    service,
    caller: null,
    flow,
    class: 'O',
    access: STRANGER,
    netuid: 0,
    method,
    body: open.body,
    deadline: open.deadline,
    request: sha256(ssz),
    unsignedEnd: false,
  }
}

/** Strangers count by where they come from: keys and peer ids cost nothing. */
const strangersFlow = (session: Session): string => `host ${session.connection.remoteHost}`

function methodOf(bytes: Uint8Array): string {
  const method = Buffer.from(bytes).toString('latin1')
  if (!METHOD_PATTERN.test(method)) throw new NodeError('WIRE_MALFORMED', { detail: 'no such name' })
  return method
}

function checkTarget(header: Call, session: Session, settings: Settings, self: Uint8Array): void {
  const wrong = (detail: string): never => {
    throw new NodeError('WIRE_WRONG_TARGET', { detail })
  }
  if (!equal(header.genesis, settings.genesis)) wrong('chain')
  if (!equal(header.channel, session.channel)) wrong('channel')
  if (!equal(header.receiver, self)) wrong('receiver')
}

function serviceOf(method: string, body: Uint8Array, services: ReadonlyMap<string, Service>): Service {
  const service = services.get(method)
  if (service === undefined) throw new NodeError('WIRE_NOT_FOUND', { detail: method })
  if (body.length > service.rule.requestBytesMax)
    throw new NodeError('WIRE_TOO_LARGE', { detail: `${body.length} of ${service.rule.requestBytesMax} bytes` })
  return service
}

function holds(methodClass: MethodClass, access: Access): boolean {
  switch (methodClass) {
    case 'open':
      return true
    case 'registered':
      return access.registered
    case 'admitted':
      return access.admitted
    case 'permit':
      return access.permit
  }
}

function checkTimes({ sentAt, deadline }: Call, now: number): void {
  if (Math.abs(sentAt - now) > CLOCK_SKEW_MS_MAX) throw new NodeError('WIRE_CLOCK', { detail: `ours ${now}, sent at ${sentAt}` })
  if (deadline <= now || deadline > sentAt + CALL_AGE_MS_MAX) throw new NodeError('WIRE_DEADLINE', { detail: 'not in the time allowed' })
}

interface Charged {
  flow: string
  serviceAs: ServiceClass
  share: number
  method: string
  bytes: number
}
/** Takes from the connection's bucket, looks at the caller's. @returns what charges the caller once its signature holds */
function checkRates(session: Session, charged: Charged, settings: Settings, rates: RateLimiter): () => void {
  const { flow, serviceAs, share, method, bytes } = charged
  const refuse = (retryAfterMs: number): void => {
    if (retryAfterMs > 0) throw new NodeError('WIRE_RATE_LIMITED', { retryAfterMs })
  }
  if (serviceAs !== 'A') {
    const whole = {
      callsPerSecond: settings.connectionCallsPerSecond,
      callsBurst: settings.connectionCallsBurst,
      bytesPerSecond: settings.connectionBytesPerSecond,
    }
    const name = `connection ${session.peer}`
    refuse(rates.waitMs(name, whole))
    rates.take(name, whole, bytes)
  }
  const rate = rateOf(serviceAs, share, method)
  const name = `${bucketOf(method)} ${flow}`
  refuse(rates.waitMs(name, rate))
  return () => rates.take(name, rate, bytes)
}

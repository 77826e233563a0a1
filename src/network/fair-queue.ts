/**
 * Start-time fair queueing (wire.md 1.5): the caller whose next request has the smallest start tag S = max(v, F of its
 * last) runs next, F = S + cost / weight, v = S of the latest in service. Tags are made when a request's turn comes, so
 * that weights are those of the callers who have work queued then, and a dropped request costs its caller nothing.
 */
import { NodeError } from '../protocol/errors.ts'
import type { Clock } from '../protocol/ports/platform.ts'
import { ServiceTimes } from './service-times.ts'
import { weightOf } from './service-class.ts'
import type { ActiveCallers, ServiceClass } from './service-class.ts'

export interface QueueLimits {
  /** Requests waiting, their bodies' bytes, and requests of one caller. */
  requestsMax: number
  bytesMax: number
  perCallerMax: number
  /** Requests in service at once. */
  runningMax: number
}
export interface Waiting {
  /** Who waits: one name per caller, or per host for strangers. */
  caller: string
  service: ServiceClass
  /** Share of the market's stake, 0..1. */
  share: number
  method: string
  cost: number
  bytes: number
  /** Unix ms. */
  deadline: number
}
/** A place in the queue and then in service. */
export interface Ticket {
  /** Resolves when the request's turn has come. @throws NodeError WIRE_BUSY, WIRE_DEADLINE when it was dropped */
  readonly turn: Promise<void>
  /** Requests that wait, this one among them, or 0 in service; and the estimated wait. */
  position(): number
  etaMs(): number
  /** Leaves queue or service, whichever it is in; may be called again. */
  leave(): void
}

interface Entry {
  waiting: Waiting
  state: 'queued' | 'running' | 'gone'
  resolve(): void
  reject(error: NodeError): void
}
interface Flow {
  queue: Entry[]
  service: ServiceClass
  share: number
  queuedCost: number
  /** F of the caller's last request in service. */
  finish: number
  /** v when the caller last came to have work queued. */
  since: number
}

export class FairQueue {
  readonly #limits: QueueLimits
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #flows = new Map<string, Flow>()
  readonly #times = new ServiceTimes()
  #virtual = 0
  #queued = 0
  #queuedBytes = 0
  #running = 0

  constructor(limits: QueueLimits, parts: { clock: Pick<Clock, 'now' | 'monotonic'> }) {
    this.#limits = limits
    this.#clock = parts.clock
  }

  get queued(): number {
    return this.#queued
  }

  get running(): number {
    return this.#running
  }

  /** Takes a place. When the queue is full, the newest request of the caller with the largest queued cost / weight goes. */
  enter(waiting: Waiting): Ticket {
    const turn = Promise.withResolvers<void>()
    turn.promise.catch(() => undefined)
    const entry: Entry = { waiting, state: 'queued', resolve: turn.resolve, reject: turn.reject }
    this.#add(entry)
    const flow = this.#flows.get(waiting.caller) as Flow
    if (flow.queue.length > this.#limits.perCallerMax) this.#drop(flow)
    if (this.#queued > this.#limits.requestsMax || this.#queuedBytes > this.#limits.bytesMax) this.#drop(this.#heaviest())
    this.#serve()
    let startedAt = this.#clock.monotonic()
    const started = turn.promise.then(() => {
      startedAt = this.#clock.monotonic()
    })
    started.catch(() => undefined)
    return {
      turn: started,
      position: () => (entry.state === 'queued' ? this.#queued : 0),
      etaMs: () => (entry.state === 'queued' ? this.#drainMs() : this.#times.median(waiting.method)),
      leave: () => this.#leave(entry, startedAt),
    }
  }

  #add(entry: Entry): void {
    const { caller, service, share, cost, bytes } = entry.waiting
    let flow = this.#flows.get(caller)
    if (flow === undefined) {
      this.#forgetIdle()
      flow = { queue: [], service, share, queuedCost: 0, finish: 0, since: this.#virtual }
      this.#flows.set(caller, flow)
    }
    if (flow.queue.length === 0) flow.since = this.#virtual
    Object.assign(flow, { service, share })
    flow.queue.push(entry)
    flow.queuedCost += cost
    this.#queued++
    this.#queuedBytes += bytes
  }

  /** Callers without work whose tags lie in the past are as new ones: nothing of them need be kept. */
  #forgetIdle(): void {
    for (const [caller, flow] of this.#flows) if (flow.queue.length === 0 && flow.finish <= this.#virtual) this.#flows.delete(caller)
  }

  #remove(flow: Flow, entry: Entry): void {
    flow.queue.splice(flow.queue.indexOf(entry), 1)
    flow.queuedCost -= entry.waiting.cost
    this.#queued--
    this.#queuedBytes -= entry.waiting.bytes
  }

  #active(): ActiveCallers {
    const active = { admittedShare: 0, registered: 0, anonymous: 0 }
    for (const flow of this.#flows.values()) {
      if (flow.queue.length === 0) continue
      if (flow.service === 'V') active.admittedShare += flow.share
      if (flow.service === 'R') active.registered++
      if (flow.service === 'O') active.anonymous++
    }
    return active
  }

  #heaviest(): Flow {
    const active = this.#active()
    let most: [flow: Flow, load: number] | undefined
    for (const flow of this.#flows.values()) {
      if (flow.queue.length === 0) continue
      const load = flow.queuedCost / weightOf(flow.service, flow.share, active)
      if (most === undefined || load > most[1]) most = [flow, load]
    }
    return (most as [Flow, number])[0]
  }

  #drop(flow: Flow): void {
    const entry = flow.queue.at(-1) as Entry
    this.#remove(flow, entry)
    entry.state = 'gone'
    entry.reject(new NodeError('WIRE_BUSY', { retryAfterMs: this.#drainMs() }))
  }

  /** Starts requests while there is room. */
  #serve(): void {
    while (this.#running < this.#limits.runningMax && this.#queued > 0) {
      const active = this.#active()
      const { flow, start } = this.#next()
      const entry = flow.queue[0] as Entry
      this.#remove(flow, entry)
      const { deadline, method, cost } = entry.waiting
      if (this.#clock.now() + this.#times.median(method) > deadline) {
        entry.state = 'gone'
        entry.reject(new NodeError('WIRE_DEADLINE', { detail: 'cannot be finished in time' }))
        continue
      }
      flow.finish = start + cost / weightOf(flow.service, flow.share, active)
      this.#virtual = Math.max(this.#virtual, start)
      entry.state = 'running'
      this.#running++
      entry.resolve()
    }
  }

  /** The caller with the smallest start tag. */
  #next(): { flow: Flow; start: number } {
    let first: { flow: Flow; start: number } | undefined
    for (const flow of this.#flows.values()) {
      if (flow.queue.length === 0) continue
      const start = Math.max(flow.since, flow.finish)
      if (first === undefined || start < first.start) first = { flow, start }
    }
    return first as { flow: Flow; start: number }
  }

  #leave(entry: Entry, startedAt: number): void {
    if (entry.state === 'gone') return
    if (entry.state === 'queued') this.#remove(this.#flows.get(entry.waiting.caller) as Flow, entry)
    else {
      this.#running--
      this.#times.add(entry.waiting.method, this.#clock.monotonic() - startedAt)
    }
    entry.state = 'gone'
    this.#serve()
  }

  /** When the queue would be empty if nobody came. */
  #drainMs(): number {
    return Math.max(1, Math.ceil(((this.#queued + 1) * this.#times.median()) / this.#limits.runningMax))
  }
}

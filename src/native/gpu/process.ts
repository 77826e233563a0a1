/**
 * One life of the GPU program: requests with ids, progress, cancels and deadlines over its stdin and stdout. Whatever it
 * does wrong (silence, bytes that are no frame, answers nobody asked for) ends this life by SIGKILL, because a driver
 * in trouble recovers in no other way. Everything then outstanding fails with GPU_LOST; nothing stays pending.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { NodeError } from '../../protocol/errors.ts'
import { readAnswer, type Answer } from './answer.ts'
import { frameHead, FrameReader, type Frame, type Header } from './frame.ts'
import type { GpuOptions, GpuProgram } from './options.ts'

/** The version of frames and operations that this node speaks. */
const VERSION = 1
/** The last bytes of its stderr are kept: they say why it died. */
const STDERR_CHARACTERS = 2_000
/** After the exit, pipes that somebody else still holds open are waited for this long. */
const DRAIN_MS = 500
const ID_MAX = 2 ** 32 - 1

export interface GpuRequest {
  op: string
  fields?: Header
  /** Views that the caller leaves unchanged until the answer. */
  payload?: readonly Uint8Array[]
  /** Bytes that the answer must carry; 0 when absent. */
  answerBytes?: number
  /** Where only the answer tells its size: bytes that it may carry at most. */
  answerBytesMost?: number
  /** How long it may go without progress, once the earlier jobs of its device are done. */
  quietMs: number
  signal?: AbortSignal | undefined
  onProgress?: ((done: number, total: number) => void) | undefined
}
export interface GpuAnswer {
  ok: Header
  payload: Uint8Array<ArrayBuffer>
}

interface Outstanding {
  request: GpuRequest
  /** Absent while it waits for its turn. */
  timer?: NodeJS.Timeout
  settle(outcome: GpuAnswer | NodeError): void
  /** Whether its caller is gone and only the answer to the cancel is due. */
  cancelled: boolean
}

type ProcessTimes = Pick<GpuOptions, 'helloMs' | 'pingEveryMs' | 'pingMs' | 'cancelMs' | 'closeMs'>

export class GpuProcess {
  /** Why it ended; never rejects. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  readonly #times: ProcessTimes
  readonly #open = new Map<number, Outstanding>()
  readonly #reader: FrameReader
  readonly #pings: NodeJS.Timeout
  #nextId = 1
  #reason: string | null = null
  #stderr = ''

  private constructor(program: GpuProgram, times: ProcessTimes) {
    this.#times = times
    this.#reader = new FrameReader({ payloadBytesMax: (header) => this.#due(header), onFrame: (frame) => this.#take(frame) })
    this.#child = spawn(program.command, program.args ?? [], {
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      ...(program.env && { env: program.env }),
    })
    const ended = Promise.withResolvers<string>()
    this.ended = ended.promise
    this.#listen(ended.resolve)
    this.#pings = setInterval(() => void this.#ping(), times.pingEveryMs)
    this.#pings.unref()
    this.#hold()
  }

  /** Starts the program and greets it. @throws NodeError GPU_LOST, GPU_PROTOCOL; it has ended then */
  static async start(program: GpuProgram, times: ProcessTimes): Promise<GpuProcess> {
    const started = GpuProcess.#spawn(program, times)
    try {
      const { ok } = await started.request({ op: 'hello', quietMs: times.helloMs })
      if (ok['version'] === VERSION) return started
      started.kill(`it speaks version ${String(ok['version']).slice(0, 20)}, not ${VERSION}`)
      throw new NodeError('GPU_PROTOCOL', {
        detail: `version ${String(ok['version']).slice(0, 20)} where ${VERSION} is due: npm run build:gpu`,
      })
    } catch (error) {
      started.kill('it did not greet')
      await started.ended
      throw error
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  static #spawn(program: GpuProgram, times: ProcessTimes): GpuProcess {
    try {
      return new GpuProcess(program, times)
    } catch (cause) {
      throw new NodeError('GPU_LOST', { detail: `it could not be started: ${String(cause)}` }, { cause })
    }
  }

  /** Whether it still takes requests. */
  get alive(): boolean {
    return this.#reason === null
  }

  /** Jobs under way, pings aside. */
  get busy(): boolean {
    return [...this.#open.values()].some(({ request }) => request.op !== 'ping')
  }

  /** @throws NodeError GPU_LOST when it ends first, GPU_FAILED when it answers an error, NATIVE_CANCELLED after an abort */
  async request(request: GpuRequest): Promise<GpuAnswer> {
    const { signal } = request
    if (signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
    if (this.#reason !== null) throw this.#lost()
    const id = this.#takeId()
    const parts = framed({ id, op: request.op, ...request.fields }, request.payload)
    const answer = Promise.withResolvers<GpuAnswer>()
    const cancel = (): void => this.#cancel(id)
    const settle = (outcome: GpuAnswer | NodeError): void => {
      signal?.removeEventListener('abort', cancel)
      if (outcome instanceof NodeError) answer.reject(outcome)
      else answer.resolve(outcome)
    }
    this.#open.set(id, { request, settle, cancelled: false })
    this.#watch()
    this.#hold()
    signal?.addEventListener('abort', cancel, { once: true })
    this.#send(parts)
    return await answer.promise
  }

  /** Ends it at once; `reason` is what `ended` tells. */
  kill(reason: string): void {
    if (this.#reason === null) {
      this.#reason = reason
      this.#child.stdout?.destroy()
      for (const [id, one] of this.#open) this.#drop(id, one)?.settle(this.#lost())
    }
    this.#child.kill('SIGKILL')
  }

  /** Lets it end: its stdin is closed, and if that is not enough it is killed. Resolves when it is gone. */
  async close(reason: string): Promise<void> {
    this.#reason ??= reason
    this.#child.ref()
    for (const [id, one] of this.#open) this.#drop(id, one)?.settle(new NodeError('NATIVE_CANCELLED'))
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#times.closeMs)
    await this.ended
    clearTimeout(timer)
  }

  #listen(ended: (reason: string) => void): void {
    const { stdin, stdout, stderr } = this.#child
    const finish = (found: string): void => {
      clearInterval(this.#pings)
      const partial = this.#reader.partial ? ', in the middle of a frame' : ''
      this.#reason ??= `${found}${partial}${this.#lastWords()}`
      for (const [id, one] of this.#open) this.#drop(id, one)?.settle(this.#lost())
      ended(this.#reason)
    }
    stdout?.on('data', (chunk: Buffer) => {
      if (this.#reason !== null) return
      try {
        this.#reader.push(chunk)
      } catch (error) {
        this.kill(error instanceof Error ? error.message : String(error))
      }
    })
    stdout?.on('end', () => {
      // A program that closes its stdout answers nobody any more, alive or not.
      setTimeout(() => this.kill(`it closed its stdout${this.#lastWords()}`), DRAIN_MS).unref()
    })
    stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_CHARACTERS)))
    // A write after its end fails here; `close` or `error` tells the reason.
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => undefined)
    this.#child.on('error', (error) => finish(`it could not be started: ${error.message}`))
    this.#child.on('exit', () => setTimeout(() => this.#child.stdio.forEach((stream) => stream?.destroy()), DRAIN_MS).unref())
    this.#child.on('close', (code, signal) => finish(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`))
  }

  #lastWords(): string {
    const line = this.#stderr.trimEnd().split('\n').at(-1)?.trim() ?? ''
    return line === '' ? '' : ` (${line.slice(0, 200)})`
  }

  #lost(): NodeError {
    return new NodeError('GPU_LOST', { detail: this.#reason ?? 'it ended' })
  }

  #takeId(): number {
    while (this.#open.has(this.#nextId)) this.#nextId = (this.#nextId % ID_MAX) + 1
    const id = this.#nextId
    this.#nextId = (id % ID_MAX) + 1
    return id
  }

  #send(parts: readonly Uint8Array[]): void {
    const { stdin } = this.#child
    if (stdin?.writable === true) for (const part of parts) stdin.write(part)
  }

  /** Bytes of payload that an answer with this header may carry. */
  #due(header: Header): number {
    const answer = readAnswer(header)
    const { answerBytes = 0, answerBytesMost = answerBytes } = this.#find(answer).request
    return answer.kind === 'ok' ? answerBytesMost : 0
  }

  #find({ id }: Answer): Outstanding {
    const found = this.#open.get(id)
    if (found === undefined) throw new NodeError('GPU_PROTOCOL', { detail: `an answer to ${id}, which was not asked` })
    return found
  }

  #take({ header, payload }: Frame): void {
    const answer = readAnswer(header)
    const one = this.#find(answer)
    if (answer.kind === 'progress') {
      if (one.cancelled) return
      one.timer?.refresh()
      // What a caller's own function throws is no fault of the stream.
      queueMicrotask(() => one.request.onProgress?.(answer.done, answer.total))
    } else if (answer.kind === 'error') {
      this.#drop(answer.id, one)?.settle(failure(one, answer))
    } else {
      const due = one.request.answerBytes ?? 0
      if (payload.length !== due && one.request.answerBytesMost === undefined)
        throw new NodeError('GPU_PROTOCOL', { detail: `a payload of ${payload.length} bytes where ${due} are due` })
      this.#drop(answer.id, one)?.settle({ ok: answer.ok, payload })
    }
  }

  /** Forgets a request; undefined when its caller has been answered already. */
  #drop(id: number, one: Outstanding): Outstanding | undefined {
    this.#open.delete(id)
    clearTimeout(one.timer)
    this.#watch()
    this.#hold()
    return one.cancelled ? undefined : one
  }

  /** A device does its jobs one after another, in the order in which they were sent: the time of each begins with its turn. */
  #watch(): void {
    const busy = new Set<unknown>()
    for (const one of this.#open.values()) {
      const { op, quietMs, fields } = one.request
      const device = fields?.['device']
      if (device !== undefined && busy.has(device)) continue
      busy.add(device)
      one.timer ??= setTimeout(() => this.kill(`no answer to ${op} within ${quietMs} ms`), quietMs)
    }
  }

  #cancel(id: number): void {
    const one = this.#open.get(id)
    if (one === undefined || one.cancelled) return
    one.settle(new NodeError('NATIVE_CANCELLED'))
    clearTimeout(one.timer)
    one.cancelled = true
    const { op } = one.request
    one.timer = setTimeout(() => this.kill(`${op} did not stop within ${this.#times.cancelMs} ms`), this.#times.cancelMs)
    this.#hold()
    this.#send(framed({ op: 'cancel', cancel: id }))
  }

  async #ping(): Promise<void> {
    if (this.#open.size > 0 || this.#reason !== null) return
    // A death is told by `ended`.
    await this.request({ op: 'ping', quietMs: this.#times.pingMs }).catch(() => undefined)
  }

  /** Only work that somebody awaits keeps the node alive: an idle GPU program ends with it. */
  #hold(): void {
    const awaited = [...this.#open.values()].some(({ request, cancelled }) => request.op !== 'ping' && !cancelled)
    const streams = [this.#child.stdin, this.#child.stdout, this.#child.stderr] as ({ ref?(): void; unref?(): void } | null)[]
    for (const one of [this.#child, ...streams])
      if (awaited) one?.ref?.()
      else one?.unref?.()
    for (const { timer, cancelled, request } of this.#open.values()) if (cancelled || request.op === 'ping') timer?.unref()
  }
}

/** A frame in parts, so that payloads are not copied. */
function framed(header: Header, payload: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const bytes = payload.reduce((sum, one) => sum + one.byteLength, 0)
  return [frameHead(header, bytes), ...payload]
}

function failure({ request }: Outstanding, { code, text }: Extract<Answer, { kind: 'error' }>): NodeError {
  if (code === 'GPU_CANCELLED') return new NodeError('NATIVE_CANCELLED')
  const device = request.fields?.['device']
  return new NodeError('GPU_FAILED', { device: typeof device === 'string' ? device : request.op, code, detail: text })
}

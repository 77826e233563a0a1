/**
 * Keeps the GPU program alive for those who need it (native.md, GPU rules; reliability.md P10, F14, F15). Nothing is
 * started before somebody asks. After a death it is started again at once, then after growing waits; a device under
 * which it keeps dying rests. Jobs are not repeated here: a job that fails says why, and its caller goes on without GPU.
 */
import { existsSync } from 'node:fs'
import { NodeError } from '../../protocol/errors.ts'
import type { DeviceInfo } from '../../protocol/ports/compute.ts'
import { absentDevices, readDeviceList } from './device-list.ts'
import { DeviceHealth } from './health.ts'
import { JobQueue } from './job-queue.ts'
import { gpuDefaults, type GpuOptions, type GpuProgram } from './options.ts'
import { GpuProcess, type GpuAnswer, type GpuRequest } from './process.ts'

/** Stands for the program itself in the health table: deaths before it greets. */
const PROGRAM = 'program'
/** Errors after which the program can go on; any other may be one that only an end of the process clears. */
const HARMLESS = ['GPU_REQUEST', 'GPU_DEVICE_UNKNOWN', 'GPU_DEVICE_UNUSABLE', 'GPU_SHAPE', 'GPU_MEMORY', 'GPU_BUSY']
/** What the program says of a device whose results its own checks refuse. */
const WRONG = 'GPU_WRONG'
export const NOT_BUILT = 'the GPU program is not built: npm run build:gpu'

export class GpuSupervisor {
  readonly #program: GpuProgram
  readonly #options: GpuOptions
  readonly #health: DeviceHealth
  readonly #queues = new Map<string, JobQueue>()
  #life: Promise<GpuProcess> | null = null
  #listed: DeviceInfo[] = []
  #failures = 0
  #startAt = 0
  #starts = 0
  #restart: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  /** Devices that a death was held against already; null: all of them. */
  readonly #blamed = new WeakMap<GpuProcess, Set<string> | null>()

  constructor(program: GpuProgram, options: Partial<GpuOptions> = {}) {
    this.#program = program
    this.#options = { ...gpuDefaults, ...options }
    this.#health = new DeviceHealth(this.#options, () => performance.now())
  }

  /** Processes started so far. */
  get starts(): number {
    return this.#starts
  }

  /** Usable devices as last listed; empty before anybody asked. */
  get known(): readonly DeviceInfo[] {
    return this.#listed.filter(({ id, usable }) => usable && this.#health.reason(id) === null)
  }

  /** How long jobs may go without a sign of life, for callers who know that theirs are larger. */
  get quietMs(): number {
    return this.#options.quietMs
  }

  /** Process id of the program, for those who watch it; undefined while none runs. */
  async pid(): Promise<number | undefined> {
    return (await this.#life?.catch(() => undefined))?.pid
  }

  /** Every device with the reason for each that cannot be used; never rejects. */
  async devices(): Promise<DeviceInfo[]> {
    try {
      const devices = await this.#list()
      return devices.map((device) => {
        const held = this.#health.reason(device.id)
        return held === null ? device : { ...device, usable: false, reason: held }
      })
    } catch (error) {
      return absentDevices(textOf(error))
    }
  }

  /**
   * The device by its id, resting or not.
   * @throws NodeError GPU_UNAVAILABLE when this machine has none such or could never use it; GPU_LOST, GPU_RESTING or
   * GPU_PROTOCOL when the program could not be asked
   */
  async find(id: string, signal?: AbortSignal): Promise<DeviceInfo> {
    const known = this.#listed.find((device) => device.id === id)
    if (known?.usable === true) return known
    const devices = await orAbort(this.#list(), signal)
    const found = devices.find((device) => device.id === id)
    if (found?.usable === true) return found
    const family = devices.find(({ backend, usable }) => !usable && id.startsWith(backend))
    throw new NodeError('GPU_UNAVAILABLE', { device: id, detail: found?.reason ?? family?.reason ?? 'there is no such device' })
  }

  /** A wrong answer: `device` gets no more jobs. */
  fault(device: string, reason: string): void {
    this.#health.fault(device, reason)
  }

  /**
   * Runs one job on `device`. @throws NodeError GPU_LOST, GPU_FAILED, GPU_RESTING or GPU_PROTOCOL, after which the job may
   * be done elsewhere; NATIVE_CANCELLED after an abort or a close; NATIVE_BUSY when too many wait
   */
  async run(device: string, request: GpuRequest): Promise<GpuAnswer> {
    const queue = this.#queues.get(device) ?? new JobQueue(this.#options)
    this.#queues.set(device, queue)
    return await queue.run(request.signal, async () => {
      this.#mayUse(device)
      const life = await orAbort(this.#alive(), request.signal)
      try {
        const answer = await life.request({ ...request, fields: { ...request.fields, device } })
        this.#failures = 0
        return answer
      } catch (error) {
        this.#judge(device, life, error)
        throw error
      } finally {
        this.#rest(life)
      }
    })
  }

  /** Ends the program; jobs under way fail with NATIVE_CANCELLED. A later job would start it anew. */
  async close(): Promise<void> {
    clearTimeout(this.#restart)
    clearTimeout(this.#idle)
    const life = this.#life
    this.#life = null
    const running = await life?.catch(() => undefined)
    await running?.close('the node closes')
  }

  #mayUse(what: string): void {
    const held = this.#health.reason(what)
    if (held !== null) throw new NodeError('GPU_RESTING', { device: what, detail: held })
  }

  async #list(): Promise<DeviceInfo[]> {
    const life = await this.#alive()
    try {
      const { ok } = await life.request({ op: 'devices', quietMs: this.#options.helloMs })
      this.#listed = readDeviceList(ok)
      this.#failures = 0
      return this.#listed
    } catch (error) {
      if (error instanceof NodeError && error.code !== 'NATIVE_CANCELLED') this.#blame(PROGRAM, life, error.message)
      life.kill(textOf(error))
      throw error
    } finally {
      this.#rest(life)
    }
  }

  /** Holds an error against the device, and ends a program whose driver may be stuck. */
  #judge(device: string, life: GpuProcess, error: unknown): void {
    if (!(error instanceof NodeError)) return
    if (error.code === 'GPU_LOST') this.#blame(device, life, String(error.data['detail']))
    if (error.code !== 'GPU_FAILED') return
    if (error.data['code'] === WRONG) this.fault(device, String(error.data['detail']))
    if ([...HARMLESS, WRONG].includes(String(error.data['code']))) return
    this.#blame(device, life, error.message)
    // The others that lose their jobs by this are innocent.
    this.#blamed.set(life, null)
    life.kill(error.message)
  }

  /** One death counts once against each device that had a job. */
  #blame(device: string, life: GpuProcess, reason: string): void {
    const blamed = this.#blamed.get(life)
    if (blamed === null || blamed?.has(device) === true) return
    this.#blamed.set(life, new Set([...(blamed ?? []), device]))
    this.#health.crash(device, reason)
  }

  /** The running program, or a new one. @throws NodeError GPU_LOST while it waits to be started again, GPU_RESTING, GPU_UNAVAILABLE */
  async #alive(): Promise<GpuProcess> {
    if (this.#life !== null) {
      const running = await this.#life
      if (running.alive) return running
      throw new NodeError('GPU_LOST', { detail: 'it ended and is started again' })
    }
    if (!existsSync(this.#program.command)) throw new NodeError('GPU_UNAVAILABLE', { device: PROGRAM, detail: NOT_BUILT })
    this.#mayUse(PROGRAM)
    const wait = this.#startAt - performance.now()
    if (wait > 0) throw new NodeError('GPU_LOST', { detail: `it is started again in ${Math.ceil(wait)} ms` })
    return await this.#start()
  }

  #start(): Promise<GpuProcess> {
    clearTimeout(this.#restart)
    this.#starts += 1
    const life = GpuProcess.start(this.#program, this.#options)
    this.#life = life
    life
      .then(
        (running) => {
          this.#rest(running)
          return running.ended
        },
        (error: unknown) => this.#health.crash(PROGRAM, textOf(error)),
      )
      .then(() => this.#over(life))
      .catch(() => undefined)
    return life
  }

  /** After an end that nobody here wished: the next start, at once the first time. */
  #over(life: Promise<GpuProcess>): void {
    if (this.#life !== life) return
    clearTimeout(this.#idle)
    this.#life = null
    const waits = this.#options.backoffMs
    const wait = waits[Math.min(this.#failures, waits.length - 1)] ?? 0
    this.#failures += 1
    this.#startAt = performance.now() + wait
    this.#restart = setTimeout(() => {
      if (this.#life === null && this.#health.reason(PROGRAM) === null) this.#start().catch(() => undefined)
    }, wait)
    this.#restart.unref()
  }

  /** Begins the time after which a program without work ends. */
  #rest(life: GpuProcess): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (life.busy) return
      this.#life = null
      void life.close('nobody needed it')
    }, this.#options.idleMs)
    this.#idle.unref()
  }
}

function textOf(error: unknown): string {
  if (error instanceof NodeError && (error.code === 'GPU_UNAVAILABLE' || error.code === 'GPU_RESTING')) return String(error.data['detail'])
  return error instanceof Error ? error.message : String(error)
}

/** Waits no longer than until the signal aborts. @throws NodeError NATIVE_CANCELLED */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(new NodeError('NATIVE_CANCELLED'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * One search on everything that can search: the processor's threads and each device take ranges of nonces from one counter,
 * the first seal wins, the others are stopped. Who fails or reports a wrong seal is out, and its range goes to another.
 */
import { U64_MAX } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { LongCall, PowChallenge, PowCompute, PowOptions, PowSearch, PowSolution } from '../protocol/ports/compute.ts'
import { nativeError } from './errors.ts'
import { paced } from './pow-pace.ts'
import { checkChallenge, randomStart } from './pow.ts'

/** Something that searches ranges of nonces: processor threads, or a device in the GPU's process. */
export interface SealSearcher {
  readonly name: string
  /**
   * Tries the `count` nonces from `start` on: one whose seal meets the difficulty, or null. Progress counts hashes.
   * @throws NodeError NATIVE_CANCELLED soon after an abort; whatever else it throws takes it out of the race
   */
  search(challenge: PowChallenge, range: NonceRange, options: LongCall): Promise<bigint | null>
}
export interface NonceRange {
  start: bigint
  count: bigint
}

/** The first range of a searcher, before its speed is known: a fraction of a second for one core. */
const RANGE_FIRST = 1n << 20n
/** Later ranges take about this long: little is lost when one is dropped, and what a device needs to begin one is small beside it. */
const RANGE_SECONDS = 1
/** How much larger a range is than the one before at most, so that one wrong measurement does no harm. */
const GROWTH_MAX = 16

/** The processor as one of the searchers. */
export const cpuSearcher = (pow: Pick<PowCompute, 'solve'>, backend?: string): SealSearcher => ({
  name: backend ?? 'cpu',
  async search({ blockHash, hotkey, difficulty, threads }, range, options) {
    const choice = { ...(threads !== undefined && { threads }), ...(backend !== undefined && { backend }) }
    try {
      return (await pow.solve({ blockHash, hotkey, difficulty, ...range, ...choice }, options)).nonce
    } catch (error) {
      if (error instanceof NodeError && error.code === 'POW_EXHAUSTED') return null
      throw error
    }
  },
})

/** `pow` with devices beside the processor: each is a backend of its name, `all` is the processor and all of them. */
export function powWithDevices(pow: PowCompute, devices: readonly SealSearcher[]): PowCompute {
  const searchersOf = (name: string | undefined): readonly SealSearcher[] =>
    name === 'all' && devices.length > 0 ? [cpuSearcher(pow), ...devices] : devices.filter((device) => device.name === name)
  const search: PowCompute['search'] = (challenge, options) => {
    const searchers = searchersOf(challenge.backend)
    return searchers.length === 0 ? pow.search(challenge, options) : raceSeals(searchers, pow.seal, challenge, options)
  }
  return {
    ...pow,
    backends: () => [...pow.backends(), ...devices.map(({ name }) => name)],
    async solve(challenge, options) {
      const { nonce, seal, hashes, seconds } = await search(challenge, options).result
      return { nonce, seal, hashes, seconds }
    },
    search,
  }
}

/** Where the nonces of one challenge are handed out. */
interface Task {
  challenge: PowChallenge
  start: bigint
  /** Distance from the start of the next range. */
  next: bigint
  /** Ranges that somebody gave up. */
  returned: NonceRange[]
  stop: AbortController
}

/**
 * Races the searchers over one challenge after the other.
 * @param sealOf the definition, by which every seal is checked
 * @throws NodeError POW_EXHAUSTED after `count` nonces, NATIVE_CANCELLED, and the last failure once nobody is left
 */
export function raceSeals(
  searchers: readonly SealSearcher[],
  sealOf: PowCompute['seal'],
  challenge: PowChallenge,
  options: PowOptions = {},
): PowSearch {
  checkChallenge(challenge)
  return new Race(searchers, sealOf, challenge, options)
}

class Race implements PowSearch {
  readonly result: PowSearch['result']
  readonly #sealOf: PowCompute['seal']
  readonly #calls: LongCall
  readonly #begun = performance.now()
  readonly #outcome = Promise.withResolvers<PowSolution & { challenge: PowChallenge }>()
  readonly #under = new Map<SealSearcher, number>()
  #hashesOfEnded = 0
  #task: Task
  #open = true
  #failure: NodeError | undefined
  /** Resolved and renewed whenever a range ends: who found no work looks again. */
  #changed = Promise.withResolvers<void>()

  constructor(searchers: readonly SealSearcher[], sealOf: PowCompute['seal'], challenge: PowChallenge, options: PowOptions) {
    this.result = this.#outcome.promise
    this.#sealOf = sealOf
    this.#task = taskOf(challenge)
    this.#calls = paced(options, () => this.#task.challenge.difficulty)
    if (options.signal?.aborted === true) this.cancel()
    else void this.#run(searchers, options.signal)
  }

  replace(challenge: PowChallenge): boolean {
    checkChallenge(challenge)
    if (!this.#open) return false
    const { stop } = this.#task
    this.#task = taskOf(challenge)
    stop.abort()
    this.#wake()
    return true
  }

  cancel(): void {
    this.#end(new NodeError('NATIVE_CANCELLED'))
  }

  async #run(searchers: readonly SealSearcher[], signal: AbortSignal | undefined): Promise<void> {
    const cancel = (): void => this.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    const sound = await Promise.all(searchers.map((searcher) => this.#compete(searcher)))
    signal?.removeEventListener('abort', cancel)
    const { count = U64_MAX } = this.#task.challenge
    const exhausted = new NodeError('POW_EXHAUSTED', { detail: `none of ${count} nonces meets the difficulty` })
    this.#end(sound.includes(true) ? exhausted : (this.#failure ?? exhausted))
  }

  /** One searcher's ranges, until nothing is left to do (true) or it failed (false). */
  async #compete(searcher: SealSearcher): Promise<boolean> {
    let size = RANGE_FIRST
    while (this.#open) {
      const task = this.#task
      const range = take(task, size)
      if (range === null) {
        if (this.#under.size === 0) return true
        await this.#changed.promise
        continue
      }
      const begun = performance.now()
      try {
        const nonce = await this.#try(searcher, task, range)
        if (nonce !== null) this.#win(searcher, task, nonce)
      } catch (error) {
        if (this.#open && !task.stop.signal.aborted) {
          this.#failure = nativeError(error)
          task.returned.push(range)
          return false
        }
      } finally {
        this.#hashesOfEnded += this.#under.get(searcher) ?? 0
        this.#under.delete(searcher)
        this.#wake()
      }
      size = sizeAfter(range, (performance.now() - begun) / 1_000)
    }
    return true
  }

  async #try(searcher: SealSearcher, task: Task, range: NonceRange): Promise<bigint | null> {
    this.#under.set(searcher, 0)
    const nonce = await searcher.search(task.challenge, range, {
      signal: task.stop.signal,
      onProgress: (hashes) => {
        this.#under.set(searcher, hashes)
        this.#calls.onProgress?.(this.#hashes(), 0)
      },
    })
    this.#under.set(searcher, Number(nonce === null ? range.count : BigInt.asUintN(64, nonce - range.start) + 1n))
    return nonce
  }

  #hashes(): number {
    return [...this.#under.values()].reduce((sum, hashes) => sum + hashes, this.#hashesOfEnded)
  }

  /** @throws POW_BACKEND_WRONG when the definition refuses the nonce */
  #win({ name }: SealSearcher, task: Task, nonce: bigint): void {
    if (task !== this.#task || !this.#open) return
    const { challenge } = task
    const seal = this.#sealOf(challenge.blockHash, challenge.hotkey, nonce)
    if (BigInt(`0x${Buffer.from(seal).toString('hex')}`) * challenge.difficulty >= 1n << 256n)
      throw new NodeError('POW_BACKEND_WRONG', { detail: `${name} reported nonce ${nonce}, which the definition refuses` })
    const seconds = (performance.now() - this.#begun) / 1_000
    this.#outcome.resolve({ nonce, seal, hashes: this.#hashes(), seconds, challenge })
    this.#close()
  }

  #end(failure: NodeError): void {
    if (!this.#open) return
    this.#outcome.reject(failure)
    this.#close()
  }

  #close(): void {
    this.#open = false
    this.#task.stop.abort()
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

const taskOf = (challenge: PowChallenge): Task => ({
  challenge,
  start: challenge.start ?? randomStart(),
  next: 0n,
  returned: [],
  stop: new AbortController(),
})

/** The next range of at most `size` nonces; null when none is left. */
function take(task: Task, size: bigint): NonceRange | null {
  const returned = task.returned.pop()
  if (returned !== undefined) return returned
  const left = (task.challenge.count ?? U64_MAX) - task.next
  const count = left < size ? left : size
  if (count <= 0n) return null
  const start = BigInt.asUintN(64, task.start + task.next)
  task.next += count
  return { start, count }
}

function sizeAfter({ count }: NonceRange, seconds: number): bigint {
  const factor = Math.min(GROWTH_MAX, RANGE_SECONDS / Math.max(seconds, 1e-6))
  return BigInt(Math.max(Number(RANGE_FIRST), Math.round(Number(count) * factor)))
}

/**
 * What disturbs a measurement: other processes, a hypervisor that takes the core away, a clock that falls. The counters of
 * Linux tell the first two; the clock is measured.
 */
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { clockGhz } from './clock.ts'

/** /proc/stat counts in hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const STEAL_MAX = 0.02
const OTHERS_MAX = 0.05
/** Share of the clock; less is its own coming and going. */
export const CLOCK_DROP_MAX = 0.05

interface Ticks {
  all: number
  idle: number
  steal: number
  /** Of this process and of those that it started. */
  own: number
}
export interface NoiseSince {
  /** Shares of all CPU time since the last look; null where the system does not tell. */
  steal: number | null
  others: number | null
  clock: number
}

/**
 * Ticks of the living processes that this one started, like the program that drives a GPU: what they do belongs to the
 * measurement. 0 where the kernel does not list them.
 */
export function childTicks(): number {
  try {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
    return pids.reduce((sum, pid) => {
      // Fields from the third on; the second is a name in brackets, which may hold anything.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      return sum + Number(fields[11]) + Number(fields[12])
    }, 0)
  } catch {
    return 0 // not Linux, or a process ended just now
  }
}

function ticks(): Ticks | null {
  let text: string
  try {
    text = readFileSync('/proc/stat', 'utf8')
  } catch {
    return null // not Linux: steal and other processes stay unknown
  }
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = (text.split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const used = process.cpuUsage()
  return {
    all: user + nice + system + idle + wait + irq + soft + steal,
    idle: idle + wait,
    steal,
    own: ((used.user + used.system) / 1e6) * TICKS_PER_SECOND + childTicks(),
  }
}

/** What happened since the last look (or since this was made). */
export class NoiseWatch {
  readonly load = loadavg()[0] ?? 0
  readonly clockFirst: number
  #last: Ticks | null

  constructor() {
    this.clockFirst = clockGhz()
    this.#last = ticks()
  }

  look(): NoiseSince {
    const [before, now] = [this.#last, ticks()]
    const clock = clockGhz()
    this.#last = ticks()
    if (before === null || now === null || now.all <= before.all) return { steal: null, others: null, clock }
    const all = now.all - before.all
    const steal = (now.steal - before.steal) / all
    const busy = (all - (now.idle - before.idle)) / all
    // Ticks are coarse and counted apart from the process's own time: a small negative rest is nothing.
    const own = Math.max(0, now.own - before.own) / all
    return { steal, others: Math.max(0, busy - steal - own), clock }
  }
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** What to say of a figure that was taken under this noise. */
export function warningsOf({ steal, others, clock }: NoiseSince, clockFirst: number): string[] {
  const found: string[] = []
  if (steal !== null && steal > STEAL_MAX) found.push(`the hypervisor took ${percent(steal)} of the CPU time (steal)`)
  if (others !== null && others > OTHERS_MAX) found.push(`other processes used ${percent(others)} of the CPU time`)
  if (clock < clockFirst * (1 - CLOCK_DROP_MAX))
    found.push(`the clock fell from ${clockFirst.toFixed(2)} to ${clock.toFixed(2)} GHz (throttled, or boosted less)`)
  return found
}

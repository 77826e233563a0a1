/** One contest: the same work by several contenders, answers checked first, then timed in turns so that a change of the machine's speed meets all. */

import { NoiseWatch, warningsOf } from '../../src/lab/bench/noise.ts'
import { medianOf, spreadOf } from '../../src/lab/bench/spread.ts'

export interface Contender {
  name: string
  /** Fails when this contender's answer is wrong. */
  check(): Promise<void>
  /** Seconds of each run, for about so many seconds. */
  time(seconds: number): Promise<number[]>
}
export interface Contest {
  name: string
  threads: number
  /** What one run does, in `unit`s times a second: operations, bytes, ... */
  work: number
  unit: string
  contenders: Contender[]
}
export interface Standing {
  name: string
  runs: number
  /** Rate of the median run, and the spread around it over all turns. */
  rate: number
  spread: number
}
interface Result {
  name: string
  threads: number
  unit: string
  standings: Standing[]
  /** The first contender's rate over that of the best rival. */
  ratio: number | null
  /** What disturbed them: rivals whose threads wait for one another lose most where a core is taken away. */
  warnings: string[]
}

/** All contests of a run, as `--json` writes them. */
export interface Comparison {
  machine: { cpu: string; cores: number; memoryBytes: number; node: string }
  /** Of every rival, by name. */
  versions: Record<string, string>
  results: Result[]
}

/** Of the seconds of each run, by turn. */
function standing(name: string, turns: readonly (readonly number[])[], work: number): Standing {
  const seconds = turns.flat()
  return { name, runs: seconds.length, rate: work / medianOf(seconds), spread: spreadOf(turns) }
}

/** Turns; who needs longer than these for one run is timed in one turn alone, which decides nothing that is not decided. */
const PATIENCE = 20

/** Checks all, warms all, then gives each `rounds` turns of `seconds`, another one first each time, and watches the machine meanwhile. */
export async function hold(
  contest: Contest,
  { rounds, seconds }: { rounds: number; seconds: number },
  begin: () => Pick<NoiseWatch, 'clockFirst' | 'look'> = () => new NoiseWatch(),
): Promise<Result> {
  const { name, threads, work, unit, contenders } = contest
  const times = new Map<string, number[][]>()
  const far = new Set<Contender>()
  for (const contender of contenders) {
    await contender.check()
    const [first = 0] = await contender.time(0)
    if (first > PATIENCE * seconds) far.add(contender)
    times.set(contender.name, [])
  }
  const watch = begin()
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]
      if (contender !== undefined && (round === 0 || !far.has(contender))) times.get(contender.name)?.push(await contender.time(seconds))
    }
  const warnings = warningsOf(watch.look(), watch.clockFirst)
  const standings = [...times].map(([name, turns]) => standing(name, turns, work))
  const [ours] = standings.map(({ rate }) => rate)
  const others = standings.filter(({ name }) => !name.startsWith('taumesh')).map(({ rate }) => rate)
  const ratio = ours === undefined || others.length === 0 ? null : ours / Math.max(...others)
  return { name, threads, unit, standings, ratio, warnings }
}

/**
 * Work that is timed as a chain: the input of each step follows from the hash of the last step's output, so none can be
 * left out or done once for all. A verifier does some of the steps again, at places that the chain itself chooses.
 */
import { concat, equal, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { BenchMetricView, StepProofView } from '../../protocol/views/bench.ts'
import type { Static } from 'typebox'
import { figure, PROVEN_STRETCH, time, wholeFigure, type BenchContext, type Found } from './measure.ts'
import { places } from './places.ts'

const LINK = 32
/** Steps that a verifier does again: 20 % left out pass with 1 in 15, all left out never. */
const REDONE = 12
/** Links that a proof carries at most, 1.3 MB: half a minute of the shortest steps. */
const STEPS_MAX = 40_000

type Run = () => unknown
/** Throws where the answer for the input of a link is wrong. */
export type Check = (link: Uint8Array) => unknown

/** One kind of work. */
export interface Step {
  metric: string
  unit: string
  /** Units per run, for a rate; null when the figure is the time of a run. */
  units: number | null
  threads: number
  /** The work over an input that follows from `link`, ready to run; preparing it is not timed. */
  prepare(link: Uint8Array): Run | Promise<Run>
  /** 32 bytes of what `run` gave: the same on every machine. */
  digest(output: never): Uint8Array | Promise<Uint8Array>
}
type StepProof = Static<typeof StepProofView>

/** What the first input follows from, that of the warm-up; without proofs there is no other. */
const firstLink = (seed: Uint8Array, { metric }: Pick<Step, 'metric'>): Uint8Array => sha256(concat(seed, utf8(metric)))
const after = (link: Uint8Array, digest: Uint8Array): Uint8Array => sha256(concat(link, digest))

/** Times one kind of work, checked first; null where that is left to the verifier. */
export async function measureSteps(
  { seconds, seed, prove, signal, round, onBegin }: BenchContext,
  step: Step,
  check: Check | null,
): Promise<Found> {
  onBegin(step.metric)
  const first = firstLink(seed, step)
  if (round === 0) await check?.(first)
  const links = [first]
  let run = await step.prepare(first)
  let output: unknown
  let began: number | undefined
  const times = await time(
    { seconds, signal, ...(prove ? { most: STEPS_MAX, stretch: PROVEN_STRETCH } : {}) },
    async () => {
      output = run()
      // Synchronous work is not made to wait for the next turn of the event loop.
      if (output instanceof Promise) output = await output
    },
    async () => {
      began ??= performance.now()
      if (!prove) return true
      const link = after(links.at(-1) ?? first, await step.digest(output as never))
      links.push(link)
      run = await step.prepare(link)
      return true
    },
  )
  const timed = figure(step.metric, step.unit, times, step.units, { backend: 'cpu', threads: step.threads })
  const metric = { ...timed, checked: check !== null }
  if (!prove || began === undefined) return { metric }
  const whole = wholeFigure(metric, (performance.now() - began) / 1_000, step.units)
  return { metric: whole, proof: { kind: 'steps', metric: step.metric, links: Buffer.concat(links).toString('base64') } }
}

/** Does some steps again. @returns what is wrong, or null; `done` tells how many of how many were done again */
export async function checkSteps(
  { seed }: { seed: Uint8Array },
  step: Step,
  claim: BenchMetricView,
  proof: StepProof,
): Promise<{ wrong: string | null; detail: string }> {
  const bytes = Buffer.from(proof.links, 'base64')
  // One step more than there were repetitions: the warm-up is a link, too.
  const count = claim.repetitions + 1
  if (bytes.length !== LINK * (count + 1)) return { wrong: 'there are not as many links as repetitions', detail: '' }
  const link = (i: number): Uint8Array => bytes.subarray(i * LINK, (i + 1) * LINK)
  if (!equal(link(0), firstLink(seed, step))) return { wrong: 'the chain does not begin at the challenge', detail: '' }
  const redo = new Set(places(seed, claim, sha256(bytes), Math.min(REDONE, count), count))
  for (const i of redo) {
    const run = await step.prepare(link(i))
    const output: unknown = await run()
    if (!equal(after(link(i), await step.digest(output as never)), link(i + 1)))
      return { wrong: `step ${i} gives another result`, detail: '' }
  }
  return { wrong: null, detail: `${redo.size} of ${count} steps done again` }
}

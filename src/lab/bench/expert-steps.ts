/**
 * Training, scoring and generation in exact mode, as steps. Exact mode gives the same bits on every CPU (native.md, Tensors),
 * so a verifier does some of them again, which proves their speed. The fast mode rounds as it likes: its speed is a claim.
 */
import { hash } from 'node:crypto'
import type { Compute, Model } from '../../protocol/ports/compute.ts'
import { BATCH, CONTEXT, GENERATED, NANO, THREADS } from './nano.ts'
import { seededBelow, seededBytes } from './seeded.ts'
import type { Step } from './steps.ts'

const TEXT_BYTES = 16_384
const ALPHABET = 96

const digest = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))
/** Printable bytes of (link, label). */
const textOf = (link: Uint8Array, label: string, length: number): Uint8Array =>
  Uint8Array.from(seededBelow(link, label, length, ALPHABET), (one) => 32 + one)

/** One model with weights of the report's seed, made when it is first needed. */
function modelOf({ expert }: Compute, seed: Uint8Array): () => Model {
  let made: Model | undefined
  return () => (made ??= expert.model({ ...NANO, exact: true }, new BigUint64Array(seededBytes(seed, 'nano', 8).buffer)[0] ?? 0n))
}

/** A step of training from the first weights on a text of the link's; what is hashed holds the optimiser's moments, that is, every bit of the gradient. */
function train(model: () => Model): Step {
  let first: Promise<Uint8Array> | undefined
  return {
    metric: 'expert.train.exact',
    unit: 'B/s',
    units: BATCH * CONTEXT,
    threads: THREADS,
    async prepare(link) {
      const nano = model()
      first ??= nano.save({ weightsOnly: true })
      await nano.load(await first)
      await nano.setText(textOf(link, 'text', TEXT_BYTES))
      return async () => {
        await nano.train({ steps: 1, budgetMs: 600_000, totalSteps: 1_000 })
        return nano
      }
    },
    digest: async (trained: Model) => digest(await trained.save()),
  }
}

const score = (model: () => Model): Step => ({
  metric: 'expert.score.exact',
  unit: 'B/s',
  units: BATCH * CONTEXT,
  threads: THREADS,
  prepare(link) {
    const contexts = Array.from({ length: BATCH }, (_, i) => textOf(link, `context ${i}`, CONTEXT))
    const starts = contexts.map(() => 0)
    return async () => await model().predict(contexts, starts)
  },
  digest: (leaves: Uint8Array[]) => digest(Buffer.concat(leaves)),
})

/** Each byte follows from the leaf before it, so that no batch can stand in for the stream. */
const generate = (model: () => Model): Step => ({
  metric: 'expert.generate.exact',
  unit: 'B/s',
  units: GENERATED,
  threads: 1,
  prepare(link) {
    const noise = seededBytes(link, 'noise', GENERATED)
    return async () => {
      const stream = model().open()
      try {
        const leaves: Uint8Array[] = []
        let last = 0
        for (const [i, one] of noise.entries()) {
          const leaf = await stream.extend(i, Uint8Array.of(last ^ one), 1)
          last = leaf.indexOf(Math.max(...leaf))
          leaves.push(leaf)
        }
        return Buffer.concat(leaves)
      } finally {
        stream.close()
      }
    }
  },
  digest: (leaves: Uint8Array) => digest(leaves),
})

/** `seed`: the report's. */
export function expertSteps(compute: Compute, seed: Uint8Array): Step[] {
  // Scoring and generation must not see what training left.
  return [train(modelOf(compute, seed)), ...[score, generate].map((kind) => kind(modelOf(compute, seed)))]
}

/** Measurements of a machine in JSON: the request, the report with its proofs, jobs, and what a verifier finds. */
import { Type, type Static, type TEnum } from 'typebox'
import { Address, Amount, Count, Hash, Nullable } from './text.ts'

export const BENCH_SUBJECTS = ['pow', 'matmul', 'consensus', 'mixture', 'expert', 'signature'] as const
/** The format of a report; another number is another format. */
export const BENCH_FORMAT = 1

/** Time of each figure unless asked otherwise: a proof must outlast what a verifier cannot see, the start and the checks. */
export const BENCH_SECONDS = { plain: 2, proven: 20, most: 600 }

const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' })
/** One of some words. */
const words = <T extends string[]>(...values: T): TEnum<T> => Type.Enum<T>([...values])
const DeviceName = Type.String({ pattern: '^[a-z][a-z0-9:-]{0,31}$', description: 'A solver or device: avx512, cpu, cuda:0, ...' })

export const BenchSubject = words(...BENCH_SUBJECTS, 'all')
export type BenchSubject = Static<typeof BenchSubject>

export const BenchRequestView = Type.Object(
  {
    subject: Type.Optional(BenchSubject),
    backend: Type.Optional(DeviceName),
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
    seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: BENCH_SECONDS.most,
        description: `Time of each figure; ${BENCH_SECONDS.plain} by default, ${BENCH_SECONDS.proven} with a challenge.`,
      }),
    ),
    challenge: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: "A verifier's 32 bytes; the report then carries proofs." }),
    ),
  },
  { additionalProperties: false },
)

export const BenchMetricView = Type.Object({
  metric: Type.String({ description: 'e.g. matmul.f32.1024' }),
  unit: Type.String({ description: 'H/s, 1/s, FLOP/s, B/s, 1/min or s' }),
  value: Type.Number({ description: 'Median of the repetitions of all rounds; where work is proven, all of it by all its time.' }),
  alone: Type.Optional(
    Type.Number({ description: 'Where work is proven: the median of the repetitions alone, on a device by its own clock. A claim.' }),
  ),
  backend: Type.String(),
  threads: Count,
  spread: Type.Number({
    description:
      'As a share of the median: half of the repetitions lie so near to it, or the medians of the rounds lie so far apart, half the way from the lowest to the highest; the larger one.',
  }),
  checked: Type.Boolean({
    description:
      'The answer was found right before the clock started. False under a challenge for the largest epoch and game, which are left to the verifier, who does steps of them again: their checks would take seconds that count against every figure.',
  }),
  repetitions: Count,
  seconds: Type.Number({ description: 'Time of all repetitions together; where work is proven, with what lies between them.' }),
  warnings: Type.Array(Type.String(), { description: 'What disturbed this figure.' }),
})
export type BenchMetricView = Static<typeof BenchMetricView>

export const BenchNoiseView = Type.Object({
  load: Type.Number({ description: 'Load average of the last minute when the measuring began.' }),
  steal: Nullable(Type.Number({ description: 'Share of CPU time that the hypervisor gave to others.' })),
  others: Nullable(Type.Number({ description: 'Share of CPU time that other processes used.' })),
  clockFirst: Type.Number({ description: 'GHz by a chain of dependent operations, before the first figure.' }),
  clockLowest: Type.Number({ description: 'The lowest of the same after each figure.' }),
  warnings: Type.Array(Type.String()),
})
export type BenchNoiseView = Static<typeof BenchNoiseView>

export const BenchMachineView = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The same for the same processor, cores, memory and system.' }),
  cpu: Type.String(),
  cores: Count,
  features: Type.Array(Type.String()),
  memoryBytes: Type.Number(),
  arch: Type.String(),
  system: Type.String(),
  virtual: Type.Boolean(),
  devices: Type.Array(
    Type.Object({ id: Type.String(), name: Type.String(), memoryBytes: Nullable(Type.Number()), driver: Nullable(Type.String()) }),
  ),
  node: Type.String(),
  version: Type.String({ description: 'Version of taumesh.' }),
  addon: Nullable(Type.String({ description: 'SHA-256 of the addon.' })),
  commit: Nullable(Type.String()),
})
export type BenchMachineView = Static<typeof BenchMachineView>

/** Nonces whose seals meet a difficulty: their number tells how many hashes were computed. */
export const PowProofView = Type.Object({
  kind: Type.Literal('seals'),
  metric: Type.Literal('pow.hashrate'),
  backend: Type.String(),
  difficulty: Amount,
  nonces: Type.Array(Amount, { maxItems: 100_000 }),
})
/** A chain of products X ← round(X·B), of which every `stride`-th state was committed to row by row. */
export const ProductProofView = Type.Object({
  kind: Type.Literal('products'),
  metric: Type.String(),
  backend: Type.String(),
  dtype: words('f32', 'f16', 'bf16', 'int8'),
  n: Type.Integer({ minimum: 16, maximum: 16_384 }),
  stride: Type.Integer({ minimum: 1, maximum: 100_000 }),
  checkpoints: Type.Integer({ minimum: 1, maximum: 10_000 }),
  root: Hash,
  rows: Type.Array(Type.Object({ before: Nullable(Base64), beforePath: Base64, after: Base64, afterPath: Base64 }), {
    maxItems: 64,
    description: 'Rows at the places that the commitment chose: one state and the next.',
  }),
  whole: Nullable(Base64),
})
export type ProductProofView = Static<typeof ProductProofView>
/** A chain of steps, each with an input that follows from the hash of the last output; 32 bytes per link. */
export const StepProofView = Type.Object({ kind: Type.Literal('steps'), metric: Type.String(), links: Base64 })
export const BenchProofView = Type.Union([PowProofView, ProductProofView, StepProofView])
export type BenchProofView = Static<typeof BenchProofView>

export const BenchReportView = Type.Object({
  format: Type.Literal(BENCH_FORMAT),
  createdAt: Count,
  machine: BenchMachineView,
  settings: Type.Object({
    subject: BenchSubject,
    backend: Nullable(Type.String()),
    threads: Count,
    seconds: Count,
  }),
  challenge: Nullable(Hash),
  metrics: Type.Array(BenchMetricView, { maxItems: 1_000 }),
  noise: BenchNoiseView,
  /** All of it, checks and preparation included. */
  elapsedSeconds: Type.Number(),
  proofs: Type.Array(BenchProofView, { maxItems: 1_000 }),
  signature: Nullable(
    Type.Object({ hotkey: Address, scheme: words('sr25519', 'ed25519'), bytes: Type.String({ pattern: '^[0-9a-f]{128}$' }) }),
  ),
})
export type BenchReportView = Static<typeof BenchReportView>

/** A report in a list: without its proofs. */
export const BenchSummaryView = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  ...Type.Omit(BenchReportView, ['proofs', 'signature', 'format']).properties,
  signedBy: Nullable(Type.String({ description: 'Address of the hotkey that signed it; null where none did, or its signature is wrong.' })),
  proofCount: Type.Integer({ minimum: 0, description: 'Figures that carry a proof.' }),
})
export type BenchSummaryView = Static<typeof BenchSummaryView>

/** Two reports side by side, figure by figure. */
export const BenchComparisonView = Type.Object({
  differences: Type.Array(Type.String(), {
    description:
      'What else differs: machine, threads, time, clock, checks, and what disturbed one or the other run. Then a ratio says little about the program.',
  }),
  rows: Type.Array(
    Type.Object({
      metric: Type.String(),
      backend: Type.String(),
      unit: Type.String(),
      before: Type.Number(),
      after: Type.Number(),
      ratio: Type.Number({ description: 'How many times as fast the second is; above 1 is faster, for rates and times alike.' }),
      noise: Type.Number({ description: 'The change that the spreads of both explain, as a share.' }),
      verdict: words('faster', 'slower', 'same'),
      warnings: Type.Array(Type.String(), { description: 'What disturbed this figure before and after.' }),
    }),
  ),
})
export type BenchComparisonView = Static<typeof BenchComparisonView>

export const BenchJobView = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  state: words('running', 'done', 'cancelled', 'failed'),
  subject: BenchSubject,
  startedAt: Count,
  /** What is measured now. */
  now: Nullable(Type.String()),
  round: Type.Integer({ minimum: 0, description: 'Which of the rounds it is measured in; 0 before the first.' }),
  rounds: Count,
  metrics: Type.Array(BenchMetricView, { description: 'As they stand: each round adds to them.' }),
  report: Nullable(Type.String({ description: 'Id of the report, when it is done.' })),
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
})
export type BenchJobView = Static<typeof BenchJobView>

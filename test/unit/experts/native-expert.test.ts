import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../src/protocol/bytes.ts'
import type { Model, ModelSpec } from '../../../src/protocol/ports/compute.ts'
import { recordCheckpoints } from '../../../src/experts/checkpoint-store.ts'
import { nativeExpert } from '../../../src/experts/native-expert.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { silentLog } from '../../support/silent-log.ts'
import { memoryRecordStore } from '../../../src/ledger/store/memory-record-store.ts'

const gru: ModelSpec = { kind: 'gru', embedding: 64, width: 160, context: 288 }

/** A model whose weights are the count of its steps. */
class CountingModel implements Model {
  readonly kind
  readonly parameters = 170_000
  steps = 0
  text: Uint8Array | null = null
  readonly slices: { steps: number; budgetMs: number; totalSteps: number }[] = []

  constructor(spec: ModelSpec) {
    this.kind = spec.kind
  }

  async setText(text: Uint8Array): Promise<void> {
    this.text = text
  }

  async train(slice: { steps: number; budgetMs: number; totalSteps: number }) {
    this.slices.push(slice)
    const steps = Math.min(60, slice.steps)
    this.steps += steps
    return { steps, bytes: 100, loss: 2, seconds: 0.05 }
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[]): Promise<Uint8Array[]> {
    return contexts.map((context, i) => new Uint8Array((context.length - (from[i] ?? 0) + 1) * 256))
  }

  open() {
    return { extend: async (_position: number, _bytes: Uint8Array, want: number) => new Uint8Array(want * 256), close: () => undefined }
  }

  async root(): Promise<Uint8Array> {
    return new Uint8Array(32).fill(this.steps)
  }

  async save(): Promise<Uint8Array> {
    return Uint8Array.of(this.steps)
  }

  async load(checkpoint: Uint8Array): Promise<void> {
    this.steps = checkpoint[0] ?? 0
  }
}

async function make(spec: ModelSpec, totalSteps: number, table = memoryRecordStore().table('checkpoints', { maxRows: 10 })) {
  const models: CountingModel[] = []
  const expert = await nativeExpert(
    { spec, text: utf8('text'), totalSteps, seed: 1n, sequenceLengthMax: 256, rate: 1_000 },
    {
      expert: {
        model: (asked) => {
          const model = new CountingModel(asked)
          models.push(model)
          return model
        },
      },
      clock: new ManualClock(),
      log: silentLog(),
      checkpoints: recordCheckpoints(table, 'miner-0'),
    },
  )
  return { expert, model: models[0] as CountingModel, table }
}

describe('nativeExpert', () => {
  test('gives the model its text and describes it', async () => {
    const { expert, model } = await make(gru, 100)
    expect(model.text).toEqual(utf8('text'))
    expect(await expert.describe()).toMatchObject({
      class: 'nano',
      kind: 'gru 160',
      parameters: 170_000,
      sequenceLengthMax: 256,
      rate: 1_000,
    })
    await expert.close()
  })

  test('trains in slices of 50 ms up to its total and no further', async () => {
    const { expert, model } = await make(gru, 100)
    expect(await expert.train()).toEqual({ steps: 60, bytes: 100, loss: 2, done: 60 })
    expect(await expert.train()).toMatchObject({ steps: 40, done: 100 })
    expect(await expert.train()).toBeNull()
    expect(model.slices[0]).toEqual({ steps: 100, budgetMs: 50, totalSteps: 100 })
    await expert.close()
  })

  test('a model of counts does not train', async () => {
    const { expert } = await make({ kind: 'order', order: 5, match: true }, 100)
    expect(await expert.train()).toBeNull()
    expect(await expert.describe()).toMatchObject({ class: 'other', kind: 'order-5+match' })
    await expert.close()
  })

  test('a second start goes on where the first was closed', async () => {
    const { expert, table } = await make(gru, 150)
    await expert.train()
    await expert.close()
    const second = await make(gru, 150, table)
    expect(second.model.steps).toBe(60)
    expect(await second.expert.train()).toMatchObject({ done: 120 })
    expect(second.model.slices[0]).toMatchObject({ steps: 90 })
    await second.expert.close()
  })

  test('a crash loses at most the steps since the last hundred', async () => {
    const { expert, table } = await make(gru, 1_000)
    for (let i = 0; i < 3; i++) await expert.train()
    const second = await make(gru, 1_000, table)
    expect(second.model.steps).toBe(120)
    await Promise.all([expert.close(), second.expert.close()])
  })

  test('a checkpoint of another model is left alone and training begins anew', async () => {
    const { expert, table } = await make(gru, 150)
    await expert.train()
    await expert.close()
    const other = await make({ ...gru, width: 96 }, 150, table)
    expect(other.model.steps).toBe(0)
    await other.expert.close()
  })

  test('a closed expert answers and trains no more', async () => {
    const { expert } = await make(gru, 100)
    await expert.close()
    await expect(expert.predict([utf8('a')], [0])).rejects.toMatchObject({ code: 'EXPERTS_CLOSED' })
    expect(() => expert.open()).toThrow(expect.objectContaining({ code: 'EXPERTS_CLOSED' }))
    expect(await expert.train()).toBeNull()
  })
})

/** What every filling of `ExpertCompute` refuses before anything is computed: what TypeScript would not let through. */
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/protocol/bytes.ts'
import type { ExpertCompute, ModelSpec } from '../../src/protocol/ports/compute.ts'

/** Each would cross to native code as some other number. */
const notCounts = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 32, 2 ** 32 + 1, 1e300]
const notTexts = [null, 'text', [1, 2], new Uint16Array(2), new Uint8Array(new SharedArrayBuffer(8))] as never[]
const text = utf8('what is no text and no number is refused, and the model goes on. '.repeat(20))

export function expertRefusals(name: string, compute: ExpertCompute, specs: readonly ModelSpec[]): void {
  test.each(specs)(`ExpertCompute: ${name}: a model of kind $kind refuses what is no position, no count and no text`, async (spec) => {
    const model = compute.model(spec, 11n)
    if (spec.kind !== 'fallback') await model.setText(text)
    const stream = model.open()
    const slice = { steps: 1, budgetMs: 1, totalSteps: 1 }
    const refused: (() => Promise<unknown>)[] = [
      ...notCounts.flatMap((wrong) => [
        () => model.predict([text], [wrong]),
        () => stream.extend(wrong, text, 1),
        () => stream.extend(0, text, wrong),
        () => model.train({ ...slice, steps: wrong }),
        () => model.train({ ...slice, totalSteps: wrong }),
      ]),
      ...notTexts.flatMap((wrong) => [
        () => model.setText(wrong),
        () => model.load(wrong),
        () => model.predict([wrong], [0]),
        () => stream.extend(0, wrong, 1),
        () => compute.fallbackArtefact([wrong]),
      ]),
      () => model.train({ ...slice, budgetMs: Number.NaN }),
      () => model.train({ ...slice, budgetMs: '1' as never }),
      () => model.train(null as never),
      () => model.predict(null as never, [0]),
      () => model.predict([text], null as never),
    ]
    for (const wrong of refused) await expect(wrong(), String(wrong)).rejects.toMatchObject({ code: 'NATIVE_ARGUMENT' })
    expect(await stream.extend(0, text, 1)).toHaveLength(256)
  })

  describe(`ExpertCompute: ${name}`, () => {
    test.each(notCounts)('has no model with a size of %s', (size) => {
      const sized: ModelSpec[] = [
        { kind: 'order', order: size, match: true },
        { kind: 'gru', embedding: 64, width: size, context: 64 },
        { kind: 'transformer', width: 64, layers: 1, heads: 4, context: size },
      ]
      for (const spec of sized) expect(() => compute.model(spec, 0n)).toThrow(expect.objectContaining({ code: 'EXPERT_SPEC' }))
    })

    test.each(notTexts)('makes no fallback of %o', (artefact) => {
      expect(() => compute.model({ kind: 'fallback', artefact }, 0n)).toThrow(expect.objectContaining({ code: 'NATIVE_ARGUMENT' }))
    })
  })
}

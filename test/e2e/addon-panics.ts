/** `node test/e2e/addon-panics.ts ADDON`: meets the panics planted in that addon, each in its way, and prints what they became. */
import { createRequire } from 'node:module'
import { call, long, type JobHandle } from '../../src/native/errors.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import type { Planted } from '../support/planted-addon.ts'

const addon = createRequire(import.meta.url)(process.argv[2] ?? '') as Planted & { Job: new () => JobHandle }
const planted = new addon.Planted(false)

/** Each way in which JavaScript can meet native code. */
const ways: Record<string, () => unknown> = {
  function: () => call(() => addon.plantedPanic()),
  constructor: () => call(() => new addon.Planted(true)),
  getter: () => call(() => planted.value),
  method: () => call(() => planted.work()),
  job: async () => await long(new addon.Job(), {}, async () => await addon.plantedJobPanic()),
}
const became: Record<string, string> = {}
for (const [way, meet] of Object.entries(ways)) {
  try {
    await meet()
    became[way] = 'nothing failed'
  } catch (error) {
    became[way] = error instanceof NodeError ? `${error.code}: ${error.message}` : String(error)
  }
}
console.log(JSON.stringify(became))

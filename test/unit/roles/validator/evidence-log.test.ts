import { expect, test } from 'vitest'
import { memoryRecordStore, MemoryRecords } from '../../../../src/ledger/store/memory-record-store.ts'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { decodeRecord, evidenceRoot, recordLeaf } from '../../../../src/protocol/evidence.ts'
import type { EvidenceRecord } from '../../../../src/protocol/evidence.ts'
import type { RecordList } from '../../../../src/protocol/ports/records.ts'
import { EvidenceLog } from '../../../../src/roles/validator/evidence-log.ts'
import { addStep, freshStatistics } from '../../../../src/scoring/statistics.ts'
import { rng, testSeed } from '../../../support/random.ts'

const start = { epoch: 3n, params: new Uint8Array(32).fill(1) }
const draw = rng(testSeed())
const listOf = (disk: MemoryRecords, maxBytes = 1_000_000): RecordList => memoryRecordStore({ disk }).list('evidence.1', { maxBytes })
const close = (pass: number): EvidenceRecord => ({ kind: 'close', value: { pass, height: 10, blockHash: new Uint8Array(32) } })
const row = { uids: Uint16Array.of(2), values: Uint16Array.of(65_535) }
const openLog = async (list: RecordList): Promise<EvidenceLog> => await EvidenceLog.open({ netuid: 1 }, { list, random: draw }, start)
const addPass = async (log: EvidenceLog, seed = log.seed): Promise<boolean> =>
  await log.addPass(seed, [close(log.takePass())], (statistics, tally) => {
    statistics.set(2, addStep(statistics.get(2) ?? freshStatistics('aa'.repeat(32)), 2n ** 30n, true))
    tally.set(2, { served: (tally.get(2)?.served ?? 0) + 2_048, strikes: 0 })
  })

test('what was appended is there after a restart: statistics, tally, seed, passes and pending weights', async () => {
  const disk = new MemoryRecords()
  const log = await openLog(listOf(disk))
  await addPass(log)
  const pending = await log.seal(3n, row, start.params)
  await addPass(log)
  await addPass(log)
  const again = await openLog(listOf(disk))
  expect(again.statistics).toEqual(log.statistics)
  expect(again.tally).toEqual(log.tally)
  expect(toHex(again.seed)).toBe(toHex(log.seed))
  expect(again.passes).toBe(2)
  expect(again.pending).toEqual([{ ...pending, height: 0 }])
  const next = await again.seal(4n, row, start.params)
  const records = await again.read(next, 0, next.count, 1_000_000)
  expect(toHex(evidenceRoot(records.map((record, index) => recordLeaf(index, record))))).toBe(toHex(next.root))
  expect(records.map((record) => decodeRecord(record).kind)).toEqual(['start', 'close', 'close', 'weights'])
})
test('pass numbers are never given twice, not even those that left no trace', async () => {
  const disk = new MemoryRecords()
  const log = await openLog(listOf(disk))
  await addPass(log)
  const given = [log.takePass(), log.takePass()]
  const again = await openLog(listOf(disk))
  expect(again.takePass()).toBeGreaterThan(Math.max(...given))
})
test('a pass whose seed belongs to a list that ended meanwhile is left out', async () => {
  const log = await openLog(listOf(new MemoryRecords()))
  const { seed } = log
  await addPass(log)
  await log.seal(3n, row, start.params)
  expect(await addPass(log, seed)).toBe(false)
  expect(log.passes).toBe(0)
  expect(log.statistics.get(2)?.s0).toBe(1)
})
test('records are read in parts that join to the whole', async () => {
  const log = await openLog(listOf(new MemoryRecords()))
  for (let i = 0; i < 5; i++) await addPass(log)
  const pending = await log.seal(3n, row, start.params)
  const whole = await log.read(pending, 0, 100, 1_000_000)
  const parts = [await log.read(pending, 0, 3, 1_000_000), await log.read(pending, 3, 100, 1_000_000)].flat()
  expect(parts.map(toHex)).toEqual(whole.map(toHex))
  expect(whole.length).toBe(7)
  expect((await log.read(pending, 0, 100, 200)).length).toBeLessThan(7)
})
test('a failed append changes nothing in memory', async () => {
  const list = listOf(new MemoryRecords())
  let broken = false
  const log = await openLog({
    append: async (items) => {
      if (broken) throw new Error('disk full')
      return await list.append(items)
    },
    range: async (from, count) => await list.range(from, count),
    bounds: async () => await list.bounds(),
  })
  await addPass(log)
  const before = structuredClone({ statistics: log.statistics, tally: log.tally, passes: log.passes })
  broken = true
  await expect(addPass(log)).rejects.toThrow('disk full')
  expect({ statistics: log.statistics, tally: log.tally, passes: log.passes }).toEqual(before)
  broken = false
  expect(await addPass(log)).toBe(true)
  const pending = await log.seal(3n, row, start.params)
  const records = await log.read(pending, 0, 100, 1_000_000)
  expect(toHex(evidenceRoot(records.map((record, index) => recordLeaf(index, record))))).toBe(toHex(pending.root))
})
test('where the store dropped records of the list under way, a new one goes on from its statistics', async () => {
  const disk = new MemoryRecords()
  const log = await openLog(listOf(disk, 3_000))
  for (let i = 0; i < 20; i++) await addPass(log)
  const again = await openLog(listOf(disk, 3_000))
  expect(again.statistics).toEqual(log.statistics)
  expect(again.passes).toBe(0)
  expect(toHex(again.seed)).not.toBe(toHex(log.seed))
})
test('another end of the list than a state is refused', async () => {
  const list = listOf(new MemoryRecords())
  await list.append([Uint8Array.of(4, 1, 2)])
  await expect(openLog(list)).rejects.toThrow(expect.objectContaining({ code: 'VALIDATOR_STATE' }))
})

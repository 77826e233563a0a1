import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { memoryRecordStore, MemoryRecords } from '../../../../src/ledger/store/memory-record-store.ts'
import { loadAddon } from '../../../../src/native/addon.ts'
import { toHex } from '../../../../src/protocol/bytes.ts'
import {
  decodeEvidenceSummary,
  decodeRecord,
  encodeEvidenceRequest,
  encodeRecord,
  evidenceRoot,
  recordLeaf,
} from '../../../../src/protocol/evidence.ts'
import type { EvidenceRecord, EvidenceSummary } from '../../../../src/protocol/evidence.ts'
import type { Action } from '../../../../src/protocol/ports/ledger.ts'
import type { MixtureCompute } from '../../../../src/protocol/ports/compute.ts'
import { weightsCommitment } from '../../../../src/protocol/weights.ts'
import type { ValidatorOptions } from '../../../../src/roles/validator/options.ts'
import { qualityList, readQuality } from '../../../../src/roles/validator/quality.ts'
import type { Validator } from '../../../../src/roles/validator/validator.ts'
import { replay } from '../../../../src/scoring/replay.ts'
import type { ReplayResult } from '../../../../src/scoring/replay.ts'
import { rng, testSeed } from '../../../support/random.ts'
import { inventedText, ScoredMarket } from '../../../support/scored-market.ts'
import type { Behaviour } from '../../../support/scored-market.ts'

const seed = testSeed()
const north = inventedText(seed + 1, 30_000)
const south = inventedText(seed + 2, 30_000)
const texts = [
  { name: 'north', text: north },
  { name: 'south', text: south },
]
const fallback = Uint8Array.from([...north.subarray(0, 1_500), ...south.subarray(0, 1_500)])
type Reveal = Extract<Action, { kind: 'reveal_weights' }>
type Commit = Extract<Action, { kind: 'commit_weights' }>

let mixture: MixtureCompute
beforeAll(() => {
  mixture = loadAddon().mixture
})
const open: Validator[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((validator) => validator.close()))
})

/** uid 1 knows the north well, 2 the south well, 3 a little of both; 4 is what a test makes it. */
function market(fourth: Behaviour, disk = new MemoryRecords(), options: Partial<ValidatorOptions> = {}, tempo = 9): ScoredMarket {
  return new ScoredMarket({
    mixture,
    records: () => memoryRecordStore({ disk }),
    miners: [
      { text: north },
      { text: south },
      { text: Uint8Array.from([...north.subarray(0, 6_000), ...south.subarray(0, 6_000)]) },
      { text: north, behaviour: fourth },
    ],
    texts,
    fallback,
    seed,
    options: { passesPerEpoch: 4, ...options },
    tempo,
  })
}
async function started(of: ScoredMarket): Promise<Validator> {
  const validator = of.validator()
  open.push(validator)
  await validator.start()
  return validator
}
const committed = (of: ScoredMarket): Commit[] => of.weights.filter((action): action is Commit => action.kind === 'commit_weights')
const revealed = (of: ScoredMarket): Reveal[] => of.weights.filter((action): action is Reveal => action.kind === 'reveal_weights')
/** Whether `count` rows are revealed and the evidence of all is served. */
const served = (of: ScoredMarket, validator: Validator, count: number): boolean =>
  revealed(of).length >= count && validator.status().revealed?.epoch === revealed(of).at(-1)?.epoch
const score = (validator: Validator, uid: number) => {
  const found = validator.status().scores.find((row) => row.uid === uid)
  if (found === undefined) throw new Error(`no score of uid ${uid}`)
  return found
}

async function evidenceOf(of: ScoredMarket, reveal: Reveal): Promise<{ records: Uint8Array[]; summary: EvidenceSummary }> {
  const auditor = of.auditor()
  const target = { hotkey: of.signer.publicKey, addresses: [] }
  const body = encodeEvidenceRequest({ epoch: reveal.epoch, first: 0, count: 100_000 })
  const answer = await auditor.call(target, 'data.evidence', body, { netuid: 1, deadlineMs: 5_000 })
  return { records: answer.chunks, summary: decodeEvidenceSummary(answer.body) }
}
const replayed = async (
  of: ScoredMarket,
  reveal: Reveal,
  records: readonly Uint8Array[],
  summary: EvidenceSummary,
  root = reveal.evidence,
): Promise<ReplayResult> =>
  await replay(
    {
      records,
      root,
      seed: summary.seed,
      statistics: summary.statistics,
      row: reveal,
      parameters: { length: 256, fallbackRoot: of.ledger.market.fallbackRoot, baseRoot: of.ledger.market.baseRoot },
    },
    { mixture, fallback: of.fallback },
  )

describe('a market of miners of known quality', () => {
  test('who saves bits is paid by them, who answers garbage never, and the reveal opens the commitment', async () => {
    const all = market('garbage')
    const validator = await started(all)
    await all.run(() => revealed(all).length >= 2)
    const [first, second] = revealed(all) as [Reveal, Reveal]
    const uids = [...second.uids]
    expect(uids).toContain(1)
    expect(uids).toContain(2)
    expect(uids).not.toContain(4)
    expect(Math.max(...second.values)).toBe(65_535)
    expect(score(validator, 1).mean).toBeGreaterThan(score(validator, 3).mean)
    expect(score(validator, 2).mean).toBeGreaterThan(score(validator, 3).mean)
    expect(score(validator, 4).lowerBound).toBe(0)
    expect(score(validator, 4).mean).toBeLessThan(score(validator, 3).mean)
    for (const reveal of [first, second]) {
      const commit = committed(all).find(({ epoch }) => epoch === reveal.epoch)
      const row = { ...reveal, genesis: all.ledger.chain.genesis, hotkey: all.signer.publicKey }
      expect(toHex(commit?.commitment ?? new Uint8Array(0))).toBe(toHex(weightsCommitment(row)))
    }
  })

  test('a replay of the evidence finds the same phi, statistics and weights', async () => {
    const all = market('silent')
    const validator = await started(all)
    await all.run(() => served(all, validator, 2))
    const [first, second] = revealed(all) as [Reveal, Reveal]
    const one = await evidenceOf(all, first)
    expect(one.summary.total).toBe(one.records.length)
    expect(toHex(one.summary.seed)).toBe(toHex(first.salt))
    const result = await replayed(all, first, one.records, one.summary)
    expect(result).toMatchObject({ rootOk: true, phiOk: true, weightsOk: true, firstDifference: null, records: one.records.length })
    const two = await evidenceOf(all, second)
    expect(await replayed(all, second, two.records, two.summary)).toMatchObject({ rootOk: true, phiOk: true, weightsOk: true })
    // The next epoch's seed was bound before, and its statistics go on from those after.
    const [start, next] = [one.records[0], two.records[0]].map((bytes) => decodeRecord(bytes as Uint8Array))
    if (start?.kind !== 'start' || next?.kind !== 'start') throw new Error('no record 0')
    expect(toHex(next.value.seedCommit)).toBe(toHex(start.value.nextSeedCommit))
    expect(toHex(next.value.stats)).toBe(toHex(weightsRecord(one.records).stats))
  })

  test('one flipped byte anywhere is found by the root, and where it counts by the replay too', async () => {
    const all = market('honest')
    const validator = await started(all)
    await all.run(() => served(all, validator, 1))
    const [reveal] = revealed(all) as [Reveal]
    const { records, summary } = await evidenceOf(all, reveal)
    const draw = rng(seed)
    for (let i = 0; i < 20; i++) {
      const at = draw.int(records.length)
      const changed = records.map((record, index) => (index === at ? flipped(record, draw.int(record.length)) : record))
      expect((await rootOnly(changed, reveal)).rootOk).toBe(false)
    }
    // A validator that lies makes the root fit its lie: then the numbers must not.
    for (const change of lies) {
      const changed = change(records.map(decodeRecord)).map(encodeRecord)
      const root = evidenceRoot(changed.map((record, index) => recordLeaf(index, record)))
      const result = await replayed(all, reveal, changed, summary, root)
      expect(result.rootOk, change.name).toBe(true)
      expect(result.phiOk && result.weightsOk, change.name).toBe(false)
      expect(result.firstDifference, change.name).not.toBeNull()
    }
  })
})

describe('a peer that fails', () => {
  test.each([
    ['silent', false],
    ['inflates', true],
    ['malformed', true],
  ] as const)('%s: its steps count with phi 0 and its uptime falls; out after three when dishonest: %s', async (behaviour, strikes) => {
    // One at a time, so that what a pass found is known before the next one invites.
    const all = market(behaviour, new MemoryRecords(), { passesInFlight: 1, passesPerEpoch: 5 }, 29)
    const validator = await started(all)
    await all.run(() => served(all, validator, 1))
    const bad = score(validator, 4)
    expect(bad.mean).toBe(0)
    expect(bad.uptime).toBe(0)
    expect(revealed(all)[0] && [...(revealed(all)[0] as Reveal).uids]).not.toContain(4)
    const [reveal] = revealed(all) as [Reveal]
    const { records } = await evidenceOf(all, reveal)
    const games = records.map(decodeRecord).flatMap((record) => (record.kind === 'game' ? [record.value] : []))
    const played = games.filter(({ peers }) => peers.some(({ uid }) => uid === 4)).length
    expect(games.length).toBeGreaterThan(3)
    expect(played).toBe(strikes ? 3 : games.length)
  })
})

describe('the validator itself', () => {
  test('a pass in which nobody answers is its own failure: nothing is recorded for anyone', async () => {
    const all = market('honest')
    all.hub.before = async (_callee, method) => {
      if (method === 'expert.claim') throw new Error('no network')
    }
    const validator = await started(all)
    await all.run(() => validator.status().discarded >= 2)
    expect(validator.status()).toMatchObject({ passes: 0, scores: [] })
    all.hub.before = async () => undefined
    await all.run(() => validator.status().passes >= 1)
    expect(score(validator, 1).uptime).toBe(1)
  })

  test('most miners late is more likely its own fault: repeated with more time, counted once there is no more', async () => {
    const all = market('honest')
    const silent = new Set([2, 3, 4].map((uid) => all.miners[uid - 1]?.hotkey))
    all.hub.before = async (callee, method) => {
      if (method === 'expert.claim' && silent.has(callee)) throw new Error('gone')
    }
    const validator = await started(all)
    await all.run(() => validator.status().passes >= 1)
    expect(validator.status().discarded).toBeGreaterThanOrEqual(2)
    expect(score(validator, 1).uptime).toBe(1)
    expect(score(validator, 2).uptime).toBe(0)
  })

  test('weights whose commitment was refused are given up, and the next epoch goes on', async () => {
    const all = market('honest')
    const { refusals } = all.ledger
    for (let i = 0; i < 50; i++) refusals.push({ kind: 'commit_weights', code: 'LEDGER_COMMIT_EPOCH' })
    refusals.push({ kind: 'reveal_weights', code: 'LEDGER_REVEAL_UNKNOWN' })
    const validator = await started(all)
    await all.run(() => !refusals.some(({ kind }) => kind === 'reveal_weights'))
    expect(refusals.length).toBeLessThan(50)
    expect(committed(all)).toEqual([])
    refusals.splice(0)
    await all.run(() => served(all, validator, 1))
    const [reveal] = revealed(all) as [Reveal]
    expect(reveal.epoch).toBe(committed(all)[0]?.epoch)
    const { records, summary } = await evidenceOf(all, reveal)
    expect(await replayed(all, reveal, records, summary)).toMatchObject({ rootOk: true, phiOk: true, weightsOk: true })
  })

  test('a restart goes on with its statistics, its pending weights and other queries', async () => {
    const disk = new MemoryRecords()
    const all = market('honest', disk)
    const validator = await started(all)
    await all.run(() => committed(all).length >= 1)
    const before = validator.status().scores
    await validator.close()
    const again = await started(all)
    await all.run(() => served(all, again, 2))
    const [first, second] = revealed(all) as [Reveal, Reveal]
    expect(first.epoch).toBe(committed(all)[0]?.epoch)
    for (const { uid, samples } of before) expect(score(again, uid).samples).toBeGreaterThan(samples)
    const one = await evidenceOf(all, first)
    const two = await evidenceOf(all, second)
    expect(await replayed(all, second, two.records, two.summary)).toMatchObject({ rootOk: true, phiOk: true, weightsOk: true })
    const ids = [...one.records, ...two.records]
      .map(decodeRecord)
      .flatMap((record) => (record.kind === 'span' ? [toHex(record.value.queryId)] : []))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('without a permit it waits, and calls nobody to account', async () => {
    const all = market('honest')
    const own = all.ledger.neurons[0]
    if (own === undefined) throw new Error('no neuron')
    own.permit = false
    const validator = await started(all)
    await all.run(() => all.ledger.height >= 12)
    expect(validator.status()).toMatchObject({ state: 'waiting', reason: 'no permit yet', passes: 0 })
    expect(all.hub.calls.some(({ method }) => method === 'expert.claim')).toBe(false)
    own.permit = true
    await all.run(() => validator.status().passes >= 1)
    expect(validator.status().state).toBe('scoring')
  })

  test('each pass leaves its quality: the mixture beats the mean of all and the fallback', async () => {
    const disk = new MemoryRecords()
    const all = market('honest', disk)
    const validator = await started(all)
    await all.run(() => validator.status().passes >= 2)
    const points = await readQuality(qualityList(memoryRecordStore({ disk })), 10)
    expect(points.length).toBeGreaterThanOrEqual(2)
    for (const point of points) {
      expect(point.validator).toBe(all.hotkey)
      expect(point.network).toBeLessThan(point.fallback)
      expect(point.network).toBeLessThan(point.uniform)
      expect(point.positions).toBe(2_048)
    }
  })
})

const flipped = (record: Uint8Array, at: number): Uint8Array => record.map((byte, i) => (i === at ? byte ^ 1 : byte))
const weightsRecord = (records: readonly Uint8Array[]) => {
  const last = decodeRecord(records.at(-1) as Uint8Array)
  if (last.kind !== 'weights') throw new Error('no weights')
  return last.value
}
async function rootOnly(records: readonly Uint8Array[], reveal: Reveal): Promise<{ rootOk: boolean }> {
  const root = evidenceRoot(records.map((record, index) => recordLeaf(index, record)))
  return { rootOk: toHex(root) === toHex(reveal.evidence) }
}

/** Changes the first record of a kind in a copy. */
function first<K extends EvidenceRecord['kind']>(
  records: EvidenceRecord[],
  kind: K,
  change: (value: ValueOf<K>) => void,
): EvidenceRecord[] {
  const found = structuredClone(records)
  const record = found.find((other) => other.kind === kind)
  if (record === undefined) throw new Error(`no record ${kind}`)
  change(record.value as ValueOf<K>)
  return found
}
type ValueOf<K extends EvidenceRecord['kind']> = { [N in EvidenceRecord['kind']]: Extract<EvidenceRecord, { kind: N }>['value'] }[K]
const lies: ((records: EvidenceRecord[]) => EvidenceRecord[])[] = [
  function anotherPhi(records) {
    return first(records, 'score', ({ phi }) => {
      if (phi[0] !== undefined) phi[0].phi += 1n
    })
  },
  function anotherWeight(records) {
    return first(records, 'weights', ({ values }) => {
      values[0] = (values[0] ?? 0) ^ 1
    })
  },
  function anotherText(records) {
    return first(records, 'span', ({ text }) => {
      text[200] = (text[200] ?? 0) ^ 1
    })
  },
  function anotherClaim(records) {
    return first(records, 'answer', ({ reveal }) => {
      reveal[400] = (reveal[400] ?? 0) ^ 1
    })
  },
  function anotherStatus(records) {
    return first(records, 'answer', (value) => {
      value.status = 1
    })
  },
  function withoutAnAnswer(records) {
    const at = records.findIndex(({ kind }) => kind === 'answer')
    return records.toSpliced(at, 1)
  },
  function anotherBlock(records) {
    return first(records, 'close', ({ blockHash }) => {
      blockHash[0] = (blockHash[0] ?? 0) ^ 1
    })
  },
  function anotherPeer(records) {
    return first(records, 'game', ({ peers }) => {
      if (peers[0] !== undefined) peers[0].uid = 77
    })
  },
  function otherStatistics(records) {
    return first(records, 'start', ({ stats }) => {
      stats[0] = (stats[0] ?? 0) ^ 1
    })
  },
]

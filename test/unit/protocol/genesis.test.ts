import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/protocol/bytes.ts'
import { genesisFromJson, genesisToJson } from '../../../src/protocol/genesis-json.ts'
import { decodeGenesis, encodeGenesis, genesisHash, genesisIssuance, genesisTemplate } from '../../../src/protocol/genesis.ts'
import type { Genesis } from '../../../src/protocol/genesis.ts'
import { chainKinds, chainParameterSpecs, marketParameterSpecs } from '../../../src/protocol/parameters.ts'

const key = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const TAU = 1_000_000_000n

function genesis(change: (value: Genesis) => void = () => {}, kind: (typeof chainKinds)[number] = 'local'): Genesis {
  const value = genesisTemplate(kind)
  value.engine = { kind: 'orderer', key: key(1) }
  value.time = 1_700_000_000_000n
  value.accounts = [{ coldkey: key(2), free: 10_000n * TAU }]
  value.stakes = [{ hotkey: key(3), owner: key(2), amount: 100_000n * TAU }]
  change(value)
  return value
}
const refused = (change: (value: Genesis) => void): unknown => {
  try {
    encodeGenesis(genesis(change))
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

describe('the genesis', () => {
  test.each(chainKinds)('the template of %s holds once engine and stakes are filled in', (kind) => {
    const value = genesis(undefined, kind)
    expect(decodeGenesis(encodeGenesis(value))).toEqual(value)
    expect(genesisFromJson(genesisToJson(value))).toEqual(value)
    expect(value.markets.map(({ netuid, name, parameters }) => [netuid, name, parameters.emissionShare])).toEqual([
      [1, 'completion', 6_000],
      [2, 'summarization', 2_000],
      [3, 'images', 2_000],
    ])
  })
  test('CometBFT validators survive both forms', () => {
    const value = genesis((g) => {
      g.engine = {
        kind: 'cometbft',
        validators: [
          { key: key(5), power: 10n },
          { key: key(6), power: 1n },
        ],
      }
    })
    expect(decodeGenesis(encodeGenesis(value))).toEqual(value)
    expect(genesisFromJson(genesisToJson(value))).toEqual(value)
  })
  test('the defaults of the table', () => {
    const row = (kind: (typeof chainKinds)[number]): unknown[] => {
      const { parameters, markets } = genesisTemplate(kind)
      const p = markets[0]?.parameters
      return [
        [parameters.blockTimeMs, p?.tempo, p?.revealLag],
        [p?.immunityPeriod, p?.activityCutoff],
        [markets[0]?.difficulty, p?.difficultyMin, p?.difficultyMax],
        [p?.adjustmentInterval, p?.registrationTarget, p?.registrationsPerBlock],
        [p?.stakeMinimum, p?.validatorStakeMinimum],
        [p?.serveIntervalBlocks, parameters.votingBlocks, parameters.timeLockBlocks, parameters.unbondingBlocks],
      ]
    }
    const stake = [TAU, 1_000n * TAU]
    expect(row('local')).toEqual([[1_000, 9, 1], [40, 500], [2n ** 18n, 2n ** 16n, 2n ** 40n], [20, 8, 4], stake, [2, 30, 30, 60]])
    expect(row('dev')).toEqual([
      [2_000, 49, 1],
      [500, 2_500],
      [2n ** 22n, 2n ** 20n, 2n ** 56n],
      [100, 8, 2],
      stake,
      [10, 1_000, 500, 2_000],
    ])
    expect(row('main')).toEqual([
      [12_000, 99, 1],
      [4_096, 5_000],
      [10n ** 7n, 10n ** 7n, 2n ** 62n - 1n],
      [100, 2, 1],
      stake,
      [50, 50_400, 14_400, 151_200],
    ])
    expect(genesisTemplate('main').parameters).toMatchObject({
      baseFee: 100_000n,
      existentialDeposit: 500n,
      proposalDeposit: 100n * TAU,
      quorum: 13_107,
    })
  })
  test('any change changes the hash', () => {
    const changes: ((value: Genesis) => void)[] = [
      (g) => (g.chainId = 'other'),
      (g) => (g.kind = 'dev'),
      (g) => (g.engine = { kind: 'orderer', key: key(7) }),
      (g) => (g.time += 1n),
      (g) => (g.parameters.baseFee += 1n),
      (g) => g.markets.forEach((m) => (m.parameters.tempo = 8)),
      (g) => g.accounts.forEach((a) => (a.free += 1n)),
      (g) => g.stakes.forEach((s) => (s.amount += 1n)),
    ]
    const hashes = [() => {}, ...changes].map((change) => toHex(genesisHash(genesis(change))))
    expect(new Set(hashes).size).toBe(changes.length + 1)
  })
  test('the issuance is all that it gives', () => expect(genesisIssuance(genesis())).toBe(110_000n * TAU))
})

describe('a genesis is refused', () => {
  const cases: [string, (value: Genesis) => void][] = [
    ['without an orderer key', (g) => (g.engine = { kind: 'orderer', key: new Uint8Array(32) })],
    ['without block validators', (g) => (g.engine = { kind: 'cometbft', validators: [] })],
    ['with a block validator without power', (g) => (g.engine = { kind: 'cometbft', validators: [{ key: key(5), power: 0n }] })],
    ['with a chain id in capitals', (g) => (g.chainId = 'Taumesh')],
    ['without a chain id', (g) => (g.chainId = '')],
    ['of a version that is not known', (g) => (g.ledgerVersion = 2)],
    ['with a coldkey twice', (g) => g.accounts.push({ coldkey: key(2), free: TAU })],
    ['with a hotkey twice', (g) => g.stakes.push({ hotkey: key(3), owner: key(4), amount: TAU })],
    ['with a zero key', (g) => g.accounts.push({ coldkey: new Uint8Array(32), free: TAU })],
    ['with dust', (g) => g.accounts.push({ coldkey: key(4), free: 499n })],
    ['with more than there is', (g) => g.accounts.push({ coldkey: key(4), free: 21_000_000n * TAU })],
    ['without a validator', (g) => g.stakes.forEach((s) => (s.amount = 999n * TAU))],
    ['without stakes', (g) => (g.stakes = [])],
    ['at a time beyond all clocks', (g) => (g.time = 2n ** 53n)],
    ['without markets', (g) => (g.markets = [])],
    ['with markets out of order', (g) => g.markets.reverse()],
    ['with a market twice', (g) => g.markets.forEach((m) => (m.netuid = 1))],
    ['with a name twice', (g) => g.markets.forEach((m) => (m.name = 'same'))],
    ['with no emission for any market', (g) => g.markets.forEach((m) => (m.parameters.emissionShare = 0))],
    ['with a difficulty outside its bounds', (g) => g.markets.forEach((m) => (m.difficulty = m.parameters.difficultyMax + 1n))],
    ['with bounds that cross', (g) => g.markets.forEach((m) => (m.parameters.burnMin = m.parameters.burnMax + 1n))],
    ['with a sequence length between the allowed', (g) => g.markets.forEach((m) => (m.parameters.sequenceLength = 128))],
    ['with immunity below reveal lag and two epochs', (g) => g.markets.forEach((m) => (m.parameters.immunityPeriod = 29))],
  ]
  test.each(cases)('%s', (_name, change) => expect(refused(change)).toBe('LEDGER_GENESIS'))

  test('with any parameter one outside its bounds, and not at them', () => {
    let tried = 0
    const outside = (values: Record<string, unknown>, specs: Record<string, unknown>): void => {
      for (const [name, spec] of Object.entries(specs as typeof marketParameterSpecs)) {
        if (!('min' in spec)) continue
        const kept = values[name]
        const { min, max } = spec as { min: bigint | number; max: bigint | number }
        const beyond = typeof min === 'bigint' ? [min - 1n, (max as bigint) + 1n] : [min - 1, (max as number) + 1]
        for (const value of beyond) {
          values[name] = value
          expect(() => encodeGenesis(subject), `${name} = ${value}`).toThrow(expect.objectContaining({ code: 'LEDGER_GENESIS' }))
          tried++
        }
        values[name] = kept
      }
    }
    const subject = genesis()
    outside(subject.parameters, chainParameterSpecs)
    for (const market of subject.markets) outside(market.parameters, marketParameterSpecs)
    expect(tried).toBeGreaterThan(100)
    expect(decodeGenesis(encodeGenesis(subject))).toEqual(genesis())
  })
})

describe('genesis.json', () => {
  const view = (): Record<string, unknown> => JSON.parse(genesisToJson(genesis())) as Record<string, unknown>
  const refusal = (text: string): string => {
    try {
      genesisFromJson(text)
    } catch (error) {
      return (error as { code: string }).code
    }
    return 'accepted'
  }
  const without = (name: string): string => JSON.stringify(Object.fromEntries(Object.entries(view()).filter(([other]) => other !== name)))

  test('64-bit numbers are decimal strings, keys hexadecimal', () => {
    expect(view()).toMatchObject({ time: '1700000000000', engine: { kind: 'orderer', key: toHex(key(1)) } })
    expect(view()['accounts']).toEqual([{ coldkey: toHex(key(2)), free: '10000000000000' }])
  })
  test('whitespace and the order of names mean nothing', () => {
    const shuffled = JSON.stringify(Object.fromEntries(Object.entries(view()).toReversed()))
    expect(genesisHash(genesisFromJson(shuffled))).toEqual(genesisHash(genesis()))
  })
  test.each(['chainId', 'kind', 'engine', 'time', 'ledgerVersion', 'parameters', 'markets', 'accounts', 'stakes'])(
    '%s is needed',
    (name) => {
      expect(refusal(without(name))).toBe('LEDGER_GENESIS')
    },
  )
  test.each([
    ['an unknown name', () => JSON.stringify({ ...view(), faucet: true })],
    ['an unknown parameter', () => JSON.stringify({ ...view(), parameters: { ...(view()['parameters'] as object), faucet: '1' } })],
    ['a number for an amount', () => JSON.stringify({ ...view(), time: 1_700_000_000_000 })],
    ['a leading zero', () => JSON.stringify({ ...view(), time: '01' })],
    ['a sign', () => JSON.stringify({ ...view(), time: '-1' })],
    ['an exponent', () => JSON.stringify({ ...view(), time: '1e3' })],
    ['more than 64 bits', () => JSON.stringify({ ...view(), time: '18446744073709551616' })],
    ['a string for a small number', () => JSON.stringify({ ...view(), ledgerVersion: '1' })],
    ['a fraction', () => JSON.stringify({ ...view(), ledgerVersion: 1.5 })],
    ['capital hexadecimal digits', () => JSON.stringify({ ...view(), engine: { kind: 'orderer', key: 'AB'.repeat(32) } })],
    ['a list for an object', () => JSON.stringify([view()])],
    ['null', () => 'null'],
  ])('%s is refused', (_name, text) => expect(refusal(text())).toBe('LEDGER_GENESIS'))
  test.each([
    ['a name that stands twice', () => genesisToJson(genesis()).replace('"time":', '"kind": "dev", "time":')],
    ['a name that stands twice by an escape', () => genesisToJson(genesis()).replace('"time":', '"ki\\u006ed": "dev", "time":')],
    ['depth', () => `{"chainId":${'['.repeat(10)}${']'.repeat(10)}}`],
    ['no JSON', () => '{'],
    ['nothing', () => ''],
    ['a broken escape in a name', () => '{"\\x": 1}'],
  ])('%s is no strict JSON', (_name, text) => expect(refusal(text())).toBe('JSON_INVALID'))
  test('a hash is over the value: it is known', () => {
    const hash = toHex(genesisHash(genesis()))
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(fromHex(hash)).toEqual(genesisHash(decodeGenesis(encodeGenesis(genesis()))))
  })
})

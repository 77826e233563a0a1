import { describe, expect, test } from 'vitest'
import { formatTau, ISSUANCE_MAX_RAO, parseTau, parseU64 } from '../../../src/protocol/amounts.ts'

const refused = expect.objectContaining({ code: 'LEDGER_AMOUNT' })

describe('amounts', () => {
  test('a u64 is plain decimal', () => {
    for (const value of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) expect(parseU64(value.toString())).toBe(value)
    for (const text of [
      '',
      '-1',
      '+1',
      '01',
      '1.0',
      '1e3',
      ' 1',
      '0x1',
      '18446744073709551616',
      '99999999999999999999',
      '123456789012345678901',
      'NaN',
    ])
      expect(() => parseU64(text), text).toThrow(refused)
  })
  test('τ has nine decimals', () => {
    expect(parseTau('12.5')).toBe(12_500_000_000n)
    expect(parseTau('0.000000001')).toBe(1n)
    expect(parseTau('21000000')).toBe(ISSUANCE_MAX_RAO)
    for (const text of ['', '.5', '1.', '1.0000000001', '-1', '01', '1e3', '99999999999', '1,5'])
      expect(() => parseTau(text), text).toThrow(refused)
  })
  test('what is written is read again', () => {
    for (const rao of [0n, 1n, 10n, 999_999_999n, 1_000_000_000n, 1_500_000_000n, 2n ** 64n - 1n])
      expect(parseTau(formatTau(rao))).toBe(rao)
    expect(formatTau(1_500_000_000n)).toBe('1.5')
    expect(formatTau(1_000_000_000n)).toBe('1')
  })
})

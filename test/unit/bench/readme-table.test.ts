/** The README's measured part: made of results alone, between its markers, the same when it is made again. */
import { expect, test } from 'vitest'
import type { BenchMetricView } from '../../../src/protocol/views/bench.ts'
import { BEGIN, END, withMeasured, type Results } from '../../../bench/readme-table.ts'

const metric = (over: Partial<BenchMetricView>): BenchMetricView => ({
  metric: '',
  unit: 'FLOP/s',
  value: 1,
  backend: 'cpu',
  threads: 1,
  spread: 0.0123,
  checked: true,
  repetitions: 99,
  seconds: 2,
  warnings: [],
  ...over,
})
const results: Results = {
  commands: ['taumesh bench all'],
  report: {
    format: 1,
    createdAt: Date.UTC(2026, 0, 2),
    machine: {
      id: 'ab'.repeat(8),
      cpu: 'a processor',
      cores: 2,
      features: [],
      memoryBytes: 24 * 2 ** 30,
      arch: 'x64',
      system: 'Linux 6.1',
      virtual: true,
      devices: [{ id: 'cuda:0', name: 'a card', memoryBytes: null, driver: '570' }],
      node: 'v24',
      version: '0.1.0',
      addon: null,
      commit: 'c0ffee'.repeat(6),
    },
    settings: { subject: 'all', backend: null, threads: 2, seconds: 2 },
    metrics: [
      metric({ metric: 'pow.verify', unit: '1/s', value: 1_234_567 }),
      metric({ metric: 'matmul.f32.256', value: 111.1e9 }),
      metric({ metric: 'matmul.f32.512', value: 222.2e9, warnings: ['its rounds lie 30.0 % apart', 'spread of 31.0 %'] }),
      metric({ metric: 'matmul.bf16.512', value: 333.3e9 }),
    ],
    noise: { load: 0, steal: 0, others: 0.5, clockFirst: 3.5, clockLowest: 3.5, warnings: ['other processes used 50.0 % of the CPU time'] },
    elapsedSeconds: 3,
  },
  races: [
    {
      subject: 'seals',
      runners: [
        { name: 'addon', seconds: 0.001, spread: 0.01 },
        { name: 'a|rival', seconds: 0.0025, spread: 0.02 },
      ],
    },
  ],
  rivals: {
    versions: { torch: '9.9.9' },
    results: [
      {
        name: 'matmul.f32.512',
        threads: 2,
        unit: 'FLOP/s',
        standings: [
          { name: 'taumesh', runs: 9, rate: 444.4e9, spread: 0.01 },
          { name: 'torch', runs: 9, rate: 222.2e9, spread: 0.02 },
        ],
        ratio: 2,
        warnings: ['other processes used 6.0 % of the CPU time'],
      },
    ],
  },
}
/** The cells of the row that begins so. */
const row = (text: string, first: string): string[] =>
  text
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .find((cells) => cells[1] === first)
    ?.slice(2, -1) ?? []

test('figures, machine, commit, command and noise stand between the markers, and nothing else changes', () => {
  const readme = `before\n${BEGIN}\nold figures\n${END}\nafter\n`
  const written = withMeasured(readme, results)
  expect(written.startsWith(`before\n${BEGIN}\n`)).toBe(true)
  expect(written.endsWith(`${END}\nafter\n`)).toBe(true)
  for (const part of [
    '1.235 M/s',
    '± 1.2 %',
    '2026-01-02',
    'c0ffeec0ffee',
    'a processor',
    'taumesh bench all',
    'cuda:0 is a card',
    '50.0 %',
    'a\\|rival',
    '2.50',
  ])
    expect(written).toContain(part)
  expect(written).not.toContain('old figures')
  expect(withMeasured(written, results)).toBe(written)
})

test('products stand in one row per format, with a gap where a size was not measured', () => {
  const written = withMeasured(`${BEGIN}${END}`, results)
  expect(row(written, '`matmul`')).toEqual(['n = 256', 'n = 512'])
  expect(row(written, 'f32, cpu')).toEqual(['111.1 GFLOP/s ± 1.2 %', '222.2 GFLOP/s ± 1.2 % †'])
  expect(row(written, 'bf16, cpu')).toEqual(['-', '333.3 GFLOP/s ± 1.2 %'])
  expect(written).not.toContain('`matmul.f32.256`')
})

test('what disturbed a figure stands below its table, and a mark at the figure', () => {
  const written = withMeasured(`${BEGIN}${END}`, results)
  const [, below] = written.split(/^\| bf16.*\n/m)
  expect(below).toMatch(/^\n† `matmul\.f32\.512` \(cpu\): its rounds lie 30\.0 % apart, spread of 31\.0 %\.\n/)
  // Each stands twice: at the figure and below.
  expect(written.match(/†/g)).toHaveLength(4)
  expect(row(written, '`matmul.f32.512`').at(-1)).toBe('2.00 †')
  expect(written).toContain('\n\n† `matmul.f32.512` on 2 threads: other processes used 6.0 % of the CPU time.\n')
  const { report } = results
  const other = { ...report, metrics: [metric({ metric: 'pow.verify', unit: '1/s', warnings: ['the clock fell'] })] }
  const marked = withMeasured(`${BEGIN}${END}`, { ...results, report: other })
  expect(row(marked, '`pow.verify`')).toContain('± 1.2 % †')
  expect(marked).toContain('† `pow.verify` (cpu): the clock fell.')
})

test('rivals stand beside the addon with their versions; without them the text says why', () => {
  const written = withMeasured(`${BEGIN}${END}`, results)
  expect(row(written, '`matmul.f32.512`')).toEqual(['2', '444.4 GFLOP/s ± 1.0 %', '222.2 GFLOP/s ± 2.0 %', '2.00 †'])
  expect(row(written, 'side by side')).toEqual(['threads', 'addon', 'PyTorch', 'addon / best rival'])
  expect(written).toContain('torch 9.9.9')
  const without = withMeasured(`${BEGIN}${END}`, { ...results, rivals: { leftOut: 'no Python' } })
  expect(without).toContain('OpenBLAS and PyTorch are left out: no Python.')
  expect(without).not.toContain('PyTorch |')
})

test('the text says of which figures the answers were checked', () => {
  const written = (...metrics: BenchMetricView[]) => withMeasured(`${BEGIN}${END}`, { ...results, report: { ...results.report, metrics } })
  const [checked, left] = [metric({ metric: 'pow.verify' }), metric({ metric: 'mixture.codec', checked: false })]
  expect(written(checked)).toContain('Every answer was checked before it was timed.\n')
  expect(written(checked, left)).toContain('Every answer was checked before it was timed, but for `mixture.codec`: left to the verifier.\n')
})

test('a README without its markers, or with two of them, is not touched', () => {
  for (const readme of ['', BEGIN, END, `${END}${BEGIN}`, `${BEGIN}${END}${BEGIN}${END}`])
    expect(() => withMeasured(readme, results)).toThrow(/needs one/)
})

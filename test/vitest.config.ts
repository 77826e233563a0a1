/** One runner for every TypeScript suite: no retries, no pass without a case, and a seed that is printed and can be set. */
import { defineConfig } from 'vitest/config'

const seed = Number(process.env['TAUMESH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    benchmark: { include: ['bench/**/*.bench.ts'] },
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    passWithNoTests: false,
    expect: { requireAssertions: true },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { seed, shuffle: false },
    env: { TAUMESH_SEED: String(seed) },
  },
})

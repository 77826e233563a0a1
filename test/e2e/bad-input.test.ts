/** Bad input at the command line: each gets one line with a stable code and an honest exit code, and no stack trace. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { startNode, taumesh } from '../support/node-process.ts'

const START_MS = 180_000
const file = (name: string, text: string): string => {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, text)
  return path
}
/** The last line on stderr, and that nothing looks like a stack. */
async function refusal(...args: string[]): Promise<[number | null, string]> {
  const { code, stdout, stderr } = await taumesh(...args)
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/^\s+at /m)
  return [code, stderr.trim().split('\n').at(-1) ?? '']
}

test('what a file holds breaks no line and reaches no terminal', async () => {
  const path = file('report.json', 'vm\n\u001b[2J\n')
  const { code, stderr } = await taumesh('bench', 'verify', path, '--challenge', path)
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^taumesh: cannot use \P{Cc}+ \[CLI_FILE\]\n$/u)])
})

test.each([
  [['bogus'], 2, 'CLI_USAGE'],
  [['start', '--frobnicate'], 2, 'CLI_USAGE'],
  [['start', '--http', '0.0.0.0:80'], 2, 'CLI_USAGE'],
  [['start', '--http', '127.0.0.1:70000'], 2, 'CLI_USAGE'],
  [['start', '--miners', '0'], 2, 'CLI_USAGE'],
  [['pow', 'solve', '--block-hash', 'xyz', '--hotkey', '00', '--difficulty', '1'], 2, 'CLI_USAGE'],
  [['bench', 'consensus', '--backend', 'abacus'], 2, 'LAB_BENCH_BACKEND'],
  [['bench', 'signature', '--no-keep', '--report', '/nonexistent/report.json'], 1, 'CLI_FILE'],
  [['bench', 'verify', '--issue', '/nonexistent/challenge'], 1, 'CLI_FILE'],
  [['bench', 'compare', 'abacus'], 1, 'LAB_BENCH_UNKNOWN'],
  [['pow', 'verify', '--input', '/nonexistent.json'], 1, 'CLI_FILE'],
  [['consensus', 'epoch', '--input', '/nonexistent.json'], 1, 'CLI_FILE'],
  [['status', '--data', '/nonexistent'], 1, 'CLI_NO_NODE'],
  [['status', '--node', 'http://127.0.0.1:9'], 1, 'CLI_NO_NODE'],
  [['transfer', 'nobody', '5'], 1, 'ADDRESS_INVALID'],
  [['transfer', '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY', '1e3'], 1, 'LEDGER_AMOUNT'],
  [['wallet', 'create', '../evil', '--unencrypted'], 1, 'KEYS_NAME_INVALID'],
  [['wallet', 'create', 'w'], 2, 'CLI_PASSWORD'],
])('%j is refused with exit code %d and %s', async (args, exit, code) => {
  const [status, line] = await refusal(...args)
  expect([status, line]).toEqual([exit, expect.stringMatching(new RegExp(`^taumesh: .*\\[${code}\\]$`))])
})

test('the line names the help of the very command, and a file once', async () => {
  expect((await refusal('bench', 'verify', '--frobnicate'))[1]).toContain('See: taumesh bench verify --help')
  expect((await refusal('bench', '--seconds', '0'))[1]).toContain('See: taumesh bench --help')
  expect((await refusal('pow', 'verify', '--input', '/nonexistent.json'))[1]).toBe(
    'taumesh: cannot use /nonexistent.json: ENOENT: no such file or directory [CLI_FILE]',
  )
})

test('figures that cannot be kept are shown all the same', async () => {
  const { code, stdout, stderr } = await taumesh('bench', 'signature', '--seconds', '1', '--data', file('not-a-folder', ''))
  expect(stdout).toContain('signature.sr25519.verify')
  expect([code, stderr.trim().split('\n').at(-1)]).toEqual([1, expect.stringMatching(/not-a-folder\/bench: ENOTDIR: [\w ]+ \[CLI_FILE\]$/)])
})

test('a file that is no list of seals or epochs is named with what is wrong', async () => {
  expect(await refusal('pow', 'verify', '--input', file('a.json', '[{"nonce":1}]'))).toEqual([1, expect.stringContaining('[CLI_FILE]')])
  expect(await refusal('pow', 'verify', '--input', file('b.json', '{'))).toEqual([1, expect.stringContaining('[CLI_FILE]')])
  expect(await refusal('consensus', 'epoch', '--input', file('c.json', '[{"input":{"n":1}}]'))).toEqual([
    1,
    expect.stringContaining('[CONSENSUS_INPUT_'),
  ])
  expect(await refusal('genesis', 'show', '--input', file('d.json', '{}'))).toEqual([78, expect.stringContaining('[LEDGER_GENESIS]')])
})

test(
  "a damaged folder, an invalid key file and another network's folder keep the node from starting, each by name",
  async () => {
    const small = ['--miners', '1', '--validators', '1']
    const [one, two] = [temporaryFolder(), temporaryFolder()]
    for (const folder of [one, two]) {
      const node = startNode(folder, ...small)
      await node.event('block')
      expect((await node.end('SIGTERM')).code).toBe(0)
    }
    const start = (folder: string): Promise<[number | null, string]> =>
      refusal('start', '--data', folder, '--http', '127.0.0.1:0', ...small)

    const key = join(one, 'wallets', 'validators', 'hotkeys', 'v0')
    const kept = readFileSync(key)
    writeFileSync(key, '{"accountId": 5')
    expect(await start(one)).toEqual([expect.any(Number), expect.stringContaining('[KEYS_FILE_INVALID]')])
    writeFileSync(key, kept)

    const genesis = readFileSync(join(one, 'genesis.json'))
    writeFileSync(join(one, 'genesis.json'), readFileSync(join(two, 'genesis.json')))
    writeFileSync(join(one, 'orderer.key'), readFileSync(join(two, 'orderer.key')))
    expect(await start(one)).toEqual([expect.any(Number), expect.stringContaining('[LEDGER_OTHER_NETWORK]')])
    writeFileSync(join(one, 'genesis.json'), genesis)

    const database = join(two, 'ledger', 'blocks.db')
    const bytes = readFileSync(database)
    bytes.fill(0x5a, 0, 4_096)
    writeFileSync(database, bytes)
    expect(await start(two)).toEqual([70, expect.stringContaining('[STORE_CORRUPT]')])

    const plan = join(one, 'network.json')
    writeFileSync(plan, '{')
    expect(await start(one)).toEqual([78, expect.stringContaining('[NODE_PLAN_INVALID]')])
    expect(readdirSync(one)).toContain('ledger')
  },
  START_MS,
)

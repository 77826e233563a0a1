/**
 * The main job as a newcomer sees it: a network from nothing, an answer, an epoch paid by weights, then the command line,
 * REST and restart on the same folder. Nothing is timed; the events say how long things took.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountView, HeadView } from '../../src/protocol/views/chain.ts'
import type { ExplanationView, NeuronView } from '../../src/protocol/views/market.ts'
import type { AuditView } from '../../src/protocol/views/node.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startNode, taumesh, type NodeProcess } from '../support/node-process.ts'

const START_MS = 300_000
const folder = temporaryFolder()
let node: NodeProcess
let url = ''

const get = async <T>(path: string): Promise<T> => (await (await fetch(`${url}${path}`)).json()) as T
const json = async <T>(...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await taumesh(...args, '--data', folder, '--json')
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

beforeAll(async () => {
  node = startNode(folder)
  url = String((await node.event('ready'))['url'])
  await node.event('first_completion')
  await node.event('first_epoch_paid')
}, START_MS)
afterAll(async () => {
  if (node.child.exitCode === null) await node.end('SIGKILL')
})

test('eight miners of four kinds and three validators have entered by proof of work', async () => {
  const { items } = await get<{ items: NeuronView[] }>('/v1/markets/1/neurons?limit=100')
  const miners = items.filter(({ role }) => role === 'miner')
  expect(items.filter(({ role }) => role === 'validator').length).toBe(3)
  expect(miners.length).toBe(8)
  expect(new Set(miners.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(4)
  expect(new Set(miners.map(({ corpus }) => corpus)).size).toBe(8)
})

test('revealed weights have paid miners: stake behind their hotkeys, explained to the rao', async () => {
  const { items } = await get<{ items: NeuronView[] }>('/v1/markets/1/neurons?limit=100&sort=incentive&order=desc')
  const [best] = items
  expect(best?.role).toBe('miner')
  expect(BigInt(best?.stake ?? '0')).toBeGreaterThan(0n)
  const [epoch] = await get<{ epoch: string; byWeights: boolean }[]>('/v1/markets/1/epochs?limit=1')
  const why = await get<ExplanationView>(`/v1/markets/1/epochs/${epoch?.epoch}/neurons/${best?.uid}`)
  expect(why.summary.byWeights).toBe(true)
  expect(why.votes.length).toBeGreaterThan(0)
  expect(why.payouts.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(BigInt(why.neuron.emission))
})

test('the command line completes a text and names the experts', async () => {
  const body = await json<{ choices: { text: string }[]; usage: { completion_tokens: number }; taumesh: { experts: { share: number }[] } }>(
    'complete',
    'The whale ',
    '--bytes',
    '24',
    '--seed',
    '3',
  )
  expect(body.usage.completion_tokens).toBe(24)
  expect(body.taumesh.experts.length).toBeGreaterThan(1)
  expect(body.taumesh.experts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 2)
})

test('a key without stake gets no answer, a token needs its own signature, and the token file is private', async () => {
  expect(statSync(join(folder, 'api.token')).mode & 0o777).toBe(0o600)
  const made = await json<{ address: string }>('wallet', 'create', 'stranger', '--unencrypted')
  expect(made.address).toMatch(/^5/)
  const { token } = await json<{ token: string }>('token', '--wallet', 'stranger')
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ prompt: 'x' }),
  })
  expect(response.status).toBe(403)
  expect(((await response.json()) as { error: { code: string } }).error.code).toBe('GATEWAY_NO_STAKE')
})

test('transfer and stake move money exactly once, and the new holder then gets answers', async () => {
  const wallets = await json<{ name: string; address: string; hotkeys: { address: string }[] }[]>('wallet', 'list')
  const stranger = wallets.find(({ name }) => name === 'stranger')
  const validator = wallets.find(({ name }) => name === 'validators')?.hotkeys[0]?.address ?? ''
  // The owner of the validators has no free τ for the fee until somebody sends some.
  await json('transfer', wallets.find(({ name }) => name === 'validators')?.address ?? '', '1')
  await json('delegate', validator, '--take', '10', '--wallet', 'validators')
  await json('transfer', stranger?.address ?? '', '12.5')
  expect((await get<AccountView>(`/v1/accounts/${stranger?.address}`)).free).toBe('12500000000')
  const staked = await json<{ height: number }>('stake', validator, '10', '--wallet', 'stranger')
  const account = await get<AccountView>(`/v1/accounts/${stranger?.address}`)
  expect(account.stakes.map(({ hotkey }) => hotkey)).toEqual([validator])
  // An epoch in between already pays the delegator its share of the dividends.
  expect(BigInt(account.stakes[0]?.amount ?? '0')).toBeGreaterThanOrEqual(10_000_000_000n)
  expect(BigInt(account.free)).toBe(12_500_000_000n - 10_000_000_000n - 100_000n)
  expect(staked.height).toBeGreaterThan(0)
})

test("a validator's scores are recomputed from its evidence to the same integers", async () => {
  const revealed = await get<{ events: { type: string; netuid: number; epoch: string; hotkey: string }[] }[]>('/v1/blocks?limit=100')
  const event = revealed.flatMap(({ events }) => events).find(({ type, netuid }) => type === 'weights_revealed' && netuid === 1)
  const report = await json<AuditView>('audit', 'scores', '--epoch', event?.epoch ?? '', '--validator', event?.hotkey ?? '')
  expect(report).toMatchObject({ root_ok: true, phi_ok: true, weights_ok: true, first_difference: null })
  expect(report.records).toBeGreaterThan(10)
})

test('a second node on the same folder and on the same port each get one clear line', async () => {
  const second = await taumesh('start', '--data', folder, '--http', '127.0.0.1:0')
  expect([second.code, second.stderr.trim().split('\n').at(-1)]).toEqual([78, expect.stringContaining('[STORE_LOCKED]')])
  const port = new URL(url).port
  const other = await taumesh('start', '--data', temporaryFolder(), '--http', `127.0.0.1:${port}`, '--miners', '1', '--validators', '1')
  expect([other.code, other.stderr.trim().split('\n').at(-1)]).toEqual([78, expect.stringContaining('[API_PORT_IN_USE]')])
}, 120_000)

test('it stops cleanly on SIGTERM, and a second start goes on where it was', async () => {
  const before = await get<{ head: HeadView }>('/v1/status')
  expect(await node.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(node.lines.at(-1)?.event).toBe('stopped')
  node = startNode(folder)
  url = String((await node.event('ready'))['url'])
  const after = await get<{ head: HeadView }>('/v1/status')
  expect(after.head.genesisHash).toBe(before.head.genesisHash)
  expect(after.head.height).toBeGreaterThanOrEqual(before.head.height)
  expect(await node.end('SIGTERM')).toEqual({ code: 0, signal: null })
}, 120_000)

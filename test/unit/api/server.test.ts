/** The HTTP API as a client sees it: refusals first, then answers. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { api, type Api } from '../../../src/api/server.ts'
import { parseStrictJson } from '../../../src/protocol/strict-json.ts'
import { permissions } from '../../../src/protocol/permissions.ts'
import { encodeSs58 } from '../../../src/protocol/ss58.ts'
import { fromHex } from '../../../src/protocol/bytes.ts'
import { alice, apiParts, bob, fakeLedger } from '../../support/api-parts.ts'

const options = { host: '127.0.0.1', port: 0, hosts: [], dashboard: null }
const json = { 'content-type': 'application/json' }
let submitted: Uint8Array[]
let server: Api
let user: string
let operator: string

beforeEach(async () => {
  submitted = []
  server = await api(options, apiParts({ ledger: fakeLedger(submitted) }))
  const expiresAt = Date.now() + 60_000
  user = await server.tokens.create({ role: 'user', coldkey: alice, expiresAt })
  operator = await server.tokens.create({ role: 'operator', coldkey: bob, expiresAt })
})
afterEach(() => server.close())

const as = (token: string): Record<string, string> => ({ ...json, authorization: `Bearer ${token}` })
const code = (response: { json(): unknown }): string => (response.json() as { error: { code: string } }).error.code
const complete = (payload: unknown, headers = as(user)) =>
  server.server.inject({
    method: 'POST',
    url: '/v1/completions',
    headers,
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })

describe('permissions', () => {
  test('every route that acts refuses every caller without a good token', async () => {
    const acting = Object.entries(permissions).filter(([, need]) => need !== 'read' && need !== 'open')
    expect(acting.length).toBeGreaterThan(6)
    for (const [route] of acting) {
      const [method = '', path = ''] = route.split(' ')
      const url = path.replace(':id', '0'.repeat(16))
      for (const authorization of [undefined, 'Bearer', 'Bearer x', `Bearer ${'0'.repeat(64)}`, `Basic ${user}`]) {
        const response = await server.server.inject({
          method: method as 'GET',
          url,
          headers: { ...(method === 'POST' ? json : {}), ...(authorization === undefined ? {} : { authorization }) },
          ...(method === 'POST' ? { payload: '{}' } : {}),
        })
        expect([response.statusCode, code(response)], `${route} as ${authorization}`).toEqual([401, 'API_UNAUTHENTICATED'])
      }
    }
    expect(submitted).toEqual([])
  })

  test('a user token does not reach operator routes, and an operator token does', async () => {
    expect((await server.server.inject({ url: '/v1/wallets', headers: { authorization: `Bearer ${user}` } })).statusCode).toBe(403)
    expect((await server.server.inject({ url: '/v1/wallets', headers: { authorization: `Bearer ${operator}` } })).statusCode).toBe(200)
  })

  test('reading is free on loopback and nowhere else', async () => {
    expect((await server.server.inject({ url: '/v1/status' })).statusCode).toBe(200)
    expect((await server.server.inject({ url: '/v1/status', remoteAddress: '10.0.0.9' })).statusCode).toBe(401)
    expect(
      (await server.server.inject({ url: '/v1/status', remoteAddress: '10.0.0.9', headers: { authorization: `Bearer ${user}` } }))
        .statusCode,
    ).toBe(200)
  })

  test('an unknown host name or a foreign page is refused before anything is read', async () => {
    expect(code(await server.server.inject({ url: '/v1/status', headers: { host: 'evil.example' } }))).toBe('API_HOST_REFUSED')
    expect(code(await complete({ prompt: 'x' }, { ...as(user), origin: 'http://evil.example' }))).toBe('API_ORIGIN_REFUSED')
  })

  test('an expired or revoked token is unknown', async () => {
    const old = await server.tokens.create({ role: 'admin', coldkey: alice, expiresAt: Date.now() - 1 })
    expect((await complete({ prompt: 'x' }, as(old))).statusCode).toBe(401)
    expect(
      (await server.server.inject({ method: 'DELETE', url: '/v1/tokens/current', headers: { authorization: `Bearer ${user}` } }))
        .statusCode,
    ).toBe(204)
    expect((await complete({ prompt: 'x' })).statusCode).toBe(401)
  })
})

describe('bodies', () => {
  test('unknown fields, coercions, wrong types and missing fields are refused with a stable code', async () => {
    for (const body of [
      { prompt: 'x', extra: 1 },
      { prompt: 1 },
      { prompt: 'x', max_tokens: '5' },
      { prompt: 'x', max_tokens: 1.5 },
      { prompt: '' },
      {},
      [],
      'text',
      { prompt: 'x', n: 2 },
      { prompt: null },
    ]) {
      const response = await complete(JSON.stringify(body))
      expect([response.statusCode, code(response)], JSON.stringify(body)).toEqual([400, 'API_REQUEST_INVALID'])
    }
  })

  test('text that JavaScript would read leniently is refused', async () => {
    const wrong = [
      '',
      '{',
      '{"prompt":"x","prompt":"y"}',
      '{"prompt":"x","seed":9007199254740993}',
      '{"prompt":"x","seed":1e999}',
      '{"__proto__":{},"prompt":"x"}',
      `{"prompt":${'['.repeat(40)}${']'.repeat(40)}}`,
    ]
    for (const text of wrong) {
      const response = await complete(text)
      expect([response.statusCode, code(response)], text.slice(0, 60)).toEqual([400, 'JSON_INVALID'])
    }
    expect(parseStrictJson('{"a":[1,{"a":"\\"}"}],"b":-1.5e3}', { what: 'x', lengthMax: 100, depthMax: 3 })).toEqual({
      a: [1, { a: '"}' }],
      b: -1500,
    })
  })

  test('another content type never reaches a handler, however it is spelled', async () => {
    for (const type of [
      'text/plain',
      'application/jsonp',
      'application/json; charset=latin1',
      'application/json;a=b',
      'APPLICATION/JSON x',
      'multipart/form-data',
    ])
      expect(code(await complete('{"prompt":"x"}', { ...as(user), 'content-type': type })), type).toBe('API_MEDIA_TYPE')
  })

  test('an oversized body is refused by its length', async () => {
    expect(code(await complete({ prompt: 'x'.repeat(70_000) }))).toBe('API_BODY_TOO_LARGE')
  })
})

describe('answers', () => {
  test('a completion names the experts that carried it', async () => {
    const response = await complete({ prompt: 'Hello', max_tokens: 10, seed: 1 })
    expect(response.statusCode).toBe(200)
    const body = response.json<{ choices: { text: string; finish_reason: string }[]; usage: unknown; taumesh: { experts: unknown[] } }>()
    expect(body.choices).toEqual([{ index: 0, text: 'né!', finish_reason: 'length', logprobs: null }])
    expect(body.usage).toEqual({ prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 })
    expect(body.taumesh.experts).toEqual([{ uid: 3, hotkey: encodeSs58(fromHex(bob)), kind: 'order-5', share: 1 }])
  })

  test('a streamed completion sends whole characters, byte shares and an end', async () => {
    const response = await complete({ prompt: 'Hello', stream: true })
    const events = response.body
      .split('\n\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice(6)) as { choices: { text: string }[]; taumesh: { byte?: number } })
    expect(events.map(({ choices }) => choices[0]?.text).join('')).toBe('né!')
    expect(events.map(({ taumesh }) => taumesh.byte).filter((byte) => byte !== undefined)).toEqual([...Buffer.from('né!')])
    expect(response.body.trimEnd().endsWith('data: [DONE]')).toBe(true)
  })

  test('a refusal before the first byte is an HTTP error also when a stream was asked for', async () => {
    expect((await complete({ prompt: 'x', stream: true }, as(operator))).statusCode).toBe(403)
  })

  test('neurons are paged and sorted, amounts are text, addresses are SS58', async () => {
    const response = await server.server.inject({ url: '/v1/markets/1/neurons?sort=stake&order=desc&limit=2' })
    const body = response.json<{ total: number; items: { uid: number; stake: string; hotkey: string; role: string }[] }>()
    expect([body.total, body.items.map(({ uid }) => uid)]).toEqual([3, [2, 1]])
    expect(body.items[0]).toMatchObject({ stake: '2000000000000', hotkey: encodeSs58(fromHex(alice)), role: 'validator' })
    for (const query of ['limit=101', 'limit=x', 'limit=-1', 'limit=1e2', 'sort=secret', 'offset=9999', 'limit=01'])
      expect(code(await server.server.inject({ url: `/v1/markets/1/neurons?${query}` })), query).toBe('API_REQUEST_INVALID')
  })

  test('what is not there is 404 with a code, be it a route, a market or a transaction', async () => {
    expect(code(await server.server.inject({ url: '/v1/nothing' }))).toBe('API_NOT_FOUND')
    expect(code(await server.server.inject({ url: '/v1/markets/7' }))).toBe('LEDGER_NOT_FOUND')
    expect(code(await server.server.inject({ url: `/v1/transactions/${'0'.repeat(64)}` }))).toBe('LEDGER_NOT_FOUND')
    expect(code(await server.server.inject({ url: '/v1/accounts/5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQz' }))).toBe(
      'ADDRESS_INVALID',
    )
  })

  test('a signed transaction is handed to the ledger byte for byte', async () => {
    const response = await server.server.inject({
      method: 'POST',
      url: '/v1/transactions',
      headers: as(user),
      payload: '{"transaction":"00ff10"}',
    })
    expect(response.statusCode).toBe(200)
    expect(submitted.map((bytes) => [...bytes])).toEqual([[0, 255, 16]])
  })

  test('a proof-of-work job can be started, watched and cancelled', async () => {
    const started = await server.server.inject({
      method: 'POST',
      url: '/v1/pow/jobs',
      headers: as(operator),
      payload: JSON.stringify({ netuid: 1, hotkey: encodeSs58(fromHex(alice)) }),
    })
    expect(started.statusCode).toBe(201)
    const { id, state, difficulty } = started.json<{ id: string; state: string; difficulty: string }>()
    expect([state, difficulty]).toEqual(['running', '262144'])
    const headers = { authorization: `Bearer ${operator}` }
    expect((await server.server.inject({ method: 'DELETE', url: `/v1/pow/jobs/${id}`, headers })).json()).toMatchObject({
      state: 'cancelled',
    })
    expect((await server.server.inject({ url: `/v1/pow/jobs/${id}`, headers })).json()).toMatchObject({ state: 'cancelled' })
  })
})

test('a proof-of-work job may name a device, and tells why the CPU took over', async () => {
  const post = (backend: string) =>
    server.server.inject({
      method: 'POST',
      url: '/v1/pow/jobs',
      headers: as(operator),
      payload: JSON.stringify({ netuid: 1, hotkey: encodeSs58(fromHex(alice)), backend }),
    })
  const headers = { authorization: `Bearer ${operator}` }
  const started = await post('cuda:1')
  const { id } = started.json<{ id: string }>()
  expect(started.json()).toMatchObject({ state: 'running', backend: 'cuda:1', fallback: 'cuda:1 was lost' })
  await server.server.inject({ method: 'DELETE', url: `/v1/pow/jobs/${id}`, headers })
  expect((await post('CUDA 1')).statusCode).toBe(400)
})

describe('tokens against a signature', () => {
  // The fake verifier accepts a signature whose first byte is the key's.
  const request = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
    coldkey: encodeSs58(fromHex(alice)),
    issued_at: Date.now(),
    expires_at: Date.now() + 3_600_000,
    signature: `d4${'00'.repeat(63)}`,
    ...over,
  })
  const ask = (body: unknown) => server.server.inject({ method: 'POST', url: '/v1/tokens', headers: json, payload: JSON.stringify(body) })

  test('a good signature gives a token that works once asked for, and not twice', async () => {
    const body = request()
    const response = await ask(body)
    expect(response.statusCode).toBe(200)
    const { token } = response.json<{ token: string }>()
    expect((await complete({ prompt: 'x' }, as(token))).statusCode).toBe(200)
    expect(code(await ask(body))).toBe('API_TOKEN_REPLAYED')
  })

  test('a wrong signature, a stale request and too long a life are refused', async () => {
    expect(code(await ask(request({ signature: '00'.repeat(64) })))).toBe('API_TOKEN_SIGNATURE')
    expect(code(await ask(request({ issued_at: Date.now() - 120_000 })))).toBe('API_TOKEN_STALE')
    expect(code(await ask(request({ expires_at: Date.now() + 40 * 24 * 3_600_000 })))).toBe('API_TOKEN_STALE')
    expect(code(await ask(request({ coldkey: 'x'.repeat(48) })))).toBe('ADDRESS_INVALID')
  })
})

test('the OpenAPI document is 3.1 and lists exactly the routes of the permission table', async () => {
  const document = (await server.server.inject({ url: '/openapi.json' })).json<{
    openapi: string
    paths: Record<string, Record<string, unknown>>
  }>()
  expect(document.openapi).toMatch(/^3\.1/)
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  expect(listed.sort()).toEqual(
    Object.keys(permissions)
      .filter((route) => route.includes(' /v1/'))
      .sort(),
  )
})

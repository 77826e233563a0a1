/** The node's API from the page that it serves. The bearer token stays in this tab's session storage and goes only into a header. */
import type { ErrorView } from '../protocol/views/text.ts'

const TOKEN_KEY = 'taumesh.token'

export const storedToken = (): string => sessionStorage.getItem(TOKEN_KEY) ?? ''
export const storeToken = (token: string): void =>
  token === '' ? sessionStorage.removeItem(TOKEN_KEY) : sessionStorage.setItem(TOKEN_KEY, token)

/** A refusal of the node: its stable code and its one line. */
export class ApiError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response
  const body = (await response.json().catch(() => null)) as ErrorView | null
  throw new ApiError(body?.error.code ?? `HTTP ${response.status}`, body?.error.message ?? response.statusText)
}

export const get = async <T>(path: string): Promise<T> => (await (await checked(await fetch(path))).json()) as T

const authorised = (more: Record<string, string> = {}): Record<string, string> => ({ authorization: `Bearer ${storedToken()}`, ...more })

/** What needs a role: with the token, and a body where there is one. @throws ApiError */
export async function act<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = authorised(body === undefined ? {} : { 'content-type': 'application/json' })
  return (await (await checked(await fetch(path, { method, headers, ...init }))).json()) as T
}

/** Text of an answer as it comes, cut at blank lines: server-sent events. */
async function* blocks(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    text += part.value
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    yield* events
  }
}

/** Server-sent events of a path that needs the token, which EventSource cannot send. @throws ApiError */
export async function* eventsOf(path: string, signal: AbortSignal): AsyncGenerator<{ name: string; data: unknown }> {
  for await (const block of blocks(await checked(await fetch(path, { headers: authorised(), signal })))) {
    const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
    if (name !== '') yield { name, data: JSON.parse(data) }
  }
}

/** One expert's part in a byte or in the whole answer; uid -1 is the public fallback. */
export interface Share {
  uid: number
  kind: string
  share: number
}
export interface Piece {
  text: string
  shares: Share[] | null
  experts: Share[] | null
}
interface RawPiece {
  choices?: { text: string }[]
  taumesh?: { shares?: Share[]; experts?: Share[] }
  error?: { code: string; message: string }
}

/** Streams a completion, piece by piece. @throws ApiError */
export async function* complete(body: Record<string, unknown>, signal: AbortSignal): AsyncGenerator<Piece> {
  const response = await checked(
    await fetch('/v1/completions', {
      method: 'POST',
      signal,
      headers: authorised({ 'content-type': 'application/json' }),
      body: JSON.stringify({ ...body, stream: true }),
    }),
  )
  for await (const event of blocks(response)) {
    if (!event.startsWith('data: {')) continue
    const { choices, taumesh, error } = JSON.parse(event.slice(6)) as RawPiece
    if (error !== undefined) throw new ApiError(error.code, error.message)
    yield { text: choices?.[0]?.text ?? '', shares: taumesh?.shares ?? null, experts: taumesh?.experts ?? null }
  }
}

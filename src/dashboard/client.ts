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
      headers: { 'content-type': 'application/json', authorization: `Bearer ${storedToken()}` },
      body: JSON.stringify({ ...body, stream: true }),
    }),
  )
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    text += part.value
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      if (!event.startsWith('data: {')) continue
      const { choices, taumesh, error } = JSON.parse(event.slice(6)) as RawPiece
      if (error !== undefined) throw new ApiError(error.code, error.message)
      yield { text: choices?.[0]?.text ?? '', shares: taumesh?.shares ?? null, experts: taumesh?.experts ?? null }
    }
  }
}

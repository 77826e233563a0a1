/** A client of a running node's HTTP API, for the command line: finds the node through the file it leaves in its data folder. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NodeError } from '../protocol/errors.ts'

/** Left by a running node in its data folder. */
export const NODE_FILE = 'node.json'
/** The admin token of a node, made at its first start, mode 0600. */
export const TOKEN_FILE = 'api.token'

export interface RemoteOptions {
  /** URL of the node; default: what the data folder says. */
  url?: string | undefined
  dataFolder: string
}
export interface Remote {
  readonly url: string
  get<T>(path: string): Promise<T>
  /** The same with the token, for what needs a role. */
  getWithToken<T>(path: string): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
  /** Server-sent `data:` payloads of an answer, parsed. */
  stream(path: string, body: unknown): AsyncGenerator<Record<string, unknown>, void>
}

function urlOf({ url, dataFolder }: RemoteOptions): string {
  if (url !== undefined) return url.replace(/\/$/, '')
  const file = join(dataFolder, NODE_FILE)
  if (!existsSync(file)) throw new NodeError('CLI_NO_NODE', { url: `the data folder ${dataFolder}` })
  return (JSON.parse(readFileSync(file, 'utf8')) as { url: string }).url
}

/** A client; nothing is sent before the first call. @throws NodeError CLI_NO_NODE */
export function remote(options: RemoteOptions): Remote {
  const url = urlOf(options)
  const tokenFile = join(options.dataFolder, TOKEN_FILE)
  const token = existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : null
  const send = async (path: string, init: RequestInit, withToken: boolean): Promise<Response> => {
    const headers: Record<string, string> = { ...(init.headers as Record<string, string>) }
    if (token !== null && withToken) headers['authorization'] = `Bearer ${token}`
    let response: Response
    try {
      response = await fetch(`${url}${path}`, { ...init, headers })
    } catch (cause) {
      throw new NodeError('CLI_NO_NODE', { url }, { cause })
    }
    if (response.ok) return response
    const text = await response.text()
    let detail = `HTTP ${response.status}`
    try {
      const { error } = JSON.parse(text) as { error: { code: string; message: string } }
      detail = `${error.message} [${error.code}]`
    } catch {
      // Not one of our answers: the status has to do.
    }
    throw new NodeError('CLI_REMOTE', { detail })
  }
  const post = (path: string, body: unknown): Promise<Response> =>
    send(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }, true)
  const get = async (path: string, withToken: boolean): Promise<unknown> => await (await send(path, { method: 'GET' }, withToken)).json()
  return {
    url,
    get: async <T>(path: string) => (await get(path, false)) as T,
    getWithToken: async <T>(path: string) => (await get(path, true)) as T,
    post: async <T>(path: string, body: unknown) => (await (await post(path, body)).json()) as T,
    async *stream(path, body) {
      const response = await post(path, body)
      let text = ''
      for await (const chunk of response.body ?? []) {
        text += new TextDecoder().decode(chunk as Uint8Array, { stream: true })
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const line = text.slice(0, end).trim()
          text = text.slice(end + 2)
          if (!line.startsWith('data: ') || line === 'data: [DONE]') continue
          const value = JSON.parse(line.slice(6)) as Record<string, unknown>
          const error = value['error'] as { code: string; message: string } | undefined
          if (error !== undefined) throw new NodeError('CLI_REMOTE', { detail: `${error.message} [${error.code}]` })
          yield value
        }
      }
    },
  }
}

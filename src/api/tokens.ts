/**
 * Bearer tokens: 256 random bits, stored only as their SHA-256, compared by looking the hash up. A coldkey gets one against
 * its signature; the node's own admin token is written to a file of mode 0600 by `node`.
 */
import { toHex, u64le, utf8, type Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'
import { tokenSigningBytes } from '../protocol/token-request.ts'
import type { ApiRole } from '../protocol/permissions.ts'
import type { Clock, Random } from '../protocol/ports/platform.ts'
import type { Scheme, SignatureCompute } from '../protocol/ports/compute.ts'
import type { RecordTable } from '../protocol/ports/records.ts'

/** How far from now a request for a token may be signed. */
const ISSUE_WINDOW_MS = 60_000
export const TOKEN_LIFE_MS_MAX = 30 * 24 * 3_600_000

export interface Holder {
  role: ApiRole
  /** The coldkey that the token stands for. */
  coldkey: Hex
  expiresAt: number
}
export interface TokenRequest {
  coldkey: Uint8Array
  scheme: Scheme
  issuedAt: number
  expiresAt: number
  signature: Uint8Array
}

export interface Tokens {
  /** Makes a token without a signature: for the node itself. */
  create(holder: Holder): Promise<string>
  /** Makes a token for a coldkey. @throws API_TOKEN_STALE, API_TOKEN_SIGNATURE, API_TOKEN_REPLAYED */
  issue(request: TokenRequest): Promise<{ token: string; holder: Holder }>
  /** Who holds a token, null when it is unknown or over. */
  holder(token: string): Promise<Holder | null>
  revoke(token: string): Promise<void>
}

export function tokens(
  options: { genesis: Uint8Array },
  parts: { table: RecordTable; signature: Pick<SignatureCompute, 'verify'>; clock: Clock; random: Random },
): Tokens {
  const { table, signature, clock, random } = parts
  const keyOf = (token: string): string => `token/${toHex(sha256(utf8(token)))}`
  const create = async (holder: Holder): Promise<string> => {
    const token = toHex(random.bytes(32))
    await table.put(keyOf(token), utf8(JSON.stringify(holder)))
    return token
  }
  return {
    create,
    async issue(request) {
      const now = clock.now()
      if (Math.abs(request.issuedAt - now) > ISSUE_WINDOW_MS) throw new NodeError('API_TOKEN_STALE', { seconds: ISSUE_WINDOW_MS / 1000 })
      if (request.expiresAt <= now || request.expiresAt > now + TOKEN_LIFE_MS_MAX) throw new NodeError('API_TOKEN_STALE', { seconds: 0 })
      const message = tokenSigningBytes(options.genesis, request)
      if (!signature.verify(request.scheme, request.coldkey, message, request.signature)) throw new NodeError('API_TOKEN_SIGNATURE')
      // sr25519 signatures are not unique, so it is the signed text that may be used once.
      const used = `used/${toHex(sha256(message))}`
      if ((await table.get(used)) !== null) throw new NodeError('API_TOKEN_REPLAYED')
      await table.put(used, u64le(BigInt(now)))
      const holder: Holder = { role: 'user', coldkey: toHex(request.coldkey), expiresAt: request.expiresAt }
      return { token: await create(holder), holder }
    },
    async holder(token) {
      if (!/^[0-9a-f]{64}$/.test(token)) return null
      const stored = await table.get(keyOf(token))
      if (stored === null) return null
      const holder = JSON.parse(new TextDecoder().decode(stored)) as Holder
      return holder.expiresAt > clock.now() ? holder : null
    },
    async revoke(token) {
      await table.delete(keyOf(token))
    },
  }
}

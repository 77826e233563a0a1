/**
 * Who may do what over REST: one row per route, deny by default. A route without a row keeps the server from starting, so
 * none can be forgotten. `open` routes answer anybody who reaches the listener; on loopback `read` does too.
 */
export type ApiRole = 'read' | 'user' | 'operator' | 'admin'
export type Permission = 'open' | ApiRole

/** What each role includes beyond itself. */
const includes: Record<ApiRole, readonly ApiRole[]> = {
  read: ['read'],
  user: ['read', 'user'],
  operator: ['read', 'user', 'operator'],
  admin: ['read', 'user', 'operator', 'admin'],
}

export const permissions = {
  'GET /v1/status': 'read',
  'GET /v1/parameters': 'read',
  'GET /v1/markets': 'read',
  'GET /v1/markets/:netuid': 'read',
  'GET /v1/markets/:netuid/neurons': 'read',
  'GET /v1/markets/:netuid/neurons/:uid': 'read',
  'GET /v1/markets/:netuid/epochs': 'read',
  'GET /v1/markets/:netuid/epochs/:epoch/neurons/:uid': 'read',
  'GET /v1/markets/:netuid/scores': 'read',
  'GET /v1/markets/:netuid/audits/:epoch/:validator': 'operator',
  'GET /v1/accounts/:address': 'read',
  'GET /v1/hotkeys/:address': 'read',
  'GET /v1/blocks': 'read',
  'GET /v1/blocks/:height': 'read',
  'GET /v1/transactions/:id': 'read',
  'POST /v1/transactions': 'user',
  'GET /v1/events': 'read',
  'GET /v1/history': 'read',
  'GET /v1/quality': 'read',
  'GET /v1/devices': 'read',
  'GET /v1/wallets': 'operator',
  'POST /v1/tokens': 'open',
  'DELETE /v1/tokens/current': 'user',
  'POST /v1/completions': 'user',
  'GET /v1/pow/jobs': 'operator',
  'POST /v1/pow/jobs': 'operator',
  'GET /v1/pow/jobs/:id': 'operator',
  'DELETE /v1/pow/jobs/:id': 'operator',
  'POST /v1/bench': 'operator',
  'GET /v1/bench/jobs': 'operator',
  'GET /v1/bench/jobs/:id': 'operator',
  'GET /v1/bench/jobs/:id/events': 'operator',
  'DELETE /v1/bench/jobs/:id': 'operator',
  'GET /v1/bench/reports': 'read',
  'GET /v1/bench/reports/:id': 'read',
  'GET /v1/bench/comparisons': 'read',
  'GET /openapi.json': 'open',
  'GET /docs': 'open',
  'GET /docs/': 'open',
  'GET /docs/js/scalar.js': 'open',
  'GET /docs/openapi.json': 'open',
  'GET /docs/openapi.yaml': 'open',
  'GET /': 'open',
  'GET /*': 'open',
} as const satisfies Record<string, Permission>
export type Route = keyof typeof permissions

export const isRoute = (route: string): route is Route => Object.hasOwn(permissions, route)
export const allows = (have: ApiRole, need: ApiRole): boolean => includes[have].includes(need)

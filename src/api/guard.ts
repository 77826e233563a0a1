/** Deny by default: every route has a row in protocol/permissions.ts, and this hook enforces it before anything else runs. */
import type { FastifyRequest } from 'fastify'
import { NodeError } from '../protocol/errors.ts'
import { allows, isRoute, permissions, type Permission } from '../protocol/permissions.ts'
import type { Tokens } from './tokens.ts'
import type { Server } from './parts.ts'

const loopback = /^(?:127\.|::1$|::ffff:127\.)/
const bearer = /^Bearer ([0-9a-f]{64})$/

export interface GuardOptions {
  /** Host names (without port) that this node answers for besides loopback's own: against DNS rebinding. */
  hosts: readonly string[]
}

function permissionOf(request: FastifyRequest): Permission | null {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const route = `${method} ${request.routeOptions.url ?? ''}`
  return isRoute(route) ? permissions[route] : null
}

function checkHost(request: FastifyRequest, hosts: readonly string[]): void {
  const host = request.host.replace(/:\d+$/, '').toLowerCase()
  if (!['localhost', '127.0.0.1', '[::1]', ...hosts].includes(host)) throw new NodeError('API_HOST_REFUSED', { host: host.slice(0, 80) })
  const { origin } = request.headers
  if (origin !== undefined && origin !== `http://${request.host}` && origin !== `https://${request.host}`)
    throw new NodeError('API_ORIGIN_REFUSED', { origin: origin.slice(0, 80) })
}

/** Installs the checks. @throws at start, by fastify, when a route has no row */
export function guard(server: Server, options: GuardOptions, tokens: Tokens): void {
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      const route = `${one === 'HEAD' ? 'GET' : one} ${url}`
      if (one !== 'OPTIONS' && !isRoute(route)) throw new Error(`route without a permission row: ${route}`)
    }
  })
  server.decorateRequest('holder', null)
  server.addHook('onRequest', async (request) => {
    checkHost(request, options.hosts)
    const permission = permissionOf(request)
    if (permission === null) throw new NodeError('API_NOT_FOUND', { path: request.url.slice(0, 120) })
    const [, token] = bearer.exec(request.headers.authorization ?? '') ?? []
    if (token !== undefined) request.holder = await tokens.holder(token)
    if (permission === 'open') return
    if (permission === 'read' && request.headers.authorization === undefined && loopback.test(request.ip)) return
    if (request.holder === null) throw new NodeError('API_UNAUTHENTICATED')
    if (!allows(request.holder.role, permission)) throw new NodeError('API_FORBIDDEN', { role: permission })
  })
}

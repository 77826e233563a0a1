/** The node itself: status, quality, scores, wallets, devices, tokens. */
import { Type } from 'typebox'
import { fromHex, toHex } from '../protocol/bytes.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { headView } from '../protocol/views/chain.ts'
import { marketView } from '../protocol/views/market.ts'
import {
  auditView,
  AuditView,
  DeviceView,
  qualityView,
  QualityView,
  scoreView,
  ScoreView,
  StatusView,
  TokenView,
  WalletView,
} from '../protocol/views/node.ts'
import { Address, address, Amount, Count } from '../protocol/views/text.ts'
import type { RouteParts, Server } from './parts.ts'

export function nodeRoutes(server: Server, { ledger, info, compute, clock }: RouteParts): void {
  server.get('/v1/status', {
    schema: { summary: 'This node and the head of its chain.', tags: ['node'], response: { 200: StatusView } },
    handler: async () => {
      const [head, markets] = await Promise.all([ledger.query('head'), ledger.query('markets')])
      return {
        version: info.version,
        startedAt: info.startedAt,
        uptimeSeconds: (clock.now() - info.startedAt) / 1000,
        head: headView(head),
        markets: markets.map(marketView),
        roles: info.roles().map((role) => ({ ...role, hotkey: role.hotkey === null ? null : address(role.hotkey) })),
        milestones: info.milestones(),
      }
    },
  })
  server.get('/v1/quality', {
    schema: {
      summary: 'Quality of the mixture in bits per byte on held-out text, step by step, oldest first.',
      tags: ['models'],
      querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 200 }) }),
      response: { 200: Type.Array(QualityView) },
    },
    handler: async ({ query }) => (await info.quality(query.limit)).map(qualityView),
  })
  server.get('/v1/markets/:netuid/scores', {
    schema: {
      summary: 'What the validators of this node measured of each miner.',
      tags: ['models'],
      params: Type.Object({ netuid: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
      response: { 200: Type.Array(ScoreView) },
    },
    handler: ({ params }) => info.scores(params.netuid).map(scoreView),
  })
  server.get('/v1/markets/:netuid/audits/:epoch/:validator', {
    schema: {
      summary: "Computes a validator's scores of an epoch again from its evidence, fetched from the validator itself.",
      tags: ['models'],
      params: Type.Object({ netuid: Type.Integer({ minimum: 0, maximum: 65_535 }), epoch: Amount, validator: Address }),
      response: { 200: AuditView },
    },
    handler: async ({ params }) => auditView(await info.audit(params.netuid, BigInt(params.epoch), toHex(decodeSs58(params.validator)))),
  })
  server.get('/v1/devices', {
    schema: {
      summary: 'Devices of this machine, with the reason for each that cannot be used.',
      tags: ['node'],
      response: { 200: Type.Array(DeviceView) },
    },
    handler: () => compute.tensor.devices(),
  })
  server.get('/v1/wallets', {
    schema: {
      summary: 'Wallets in the data folder: names and addresses, never secrets.',
      tags: ['node'],
      response: { 200: Type.Array(WalletView) },
    },
    handler: async () =>
      (await info.wallets()).map(({ name, coldkey, hotkeys }) => ({
        name,
        coldkey: address(coldkey),
        hotkeys: hotkeys.map((one) => ({ name: one.name, hotkey: address(one.hotkey) })),
      })),
  })
}

export function tokenRoutes(server: Server, { tokens }: RouteParts): void {
  server.post('/v1/tokens', {
    schema: {
      summary: 'A bearer token for a coldkey, against its signature.',
      description:
        'The signature is over `taumesh:token:1` ‖ 00 ‖ SHA-256(genesis ‖ coldkey ‖ issued_at u64 LE ‖ expires_at u64 LE); times are Unix ms. `taumesh token` makes the request.',
      tags: ['node'],
      body: Type.Object(
        {
          coldkey: Address,
          scheme: Type.Optional(Type.Union([Type.Literal('sr25519'), Type.Literal('ed25519')])),
          issued_at: Count,
          expires_at: Count,
          signature: Type.String({ pattern: '^[0-9a-f]{128}$' }),
        },
        { additionalProperties: false },
      ),
      response: { 200: TokenView },
    },
    handler: async ({ body }) => {
      const { token, holder } = await tokens.issue({
        coldkey: decodeSs58(body.coldkey),
        scheme: body.scheme ?? 'sr25519',
        issuedAt: body.issued_at,
        expiresAt: body.expires_at,
        signature: fromHex(body.signature),
      })
      return { token, coldkey: address(holder.coldkey), role: holder.role, expiresAt: holder.expiresAt }
    },
  })
  server.delete('/v1/tokens/current', {
    schema: { summary: 'Revokes the token that this request carries.', tags: ['node'], response: { 204: Type.Null() } },
    handler: async (request, reply) => {
      await tokens.revoke((request.headers.authorization ?? '').slice('Bearer '.length))
      return reply.status(204).send(null)
    },
  })
}

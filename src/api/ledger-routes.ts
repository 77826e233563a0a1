/** What the ledger knows: parameters, markets, neurons, accounts, blocks, transactions, history. */
import { Type } from 'typebox'
import { fromHex, toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import {
  accountView,
  AccountView,
  blockView,
  BlockView,
  historyView,
  HistoryView,
  hotkeyView,
  HotkeyView,
  receiptView,
  ReceiptView,
} from '../protocol/views/chain.ts'
import {
  epochView,
  EpochView,
  explanationView,
  ExplanationView,
  marketView,
  MarketView,
  neuronHistoryView,
  NeuronHistoryView,
  neuronView,
  NeuronView,
} from '../protocol/views/market.ts'
import { Address, Amount, Count, Hash } from '../protocol/views/text.ts'
import type { RouteParts, Server } from './parts.ts'
import { neuronSortKeys, sortNeurons } from './neuron-order.ts'

const Netuid = Type.Integer({ minimum: 0, maximum: 65_535 })
const MarketParams = Type.Object({ netuid: Netuid })
const NeuronParams = Type.Object({ netuid: Netuid, uid: Type.Integer({ minimum: 0, maximum: 4_095 }) })
/** A signed transaction has at most 64 KiB. */
const TRANSACTION_HEX_MAX = 2 * 65_536

export function marketRoutes(server: Server, { ledger, info }: RouteParts): void {
  server.get('/v1/parameters', {
    schema: {
      summary: 'Every governed parameter by name; amounts as decimal strings.',
      tags: ['ledger'],
      response: { 200: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])) },
    },
    handler: async () =>
      Object.fromEntries(
        Object.entries(await ledger.query('parameters')).map(([name, value]) => [
          name,
          typeof value === 'bigint' ? value.toString() : value,
        ]),
      ),
  })
  server.get('/v1/markets', {
    schema: { summary: 'All task markets.', tags: ['ledger'], response: { 200: Type.Array(MarketView) } },
    handler: async () => (await ledger.query('markets')).map(marketView),
  })
  server.get('/v1/markets/:netuid', {
    schema: { summary: 'One market.', tags: ['ledger'], params: MarketParams, response: { 200: MarketView } },
    handler: async ({ params }) => marketView(await ledger.query('market', params.netuid)),
  })
  server.get('/v1/markets/:netuid/neurons', {
    schema: {
      summary: 'The neurons of a market, paged and sorted.',
      tags: ['ledger'],
      params: MarketParams,
      querystring: Type.Object({
        offset: Type.Integer({ minimum: 0, maximum: 4_096, default: 0 }),
        limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
        sort: Type.Union(
          neuronSortKeys.map((key) => Type.Literal(key)),
          { default: 'uid' },
        ),
        order: Type.Union([Type.Literal('asc'), Type.Literal('desc')], { default: 'asc' }),
      }),
      response: { 200: Type.Object({ total: Count, offset: Count, items: Type.Array(NeuronView) }) },
    },
    handler: async ({ params, query }) => {
      const [market, neurons] = await Promise.all([ledger.query('market', params.netuid), ledger.query('neurons', params.netuid)])
      const items = sortNeurons(neurons, query.sort, query.order).slice(query.offset, query.offset + query.limit)
      return {
        total: neurons.length,
        offset: query.offset,
        items: items.map((neuron) => neuronView(neuron, market.validatorStakeMinimum, info.told(neuron.hotkey))),
      }
    },
  })
  server.get('/v1/markets/:netuid/neurons/:uid', {
    schema: {
      summary: 'One neuron with its history, newest epoch first.',
      tags: ['ledger'],
      params: NeuronParams,
      response: { 200: Type.Object({ neuron: NeuronView, history: Type.Array(NeuronHistoryView) }) },
    },
    handler: async ({ params: { netuid, uid } }) => {
      const [market, neuron, history] = await Promise.all([
        ledger.query('market', netuid),
        ledger.query('neuron', netuid, uid),
        ledger.query('neuronHistory', netuid, uid, 100),
      ])
      return { neuron: neuronView(neuron, market.validatorStakeMinimum, info.told(neuron.hotkey)), history: history.map(neuronHistoryView) }
    },
  })
}

export function epochRoutes(server: Server, { ledger }: RouteParts): void {
  server.get('/v1/markets/:netuid/epochs', {
    schema: {
      summary: 'Epochs of a market, newest first.',
      tags: ['ledger'],
      params: MarketParams,
      querystring: Type.Object({ before: Type.Optional(Amount), limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }) }),
      response: { 200: Type.Array(EpochView) },
    },
    handler: async ({ params, query }) =>
      (await ledger.query('epochs', params.netuid, query.before === undefined ? null : BigInt(query.before), query.limit)).map(epochView),
  })
  server.get('/v1/markets/:netuid/epochs/:epoch/neurons/:uid', {
    schema: {
      summary: 'Why a neuron was paid what it was paid in an epoch, number by number.',
      tags: ['ledger'],
      params: Type.Object({ netuid: Netuid, epoch: Amount, uid: Type.Integer({ minimum: 0, maximum: 4_095 }) }),
      response: { 200: ExplanationView },
    },
    handler: async ({ params }) => explanationView(await ledger.query('explain', params.netuid, BigInt(params.epoch), params.uid)),
  })
  server.get('/v1/history', {
    schema: {
      summary: 'Issuance, total stake, difficulty and price over time, oldest first.',
      tags: ['ledger'],
      querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 200 }) }),
      response: { 200: Type.Array(HistoryView) },
    },
    handler: async ({ query }) => (await ledger.query('history', query.limit)).map(historyView),
  })
}

export function accountRoutes(server: Server, { ledger }: RouteParts): void {
  const params = Type.Object({ address: Address })
  server.get('/v1/accounts/:address', {
    schema: {
      summary: 'A coldkey: balances, nonce and what it has staked where.',
      tags: ['ledger'],
      params,
      response: { 200: AccountView },
    },
    handler: async ({ params: { address } }) => accountView(await ledger.query('account', toHex(decodeSs58(address)))),
  })
  server.get('/v1/hotkeys/:address', {
    schema: { summary: 'A hotkey: owner, take, and the stake behind it.', tags: ['ledger'], params, response: { 200: HotkeyView } },
    handler: async ({ params: { address } }) => hotkeyView(await ledger.query('hotkey', toHex(decodeSs58(address)))),
  })
}

export function blockRoutes(server: Server, { ledger }: RouteParts): void {
  server.get('/v1/blocks', {
    schema: {
      summary: 'The newest blocks, or those before a height, newest first.',
      tags: ['ledger'],
      querystring: Type.Object({ before: Type.Optional(Count), limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }) }),
      response: { 200: Type.Array(BlockView) },
    },
    handler: async ({ query }) => {
      const top = Math.min((await ledger.query('head')).height, (query.before ?? Number.MAX_SAFE_INTEGER) - 1)
      const from = Math.max(0, top - query.limit + 1)
      if (top < 0) return []
      return (await ledger.query('blocks', from, top - from + 1)).map(blockView).reverse()
    },
  })
  server.get('/v1/blocks/:height', {
    schema: { summary: 'One block.', tags: ['ledger'], params: Type.Object({ height: Count }), response: { 200: BlockView } },
    handler: async ({ params: { height } }) => {
      const [block] = await ledger.query('blocks', height, 1)
      if (block === undefined) throw new NodeError('LEDGER_NOT_FOUND', { what: `block ${height}` })
      return blockView(block)
    },
  })
  server.get('/v1/transactions/:id', {
    schema: {
      summary: 'The receipt of a transaction.',
      tags: ['ledger'],
      params: Type.Object({ id: Hash }),
      response: { 200: ReceiptView },
    },
    handler: async ({ params: { id } }) => {
      const receipt = await ledger.query('receipt', id)
      if (receipt === null) throw new NodeError('LEDGER_NOT_FOUND', { what: `transaction ${id}` })
      return receiptView(receipt)
    },
  })
  server.post('/v1/transactions', {
    bodyLimit: TRANSACTION_HEX_MAX + 1_024,
    schema: {
      summary: 'Submit the canonical bytes of a signed transaction; answers with its receipt once the block is durable.',
      tags: ['ledger'],
      body: Type.Object(
        { transaction: Type.String({ pattern: '^([0-9a-f]{2})+$', maxLength: TRANSACTION_HEX_MAX, description: 'Hex.' }) },
        { additionalProperties: false },
      ),
      response: { 200: ReceiptView },
    },
    handler: async ({ body }) => receiptView(await ledger.submit(fromHex(body.transaction))),
  })
}

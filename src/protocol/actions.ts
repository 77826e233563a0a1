/**
 * The kinds of transaction as bytes (ledger.md, Transactions): a number and an SSZ container for each, and what every
 * value must keep to whatever the state is. Numbers are never reused.
 */
import { ByteListType, ContainerType, ListBasicType, ListCompositeType } from '@chainsafe/ssz'
import type { Type } from '@chainsafe/ssz'
import { asciiOf, B16, B32, bytesOfAscii, decodeCanonical, encodeCanonical, requireKey, u16, u64, u8 } from './canonical.ts'
import { NodeError } from './errors.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX, MODEL_CLASS_MAX, NEURONS_MAX, SEQUENCE_LENGTHS, TRANSACTION_BYTES_MAX } from './ledger-limits.ts'
import type { Action, ActionKind } from './ports/ledger.ts'

/** Whose key signs: the one that owns funds, or the one that a neuron signs with. */
export type SignerRole = 'coldkey' | 'hotkey'
type Of<K extends ActionKind> = Extract<Action, { kind: K }>

interface Codec<A extends Action> {
  code: number
  role: SignerRole
  encode(action: A): Uint8Array
  decode(bytes: Uint8Array): A
}

function codec<K extends ActionKind, F>(
  kind: K,
  code: number,
  role: SignerRole,
  type: Type<F>,
  toFields: (action: Of<K>) => F,
  fromFields: (fields: F) => Of<K>,
): Codec<Of<K>> {
  return {
    code,
    role,
    encode(action) {
      checkAction(action)
      return encodeCanonical(type, toFields(action), kind)
    },
    decode(bytes) {
      const action = fromFields(decodeCanonical(type, bytes, kind, TRANSACTION_BYTES_MAX))
      checkAction(action)
      return action
    },
  }
}

const weightList = new ListBasicType(u16, NEURONS_MAX)
const addressList = new ListCompositeType(new ByteListType(ADDRESS_BYTES_MAX), ADDRESSES_MAX)
const stakeType = new ContainerType({ hotkey: B32, amount: u64 })
const takeType = new ContainerType({ hotkey: B32, take: u16 })

const codecs: { [K in ActionKind]: Codec<Of<K>> } = {
  transfer: codec('transfer', 1, 'coldkey', new ContainerType({ to: B32, amount: u64 }), plain, (f) => ({ kind: 'transfer', ...f })),
  register: codec('register', 2, 'hotkey', new ContainerType({ netuid: u16, coldkey: B32, block: u64, nonce: u64 }), plain, (f) => ({
    kind: 'register',
    ...f,
  })),
  register_burned: codec('register_burned', 3, 'coldkey', new ContainerType({ netuid: u16, hotkey: B32, limit: u64 }), plain, (f) => ({
    kind: 'register_burned',
    ...f,
  })),
  add_stake: codec('add_stake', 4, 'coldkey', stakeType, plain, (f) => ({ kind: 'add_stake', ...f })),
  remove_stake: codec('remove_stake', 5, 'coldkey', stakeType, plain, (f) => ({ kind: 'remove_stake', ...f })),
  move_stake: codec('move_stake', 6, 'coldkey', new ContainerType({ from: B32, to: B32, amount: u64 }), plain, (f) => ({
    kind: 'move_stake',
    ...f,
  })),
  become_delegate: codec('become_delegate', 7, 'coldkey', takeType, plain, (f) => ({ kind: 'become_delegate', ...f })),
  set_take: codec('set_take', 8, 'coldkey', takeType, plain, (f) => ({ kind: 'set_take', ...f })),
  serve: codec(
    'serve',
    9,
    'hotkey',
    new ContainerType({ netuid: u16, addresses: addressList, httpIp: B16, httpPort: u16 }),
    (action) => ({ ...action, addresses: action.addresses.map((text) => bytesOfAscii(text, 'serve', 'an address')) }),
    (f) => ({ kind: 'serve', ...f, addresses: f.addresses.map((bytes) => asciiOf(bytes, 'serve', 'an address')) }),
  ),
  commit_model: codec(
    'commit_model',
    10,
    'hotkey',
    new ContainerType({ netuid: u16, root: B32, class: u8, sequenceLength: u16 }),
    plain,
    (f) => ({ kind: 'commit_model', ...f }),
  ),
  commit_weights: codec('commit_weights', 11, 'hotkey', new ContainerType({ netuid: u16, epoch: u64, commitment: B32 }), plain, (f) => ({
    kind: 'commit_weights',
    ...f,
  })),
  reveal_weights: codec(
    'reveal_weights',
    12,
    'hotkey',
    new ContainerType({ netuid: u16, epoch: u64, uids: weightList, values: weightList, salt: B32, evidence: B32 }),
    (action) => ({ ...action, uids: [...action.uids], values: [...action.values] }),
    (f) => ({ kind: 'reveal_weights', ...f, uids: Uint16Array.from(f.uids), values: Uint16Array.from(f.values) }),
  ),
}

/** Most kinds have their fields in the action's own form. */
function plain<A extends Action>(action: A): A {
  return action
}

const kinds = new Map<number, ActionKind>(Object.entries(codecs).map(([kind, { code }]) => [code, kind as ActionKind]))
export const actionKinds: readonly ActionKind[] = [...kinds.values()]

const codecOf = (kind: ActionKind): Codec<Action> => {
  const found: unknown = Object.hasOwn(codecs, kind) ? codecs[kind] : undefined
  if (!found) throw new NodeError('LEDGER_MALFORMED', { what: 'transaction', detail: 'its kind is unknown' })
  return found as Codec<Action>
}

/** Whose key must sign a transaction of this kind. */
export const signerRole = (kind: ActionKind): SignerRole => codecOf(kind).role

/** The number of an action's kind and its fields in canonical SSZ. @throws NodeError LEDGER_MALFORMED */
export const encodeAction = (action: Action): { code: number; fields: Uint8Array } => {
  const codec = codecOf(action.kind)
  return { code: codec.code, fields: codec.encode(action) }
}

/** @throws NodeError LEDGER_MALFORMED for an unknown kind, bytes that are not canonical, or values that no state would take */
export function decodeAction(code: number, fields: Uint8Array): Action {
  const kind = kinds.get(code)
  if (kind === undefined) throw new NodeError('LEDGER_MALFORMED', { what: 'transaction', detail: `kind ${code} is unknown` })
  return codecOf(kind).decode(fields)
}

const malformed = (what: ActionKind, detail: string): NodeError => new NodeError('LEDGER_MALFORMED', { what, detail })

/** What holds for an action in any state. @throws NodeError LEDGER_MALFORMED */
function checkAction(action: Action): void {
  const key = (bytes: Uint8Array, field: string): void => requireKey(bytes, action.kind, field)
  switch (action.kind) {
    case 'transfer':
      return key(action.to, 'to')
    case 'register':
      return key(action.coldkey, 'coldkey')
    case 'register_burned':
    case 'add_stake':
    case 'remove_stake':
    case 'become_delegate':
    case 'set_take':
      return key(action.hotkey, 'hotkey')
    case 'move_stake':
      key(action.from, 'from')
      return key(action.to, 'to')
    case 'serve':
      return checkEndpoint(action)
    case 'commit_model':
      if (action.class > MODEL_CLASS_MAX) throw malformed(action.kind, `class is above ${MODEL_CLASS_MAX}`)
      if (!SEQUENCE_LENGTHS.includes(action.sequenceLength)) throw malformed(action.kind, 'sequenceLength is no length of the network')
      return
    case 'commit_weights':
      return
    case 'reveal_weights':
      return checkRow(action)
  }
}

/** Addresses are multiaddresses in text form; whether one may be dialled is the caller's to judge (wire.md 1.8). */
function checkEndpoint(action: Of<'serve'>): void {
  if (action.addresses.some((text) => !/^\/[\x21-\x7e]+$/.test(text))) throw malformed(action.kind, 'an address is no multiaddress')
  if (new Set(action.addresses).size !== action.addresses.length) throw malformed(action.kind, 'an address is repeated')
  const ip = action.httpIp.some((byte) => byte !== 0)
  if (ip !== action.httpPort > 0) throw malformed(action.kind, 'httpIp and httpPort stand together or not at all')
}

function checkRow(action: Of<'reveal_weights'>): void {
  if (action.uids.length !== action.values.length) throw malformed(action.kind, 'uids and values differ in length')
  for (let i = 1; i < action.uids.length; i++)
    if ((action.uids[i] ?? 0) <= (action.uids[i - 1] ?? 0)) throw malformed(action.kind, 'uids do not increase')
  if (action.uids.some((uid) => uid >= NEURONS_MAX)) throw malformed(action.kind, `a uid is not below ${NEURONS_MAX}`)
}

/**
 * Which addresses may be dialled (wire.md 1.8, T44): a literal ip4 or ip6 address with a tcp port, and no address that
 * leads into a private, local or reserved network, also not one wrapped into IPv6. No names are looked up.
 */
import { isIPv4, isIPv6 } from 'node:net'

type Range = readonly [prefix: Uint8Array, bits: number]

const v4 = (text: string): Uint8Array => Uint8Array.from(text.split('.'), Number)

/** Sixteen bytes of an IPv6 address without zone; the text has passed `isIPv6`. */
function v6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const quad = dotted === null ? undefined : v4(dotted[2] as string)
  const pair = (i: number): string => (((quad?.[i] ?? 0) << 8) | (quad?.[i + 1] ?? 0)).toString(16)
  const [head = '', tail] = (quad === undefined ? text : `${dotted?.[1]}${pair(0)}:${pair(2)}`).split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = groups(head)
  const behind = tail === undefined ? [] : groups(tail)
  const all = [...before, ...Array<string>(8 - before.length - behind.length).fill('0'), ...behind]
  return Uint8Array.from(all.flatMap((group) => [parseInt(group, 16) >>> 8, parseInt(group, 16) & 0xff]))
}

const ranges4 = (...texts: string[]): Range[] => texts.map((text) => [v4(text.split('/')[0] as string), Number(text.split('/')[1])])
const ranges6 = (...texts: string[]): Range[] => texts.map((text) => [v6(text.split('/')[0] as string), Number(text.split('/')[1])])

/** Private networks and this machine: open where `allowPrivate` is set, as a network on one machine or desk needs. */
const private4 = ranges4('10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16')
const private6 = ranges6('::1/128', 'fc00::/7')
/** Refused everywhere: nobody, link-local (cloud metadata lives there), carrier NAT, documentation, benchmarks, multicast. */
const never4 = ranges4(
  '0.0.0.0/8',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
)
const never6 = ranges6('::/128', 'fe80::/10', 'ff00::/8', '2001:db8::/32')
/** Where an IPv4 address stands inside an IPv6 one: the range, and the byte it begins at. */
const wrapped: readonly (readonly [Range, number])[] = [
  [[v6('::'), 96], 12],
  [[v6('::ffff:0:0'), 96], 12],
  [[v6('64:ff9b::'), 96], 12],
  [[v6('2002::'), 16], 2],
]

const isIn = (address: Uint8Array, [prefix, bits]: Range): boolean => {
  for (let bit = 0; bit < bits; bit += 8) {
    const keep = Math.min(8, bits - bit)
    const mask = (0xff << (8 - keep)) & 0xff
    if ((((address[bit >>> 3] as number) ^ (prefix[bit >>> 3] as number)) & mask) !== 0) return false
  }
  return true
}

function refusesIp(address: Uint8Array, allowPrivate: boolean): boolean {
  const isV4 = address.length === 4
  const within = (ranges: Range[]): boolean => ranges.some((range) => isIn(address, range))
  if (within(isV4 ? never4 : never6)) return true
  if (within(isV4 ? private4 : private6)) return !allowPrivate
  if (isV4) return false
  return wrapped.some(([range, at]) => isIn(address, range) && refusesIp(address.subarray(at, at + 4), allowPrivate))
}

const shape = /^\/(ip4|ip6)\/([0-9a-fA-F.:]+)\/tcp\/(\d{1,5})(?:\/p2p\/[1-9A-HJ-NP-Za-km-z]{1,80})?$/

/** Why an address may not be dialled, or undefined. `allowPrivate` lets private networks and loopback pass. */
export function refusesAddress(address: string, allowPrivate: boolean): string | undefined {
  const [, kind, ip = '', port = ''] = shape.exec(address) ?? []
  if (kind === undefined) return 'not a literal ip address with a tcp port'
  if (Number(port) < 1 || Number(port) > 65_535 || String(Number(port)) !== port) return 'no such port'
  if (kind === 'ip4' ? !isIPv4(ip) : !isIPv6(ip)) return 'no such ip address'
  return refusesIp(kind === 'ip4' ? v4(ip) : v6(ip), allowPrivate) ? 'a private or reserved network' : undefined
}

/** Where limits for strangers are counted: the IPv4 address itself (also where wrapped), of an IPv6 one its /64. */
export function hostOf(ip: string): string {
  if (isIPv4(ip)) return ip
  if (!isIPv6(ip) || ip.includes('%')) return ip
  const bytes = v6(ip)
  if (isIn(bytes, [v6('::ffff:0:0'), 96])) return bytes.subarray(12).join('.')
  return `${Buffer.from(bytes.subarray(0, 8)).toString('hex')}/64`
}

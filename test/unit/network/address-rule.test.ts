/** Which addresses may be dialled (T44): a table of hostile ones, and that honest ones pass. */
import { describe, expect, test } from 'vitest'
import { hostOf, refusesAddress } from '../../../src/network/address-rule.ts'

const ip4 = (ip: string): string => `/ip4/${ip}/tcp/8095`
const ip6 = (ip: string): string => `/ip6/${ip}/tcp/8095`

const hostile = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.8.9.10'].map(ip4),
  ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1', '192.168.1.1', '198.18.0.1', '198.19.255.255'].map(ip4),
  ...['198.51.100.7', '203.0.113.9', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'].map(ip4),
  ...['::', '::1', 'fc00::1', 'fdff::1', 'fe80::1', 'febf::1', 'ff02::1', '2001:db8::1', '::ffff:127.0.0.1', '::ffff:7f00:1'].map(ip6),
  ...['::ffff:169.254.169.254', '0:0:0:0:0:ffff:a00:1', '64:ff9b::10.0.0.1', '64:ff9b::c0a8:101', '2002:7f00:1::', '2002:a9fe:a9fe::1'].map(
    ip6,
  ),
  ...['::127.0.0.1', '::10.0.0.1'].map(ip6),
  '/dns4/example.org/tcp/8095',
  '/dns/localhost/tcp/80',
  '/ip4/8.8.8.8/udp/8095',
  '/ip4/8.8.8.8/tcp/0',
  '/ip4/8.8.8.8/tcp/65536',
  '/ip4/8.8.8.8/tcp/080',
  '/ip4/8.8.8.8/tcp/80/ws',
  '/ip4/8.8.8.8/tcp/80/p2p/12D3KooWA/p2p-circuit',
  '/ip4/08.8.8.8/tcp/80',
  '/ip4/0x7f.0.0.1/tcp/80',
  '/ip4/2130706433/tcp/80',
  '/ip6/fe80::1%eth0/tcp/80',
  '/ip6zone/eth0/ip6/fe80::1/tcp/80',
  '/ip4/1.2.3.4/tcp/80 ',
  '/unix/tmp/socket',
  '/memory/a',
  '',
]

describe('without allowPrivate', () => {
  test.each(hostile)('%s is refused', (address) => {
    expect(refusesAddress(address, false)).toBeTypeOf('string')
  })
  test('the table has the forty addresses of the acceptance test, and more', () => {
    expect(new Set(hostile).size).toBe(hostile.length)
    expect(hostile.length).toBeGreaterThanOrEqual(40)
  })
  test.each([
    ip4('8.8.8.8'),
    ip4('100.63.255.255'),
    ip4('100.128.0.1'),
    ip4('172.15.0.1'),
    ip4('172.32.0.1'),
    ip4('192.0.1.1'),
    ip4('198.17.255.255'),
    ip4('198.20.0.1'),
    ip4('223.255.255.255'),
    ip6('2606:4700::1111'),
    ip6('::ffff:8.8.8.8'),
    ip6('2002:808:808::1'),
    ip6('2001:db7::1'),
    `${ip4('9.9.9.9')}/p2p/12D3KooWBsX9v5aUiRpC7kjM76HJ64aw4P5BRGWbyiBrRPbY6e9i`,
  ])('%s passes', (address) => {
    expect(refusesAddress(address, false)).toBeUndefined()
  })
})

describe('with allowPrivate', () => {
  test.each([...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.0.7'].map(ip4), ...['::1', 'fd00::1', '::ffff:127.0.0.1'].map(ip6)])(
    '%s passes',
    (address) => {
      expect(refusesAddress(address, true)).toBeUndefined()
    },
  )
  test.each([
    ...['0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'].map(ip4),
    ...['::', 'fe80::1', 'ff02::1', '::ffff:169.254.169.254', '::ffff:0.0.0.0'].map(ip6),
    '/dns4/localhost/tcp/80',
  ])('%s is refused still', (address) => {
    expect(refusesAddress(address, true)).toBeTypeOf('string')
  })
})

test('strangers count by IPv4 address or by IPv6 /64', () => {
  expect(hostOf('203.0.113.9')).toBe('203.0.113.9')
  expect(hostOf('::ffff:203.0.113.9')).toBe('203.0.113.9')
  expect(hostOf('2001:db8:1:2::1')).toBe(hostOf('2001:db8:1:2:ffff::9'))
  expect(hostOf('2001:db8:1:2::1')).not.toBe(hostOf('2001:db8:1:3::1'))
})

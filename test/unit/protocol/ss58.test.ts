/** SS58 addresses against the vectors of wire.md 6. */
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/protocol/bytes.ts'
import { decodeSs58, encodeSs58 } from '../../../src/protocol/ss58.ts'

const alice = {
  key: 'd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d',
  text: '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
}
const bob = {
  key: '8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48',
  text: '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty',
}

test('known keys and addresses belong together', () => {
  for (const { key, text } of [alice, bob]) {
    expect(encodeSs58(fromHex(key))).toBe(text)
    expect(toHex(decodeSs58(text))).toBe(key)
  }
})

test('any changed letter, other length or prefix is refused with one line', () => {
  const wrong = [...alice.text].map((letter, i) => alice.text.slice(0, i) + (letter === '5' ? '6' : '5') + alice.text.slice(i + 1))
  for (const text of [
    ...wrong,
    '',
    '0',
    alice.text.slice(1),
    `${alice.text}1`,
    '1'.repeat(10_000),
    '12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZU',
  ])
    expect(() => decodeSs58(text), text).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
  expect(() => encodeSs58(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
  expect(() => decodeSs58(encodeSs58(new Uint8Array(32)))).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
})

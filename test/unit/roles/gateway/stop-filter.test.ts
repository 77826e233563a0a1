import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/protocol/bytes.ts'
import { StopFilter } from '../../../../src/roles/gateway/stop-filter.ts'

function answer(stops: string[], text: string): { out: string; stopped: boolean } {
  const filter = new StopFilter<string>(stops.map(utf8))
  let out = ''
  for (const char of text) {
    const { released, stopped } = filter.push(char.charCodeAt(0), char)
    out += released.join('')
    if (stopped) return { out, stopped }
  }
  return { out: out + filter.flush().join(''), stopped: false }
}

test('without stop sequences every byte passes at once', () => {
  const filter = new StopFilter<number>([])
  expect(filter.push(65, 1)).toEqual({ released: [1], stopped: false })
})

test('the stop sequence and what follows is no part of the answer', () => {
  expect(answer(['\n\n'], 'one\ntwo\n\nthree')).toMatchObject({ out: 'one\ntwo', stopped: true })
})

test('a beginning of a stop sequence that goes on otherwise is released', () => {
  expect(answer(['###'], 'a##b#c')).toMatchObject({ out: 'a##b#c', stopped: false })
})

test('overlapping beginnings are found', () => {
  expect(answer(['aab'], 'xaaab')).toMatchObject({ out: 'xa', stopped: true })
})

test('of two stop sequences that end together the longer one is left out', () => {
  expect(answer(['ND', 'END'], 'the END')).toMatchObject({ out: 'the ', stopped: true })
})

test('of several stop sequences the first that is complete ends the answer', () => {
  expect(answer(['zz', 'b'], 'abzz')).toMatchObject({ out: 'a', stopped: true })
})

test('what is held back at the end belongs to the answer', () => {
  expect(answer(['###'], 'a##')).toMatchObject({ out: 'a##', stopped: false })
})

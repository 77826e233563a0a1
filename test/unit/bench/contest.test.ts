/** A contest: who takes part is checked, warmed and timed in turns; who is far behind is not waited for. */
import { expect, test } from 'vitest'
import { hold, type Contender } from '../../../bench/compare/contest.ts'

/** A contender whose every run takes so many seconds by its own word, and who notes when it is asked. */
const contender = (name: string, seconds: number, asked: string[]): Contender => ({
  name,
  check: async () => void asked.push(`check ${name}`),
  async time() {
    asked.push(name)
    return [seconds]
  },
})
const contest = (contenders: Contender[]) => ({ name: 'work', threads: 1, work: 10, unit: 'B/s', contenders })

test('each is first in its turn, and the ratio is to the best rival', async () => {
  const asked: string[] = []
  const those = [contender('taumesh', 1, asked), contender('a', 2, asked), contender('taumesh exact', 0.5, asked), contender('b', 4, asked)]
  const { standings, ratio } = await hold(contest(those), { rounds: 2, seconds: 1 })
  expect(asked.slice(0, 4)).toEqual(['check taumesh', 'taumesh', 'check a', 'a'])
  expect(asked.slice(8)).toEqual(['taumesh', 'a', 'taumesh exact', 'b', 'a', 'taumesh exact', 'b', 'taumesh'])
  expect(standings.map(({ name, rate, runs }) => [name, rate, runs])).toEqual([
    ['taumesh', 10, 2],
    ['a', 5, 2],
    ['taumesh exact', 20, 2],
    ['b', 2.5, 2],
  ])
  expect(ratio).toBe(2)
})

test('one whose run takes more than twenty turns is timed once', async () => {
  const { standings } = await hold(contest([contender('taumesh', 1, []), contender('slow', 21, []), contender('patient', 20, [])]), {
    rounds: 5,
    seconds: 1,
  })
  expect(standings.map(({ name, runs }) => [name, runs])).toEqual([
    ['taumesh', 5],
    ['slow', 1],
    ['patient', 5],
  ])
})

test('what disturbed the machine from the first turn to the last is told', async () => {
  const asked: string[] = []
  const watch = {
    clockFirst: 4,
    look: () => {
      asked.push('look')
      return { steal: 0, others: 0.5, clock: 4 }
    },
  }
  const begin = (): typeof watch => {
    asked.push('begin')
    return watch
  }
  const { warnings } = await hold(contest([contender('taumesh', 1, asked)]), { rounds: 2, seconds: 1 }, begin)
  expect(asked).toEqual(['check taumesh', 'taumesh', 'begin', 'taumesh', 'taumesh', 'look'])
  expect(warnings).toEqual(['other processes used 50.0 % of the CPU time'])
})

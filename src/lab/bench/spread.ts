/** What a figure says of its runs: the middle, and how far from it they lie. One definition for every table. */

/** The mean of both middle values where their number is even; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}

type Rounds = readonly (readonly number[])[]

/** Half the way from the lowest median of a round to the highest, as a share of the median of all runs. */
export function betweenRounds(rounds: Rounds): number {
  const medians = rounds.map(medianOf)
  return (Math.max(...medians) - Math.min(...medians)) / 2 / medianOf(rounds.flat())
}

/**
 * As a share of the median of all runs: half of them lie so near to it (the median absolute deviation), or so far lie the rounds apart.
 * The larger one counts, since every round can be steady and none like another.
 */
export function spreadOf(rounds: Rounds): number {
  const runs = rounds.flat()
  const median = medianOf(runs)
  return Math.max(medianOf(runs.map((one) => Math.abs(one - median))) / median, betweenRounds(rounds))
}

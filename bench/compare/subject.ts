/** What a subject of the comparison offers: contests, and the versions of those who take part. */
import type { Contest } from './contest.ts'

export interface SubjectParts {
  /** The interpreter with the packages of requirements.txt. */
  python: string
  /** Where the rivals' programs lie. */
  folder: string
  /** For files of this run. */
  scratch: string
  threads: number[]
  /** Sizes asked for; absent: the subject's own. */
  sizes?: number[] | undefined
  /** Whether a contest of this name is to be held. */
  wanted(name: string): boolean
}
export interface Subject {
  contests(parts: SubjectParts): AsyncGenerator<Contest>
  versions(parts: SubjectParts): Promise<Record<string, string>>
}

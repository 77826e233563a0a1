import { utf8 } from '../../src/protocol/bytes.ts'
import { NgramExpert } from '../support/ngram-expert.ts'
import { expertContract } from './expert.ts'

expertContract(
  'n-gram in TypeScript',
  async () => new NgramExpert({ text: utf8('it was the whale, the white whale, that he hated as the sea hates the land. '.repeat(20)) }),
)

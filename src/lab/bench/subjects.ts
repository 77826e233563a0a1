/** What `taumesh bench` measures, by subject. Each checks its answers before the clock starts and throws when one is wrong. */
import type { BENCH_SUBJECTS } from '../../protocol/views/bench.ts'
import { consensus } from './consensus.ts'
import { expert } from './expert.ts'
import { matmul } from './matmul.ts'
import type { Subject } from './measure.ts'
import { mixture } from './mixture.ts'
import { pow } from './pow.ts'
import { signature } from './signature.ts'

export const subjects: Record<(typeof BENCH_SUBJECTS)[number], Subject> = { pow, matmul, consensus, mixture, expert, signature }

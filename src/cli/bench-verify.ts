/** `taumesh bench verify`: give a challenge, then find out what a report is worth, on any machine. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { issueChallenge, readChallenge, useChallenge } from '../lab/bench/challenge-file.ts'
import { readReportFile } from '../lab/bench/history.ts'
import { reportId } from '../lab/bench/report.ts'
import { verifyReport, type Verdict } from '../lab/bench/verify.ts'
import { openCompute } from '../node/compute.ts'
import { NodeError } from '../protocol/errors.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { readable } from './bench-text.ts'
import { BENCH_SECONDS, BENCH_SUBJECTS } from '../protocol/views/bench.ts'
import { askNode, type Asked } from './bench-ask.ts'
import { connect, dataOption, integer, jsonOption, nodeOption, type NodeCommandOptions } from './flags.ts'
import { print, table } from './output.ts'

interface VerifyCommandOptions extends NodeCommandOptions {
  ask?: boolean
  subject: string
  seconds: number
  backend?: string
  issue?: string
  challenge?: string
  tolerance: number
  hotkey?: string
}

function address(text: string): string {
  try {
    decodeSs58(text)
    return text
  } catch {
    throw new InvalidArgumentError(`'${text.slice(0, 60)}' is no address.`)
  }
}

/** What to do about `slack` seconds that no figure explains: each figure may have taken all of them. */
function adviceFor(slack: number, tolerance: number): string {
  const passed = `unproven: ${slack.toFixed(1)} s passed that no figure explains.`
  // Half of the tolerance for the slack, the rest for what is left to chance.
  const enough = Math.ceil((slack * (200 - tolerance)) / tolerance)
  return enough <= BENCH_SECONDS.most ? `${passed} Measure longer, --seconds ${enough} or more.` : `${passed} Answer a challenge at once.`
}

function verdictText({ ok, report, signedBy, wrong, elapsed, explained, metrics }: Verdict, tolerance: number): string {
  const rows = metrics.map((one) => [
    one.metric,
    one.backend,
    readable(one.claimed, one.unit),
    one.proven === null ? '-' : readable(one.proven, one.unit),
    one.alone === null ? '' : readable(one.alone, one.unit),
    one.status === 'false' ? 'FALSE' : one.status,
    one.detail,
  ])
  const count = metrics.filter(({ status }) => status === 'proven').length
  return [
    table(['metric', 'backend', 'claimed', 'proven', 'alone (a claim)', 'verdict', ''], rows),
    '',
    `report ${report}, ${signedBy === null ? 'not signed' : `signed by ${signedBy}`}`,
    `${elapsed.toFixed(1)} s from challenge to report, ${explained.toFixed(1)} s of them explained by figures`,
    ...wrong.map((one) => `WRONG: ${one}`),
    ok ? `accepted: ${count} of ${metrics.length} figures proven` : 'NOT accepted',
    ...(metrics.some(({ status }) => status === 'unproven') ? [adviceFor(elapsed - explained, tolerance)] : []),
  ].join('\n')
}

/** A report from a file, against the challenge kept in another. */
function fromFiles(path: string | undefined, file: string | undefined): Asked {
  // Before the report is read, so that the time it takes is not counted against it.
  const now = Date.now()
  if (path === undefined || file === undefined)
    throw new NodeError('CLI_USAGE', {
      detail: 'verify needs a report and --challenge FILE, or --issue FILE, or --ask',
      command: 'bench verify ',
    })
  readChallenge(file)
  const report = readReportFile(path)
  const { challenge, issuedAt, receivedAt } = useChallenge(file, reportId(report), now)
  return { report, challenge, issuedAt, receivedAt }
}

async function verify(path: string | undefined, options: VerifyCommandOptions): Promise<void> {
  if (options.issue !== undefined) {
    const { challenge, issuedAt } = issueChallenge(options.issue, Date.now())
    print(options.json, { challenge, issuedAt }, challenge)
    return
  }
  const { subject, seconds, backend } = options
  const { report, ...times } =
    options.ask === true ? await askNode(connect(options), { subject, seconds, backend }) : fromFiles(path, options.challenge)
  const verdict = await verifyReport(report, { ...times, tolerance: options.tolerance / 100, hotkey: options.hotkey }, openCompute())
  print(options.json, verdict, () => verdictText(verdict, options.tolerance))
  if (!verdict.ok) process.exitCode = 1
}

export function benchVerifyCommand(bench: Command): void {
  bench
    .command('verify')
    .description('check a report against the challenge that was given for it')
    .argument('[report]', 'the report, JSON')
    .addOption(new Option('--issue <file>', 'make a challenge, keep it with its time in this new file, print it'))
    .addOption(new Option('--challenge <file>', 'the challenge that the report must answer'))
    .addOption(
      new Option('--tolerance <percent>', 'how far the proven figure may be below the claimed one').argParser(integer(0, 99)).default(25),
    )
    .addOption(new Option('--hotkey <address>', 'who must have signed').argParser(address))
    .addOption(new Option('--ask', 'have a running node measure under a fresh challenge, and verify its report'))
    .addOption(new Option('--subject <name>', 'what the node measures').choices([...BENCH_SUBJECTS, 'all']).default('pow'))
    .addOption(
      new Option('--seconds <s>', 'time of each of its figures').argParser(integer(1, BENCH_SECONDS.most)).default(BENCH_SECONDS.proven),
    )
    .addOption(new Option('--backend <name>', 'one of its solvers or devices alone'))
    .addOption(nodeOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(verify)
}

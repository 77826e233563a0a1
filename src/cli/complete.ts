/** `taumesh complete`: a text continued by the mixture, with the experts that carried it. */
import { Option, type Command } from 'commander'
import { connect, dataOption, integer, jsonOption, nodeOption, type NodeCommandOptions } from './flags.ts'
import { print, table } from './output.ts'

interface Share {
  uid: number
  kind: string
  share: number
}
interface Answer {
  choices: { text: string }[]
  taumesh: { experts: Share[] }
}
interface CompleteOptions extends NodeCommandOptions {
  bytes: number
  temperature: number
  seed?: number
}

export function completeCommand(program: Command): void {
  program
    .command('complete')
    .description('complete a text')
    .argument('<text>', 'the beginning')
    .addOption(new Option('--bytes <n>', 'bytes to write').argParser(integer(1, 1_024)).default(96))
    .addOption(new Option('--temperature <t>', '0 = always the likeliest byte').argParser(Number).default(0.7))
    .addOption(new Option('--seed <n>', 'same seed, same experts, same text').argParser(integer(0, Number.MAX_SAFE_INTEGER)))
    .addOption(nodeOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (text: string, options: CompleteOptions) => {
      const node = connect(options)
      const body = {
        prompt: text,
        max_tokens: options.bytes,
        temperature: options.temperature,
        ...(options.seed === undefined ? {} : { seed: options.seed }),
      }
      if (options.json === true) {
        print(true, await node.post('/v1/completions', body), '')
        return
      }
      process.stdout.write(text)
      let experts: Share[] = []
      for await (const event of node.stream('/v1/completions', { ...body, stream: true })) {
        const { choices, taumesh } = event as unknown as Answer
        process.stdout.write(choices[0]?.text ?? '')
        experts = taumesh.experts ?? experts
      }
      process.stdout.write('\n')
      const carried = experts.filter(({ share }) => share >= 0.005)
      process.stderr.write(
        `\n${table(
          ['uid', 'expert', 'share'],
          carried.map(({ uid, kind, share }) => [uid < 0 ? '-' : uid, kind, `${(100 * share).toFixed(0)} %`]),
        )}\n`,
      )
    })
}

/** Commands that read a running node: status, neurons, epoch. */
import { Option, type Command } from 'commander'
import type { ExplanationView, EpochView, NeuronView } from '../protocol/views/market.ts'
import type { StatusView } from '../protocol/views/node.ts'
import { connect, dataOption, integer, jsonOption, netuidOption, nodeOption, type NodeCommandOptions } from './flags.ts'
import { print, table, tau } from './output.ts'

const share = (u16: number): string => (u16 / 65_535).toFixed(4)

async function status(options: NodeCommandOptions): Promise<void> {
  const view = await connect(options).get<StatusView>('/v1/status')
  print(options.json, view, () =>
    [
      `${view.head.chainId} (${view.head.kind}) height ${view.head.height}, up ${view.uptimeSeconds.toFixed(0)} s, taumesh ${view.version}`,
      `issued ${tau(view.head.issuance)}, staked ${tau(view.head.totalStake)}`,
      '',
      table(
        ['market', 'neurons', 'difficulty', 'epoch', 'next in', 'share'],
        view.markets.map((one) => [
          `${one.netuid} ${one.name}`,
          one.neurons,
          one.difficulty,
          one.epoch,
          `${one.blocksUntilEpoch} blocks`,
          `${(100 * one.emissionShare).toFixed(0)} %`,
        ]),
      ),
      '',
      table(
        ['role', 'netuid', 'state'],
        view.roles.map(({ role, netuid, state }) => [role, netuid, state]),
      ),
    ].join('\n'),
  )
}

async function neurons(options: NodeCommandOptions & { netuid: number; sort: string }): Promise<void> {
  const node = connect(options)
  const all: NeuronView[] = []
  for (let total = 1; all.length < total;) {
    const page = await node.get<{ total: number; items: NeuronView[] }>(
      `/v1/markets/${options.netuid}/neurons?limit=100&offset=${all.length}&sort=${options.sort}&order=${options.sort === 'uid' ? 'asc' : 'desc'}`,
    )
    total = page.items.length === 0 ? 0 : page.total
    all.push(...page.items)
  }
  print(options.json, all, () =>
    table(
      ['uid', 'role', 'expert', 'corpus', 'stake', 'trust', 'consensus', 'incentive', 'dividends', 'emission', 'hotkey'],
      all.map((one) => [
        one.uid,
        one.role,
        one.kind ?? '-',
        one.corpus ?? '-',
        tau(one.stake),
        share(one.trust),
        share(one.consensus),
        share(one.incentive),
        share(one.dividends),
        tau(one.emission),
        one.hotkey,
      ]),
    ),
  )
}

async function epoch(options: NodeCommandOptions & { netuid: number; epoch?: number; uid?: number }): Promise<void> {
  const node = connect(options)
  if (options.uid === undefined) {
    const epochs = await node.get<EpochView[]>(`/v1/markets/${options.netuid}/epochs?limit=20`)
    print(options.json, epochs, () =>
      table(
        ['epoch', 'height', 'emission', 'paid', 'by weights', 'active'],
        epochs.map((one) => [one.epoch, one.height, tau(one.emission), tau(one.paid), one.byWeights ? 'yes' : 'no', one.active]),
      ),
    )
    return
  }
  const [newest] = await node.get<EpochView[]>(`/v1/markets/${options.netuid}/epochs?limit=1`)
  const wanted = options.epoch ?? newest?.epoch ?? 0
  const why = await node.get<ExplanationView>(`/v1/markets/${options.netuid}/epochs/${wanted}/neurons/${options.uid}`)
  print(options.json, why, () =>
    [
      `epoch ${why.summary.epoch} at height ${why.summary.height}: ${tau(why.summary.paid)} paid${why.summary.byWeights ? ' by revealed weights' : ''}`,
      `uid ${why.neuron.uid}: consensus ${share(why.neuron.consensus)}, trust ${share(why.neuron.trust)}, incentive ${share(why.neuron.incentive)}, dividends ${share(why.neuron.dividends)}, emission ${tau(why.neuron.emission)}`,
      '',
      table(
        ['validator', 'stake share', 'weight', 'clipped'],
        why.votes.map((vote) => [vote.uid, vote.stakeShare.toFixed(4), vote.weight.toFixed(4), vote.clipped.toFixed(4)]),
      ),
      '',
      table(
        ['paid to', 'as', 'amount'],
        why.payouts.map((payout) => [payout.to, payout.as, tau(payout.amount)]),
      ),
    ].join('\n'),
  )
}

export function chainCommands(program: Command): void {
  const read = (name: string, description: string): Command =>
    program.command(name).description(description).addOption(nodeOption()).addOption(dataOption()).addOption(jsonOption())
  read('status', 'a running node and the head of its chain').action(status)
  read('neurons', 'the neurons of a market')
    .addOption(netuidOption())
    .addOption(new Option('--sort <column>', 'order, largest first').default('uid'))
    .action(neurons)
  read('epoch', 'the epochs of a market, or why a neuron was paid')
    .addOption(netuidOption())
    .addOption(new Option('--epoch <n>', 'which (default: the newest)').argParser(integer(0, Number.MAX_SAFE_INTEGER)))
    .addOption(new Option('--uid <n>', 'explain this neuron').argParser(integer(0, 4_095)))
    .action(epoch)
}

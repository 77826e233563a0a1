/** `taumesh token`: a bearer token of a node's API for a coldkey, against its signature. */
import { Option, type Command } from 'commander'
import { fromHex, toHex } from '../protocol/bytes.ts'
import { encodeSs58 } from '../protocol/ss58.ts'
import { tokenSigningBytes } from '../protocol/token-request.ts'
import type { StatusView, TokenView } from '../protocol/views/node.ts'
import { connect, dataOption, integer, jsonOption, nodeOption } from './flags.ts'
import { print } from './output.ts'
import { passwordFdOption } from './password.ts'
import { coldkey, type SignOptions } from './transactions.ts'

const HOUR_MS = 3_600_000

export function tokenCommand(program: Command): void {
  program
    .command('token')
    .description('get a bearer token for a coldkey with stake')
    .addOption(new Option('--wallet <name>', 'wallet whose coldkey signs').default('user'))
    .addOption(new Option('--hours <n>', 'how long it lives').argParser(integer(1, 720)).default(24))
    .addOption(passwordFdOption())
    .addOption(nodeOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options: SignOptions & { hours: number }) => {
      const node = connect(options)
      const { head } = await node.get<StatusView>('/v1/status')
      const signer = await coldkey(options, head)
      try {
        const issuedAt = Date.now()
        const expiresAt = issuedAt + options.hours * HOUR_MS
        const message = tokenSigningBytes(fromHex(head.genesisHash), { coldkey: signer.publicKey, issuedAt, expiresAt })
        const signature = toHex(await signer.sign(message))
        const body = { coldkey: encodeSs58(signer.publicKey), issued_at: issuedAt, expires_at: expiresAt, signature }
        const view = await node.post<TokenView>('/v1/tokens', body)
        print(options.json, view, view.token)
      } finally {
        signer.close()
      }
    })
}

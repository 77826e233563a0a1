/** Where the chain is, when the next epoch pays, and how the start went. */
import { tau } from './format.ts'
import type { Live } from './live.ts'

const milestones = { ready: 'ready', first_completion: 'first completion', first_epoch_paid: 'first epoch paid' }

export function Header({ live, netuid, onMarket }: { live: Live; netuid: number; onMarket: (netuid: number) => void }) {
  const { status, connected } = live
  const market = status?.markets.find((one) => one.netuid === netuid)
  const done = market === undefined ? 0 : 1 - market.blocksUntilEpoch / (market.tempo + 1)
  return (
    <header>
      <h1>
        <span class="mark" aria-hidden="true">
          τ
        </span>
        taumesh
      </h1>
      <p class={connected ? 'pill on' : 'pill off'} role="status">
        {connected ? 'live' : 'not connected'}
      </p>
      {status === null ? null : (
        <dl class="facts">
          <div>
            <dt>height</dt>
            <dd>{status.head.height}</dd>
          </div>
          <div>
            <dt>staked</dt>
            <dd>{tau(status.head.totalStake, 0)} τ</dd>
          </div>
          <div>
            <dt>issued</dt>
            <dd>{tau(status.head.issuance, 0)} τ</dd>
          </div>
          {market === undefined ? null : (
            <div>
              <dt>
                epoch {market.epoch}, next in {market.blocksUntilEpoch} blocks
              </dt>
              <dd>
                <progress value={done} max={1} aria-label="progress of the epoch" />
              </dd>
            </div>
          )}
          {status.milestones.map(({ event, seconds }) => (
            <div key={event}>
              <dt>{milestones[event]}</dt>
              <dd>{seconds.toFixed(1)} s</dd>
            </div>
          ))}
        </dl>
      )}
      <label class="market">
        market{' '}
        <select value={netuid} onChange={(event) => onMarket(Number(event.currentTarget.value))}>
          {(status?.markets ?? []).map((one) => (
            <option key={one.netuid} value={one.netuid}>
              {one.netuid} {one.name}
            </option>
          ))}
        </select>
      </label>
    </header>
  )
}

/** Why a neuron was paid what it was paid: the validators' votes and the payouts of its newest epoch. */
import { useEffect, useState } from 'preact/hooks'
import type { ExplanationView } from '../protocol/views/market.ts'
import { ApiError, get } from './client.ts'
import { share, short, tau } from './format.ts'

export function Explanation({ netuid, uid, epoch, onClose }: { netuid: number; uid: number; epoch: string | null; onClose: () => void }) {
  const [why, setWhy] = useState<ExplanationView | null>(null)
  const [refusal, setRefusal] = useState('')
  useEffect(() => {
    if (epoch === null) return
    get<ExplanationView>(`/v1/markets/${netuid}/epochs/${epoch}/neurons/${uid}`).then(
      (value) => {
        setWhy(value)
        setRefusal('')
      },
      (error: unknown) => {
        setWhy(null)
        setRefusal(error instanceof ApiError ? error.message : 'the node did not answer')
      },
    )
  }, [netuid, uid, epoch])
  return (
    <section class="card" aria-labelledby="why">
      <h2 id="why">
        Neuron {uid} <small>epoch {epoch ?? '–'}</small>
        <button type="button" class="close" onClick={onClose}>
          close
        </button>
      </h2>
      {epoch === null ? <p class="note">No epoch has ended yet.</p> : null}
      {refusal === '' ? null : <p class="note">{refusal}</p>}
      {why === null ? null : (
        <div class="columns">
          <div>
            <p>
              consensus {share(why.neuron.consensus)} · trust {share(why.neuron.trust)} · incentive {share(why.neuron.incentive)} ·
              dividends {share(why.neuron.dividends)} · <strong>{tau(why.neuron.emission, 6)} τ</strong>
            </p>
            <table>
              <caption>What each validator said (weights are shares of its row)</caption>
              <thead>
                <tr>
                  <th class="number">uid</th>
                  <th class="number">stake share</th>
                  <th class="number">weight</th>
                  <th class="number">after clipping</th>
                </tr>
              </thead>
              <tbody>
                {why.votes.map((vote) => (
                  <tr key={vote.uid}>
                    <td class="number">{vote.uid}</td>
                    <td class="number">{vote.stakeShare.toFixed(4)}</td>
                    <td class="number">{vote.weight.toFixed(4)}</td>
                    <td class="number">{vote.clipped.toFixed(4)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <table>
            <caption>Who received it</caption>
            <thead>
              <tr>
                <th>to</th>
                <th>as</th>
                <th class="number">τ</th>
              </tr>
            </thead>
            <tbody>
              {why.payouts.map((payout) => (
                <tr key={`${payout.to}${payout.as}`}>
                  <td class="mono" title={payout.to}>
                    {short(payout.to)}
                  </td>
                  <td>{payout.as}</td>
                  <td class="number">{tau(payout.amount, 6)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

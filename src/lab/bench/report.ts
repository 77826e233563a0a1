/** A report as bytes: what its id is the hash of, and what a hotkey signs. */
import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import type { Signer } from '../../protocol/ports/platform.ts'
import { decodeSs58, encodeSs58 } from '../../protocol/ss58.ts'
import type { BenchReportView, BenchSummaryView } from '../../protocol/views/bench.ts'

export type Verifier = Pick<Compute['signature'], 'verify'>

const TAG = utf8('taumesh:bench:1\0')

/** JSON with the keys of every object in order, so that a report that was parsed and written again has the same bytes. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, one]) => one !== undefined)
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`)
    .join(',')}}`
}

/** SHA-256 of everything but the signature. */
export const reportDigest = (report: BenchReportView): Uint8Array => sha256(utf8(canonicalJson({ ...report, signature: null })))

/** Short name of a report. */
export const reportId = (report: BenchReportView): string => toHex(reportDigest(report)).slice(0, 16)

/** ascii(tag) ‖ 00 ‖ SHA-256(challenge, or 32 zeros ‖ digest). */
export const reportSigningBytes = (report: BenchReportView): Uint8Array =>
  concat(TAG, sha256(concat(report.challenge === null ? new Uint8Array(32) : fromHex(report.challenge), reportDigest(report))))

/** The report with the signer's signature over it and its challenge. */
export async function signReport(report: BenchReportView, signer: Signer): Promise<BenchReportView> {
  const bytes = toHex(await signer.sign(reportSigningBytes(report)))
  return { ...report, signature: { hotkey: encodeSs58(signer.publicKey), scheme: signer.scheme, bytes } }
}

/** Whether the signature that a report carries is its hotkey's over this report; false where it carries none. */
export const hasValidSignature = (report: BenchReportView, { verify }: Verifier): boolean =>
  report.signature !== null &&
  verify(report.signature.scheme, decodeSs58(report.signature.hotkey), reportSigningBytes(report), fromHex(report.signature.bytes))

export function summaryOf(report: BenchReportView, verifier: Verifier): BenchSummaryView {
  const { proofs, signature, format: _format, ...rest } = report
  const signedBy = hasValidSignature(report, verifier) ? (signature?.hotkey ?? null) : null
  return { id: reportId(report), ...rest, signedBy, proofCount: proofs.length }
}

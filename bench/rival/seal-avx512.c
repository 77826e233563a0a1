/* The rival of crates/pow: seals in plain AVX-512, as a C programmer writes them down from the two standards.
 * 16 SHA-256 messages and 2 x 8 Keccak states per pass, ternary logic and native rotation, every round computed in full:
 * no constant is folded, no round is shortened. Never shipped; `cargo run --release -p pow --example cycles` compiles it
 * with `cc -O3 -march=native` and times it beside the backends.
 *
 * Reads lines "inner(64 hex) head from last", answers "nonce|none nanoseconds": the smallest nonce in from..=last whose
 * seal begins with at most `head`. from is a multiple of 16, and from and last share their upper 32 bits. */
#include <immintrin.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

typedef __m512i v;

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const uint64_t iota[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

#define ADD(a, b) _mm512_add_epi32(a, b)
#define ROR(a, n) _mm512_ror_epi32(a, n)
#define SHR(a, n) _mm512_srli_epi32(a, n)
#define ROL(a, n) ((n) == 0 ? (a) : _mm512_rol_epi64(a, n))
#define XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define CHI(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0xd2)

static inline __attribute__((always_inline)) void sha256(v state[8], v w[16]) {
  v a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
#pragma GCC unroll 64
  for (int t = 0; t < 64; t++) {
    if (t >= 16) {
      v w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
      v small0 = XOR3(ROR(w15, 7), ROR(w15, 18), SHR(w15, 3));
      v small1 = XOR3(ROR(w2, 17), ROR(w2, 19), SHR(w2, 10));
      w[t & 15] = ADD(ADD(w[t & 15], small0), ADD(w[(t + 9) & 15], small1));
    }
    v big1 = XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25)), choice = _mm512_ternarylogic_epi32(e, f, g, 0xca);
    v first = ADD(ADD(ADD(h, big1), choice), ADD(w[t & 15], _mm512_set1_epi32((int)k[t])));
    v big0 = XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)), majority = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
    h = g, g = f, f = e, e = ADD(d, first), d = c, c = b, b = a, a = ADD(first, ADD(big0, majority));
  }
  state[0] = ADD(state[0], a), state[1] = ADD(state[1], b), state[2] = ADD(state[2], c), state[3] = ADD(state[3], d);
  state[4] = ADD(state[4], e), state[5] = ADD(state[5], f), state[6] = ADD(state[6], g), state[7] = ADD(state[7], h);
}

/* One row of the state after theta, rho and pi, then chi. The arguments name the source lane of each entry and its rotation. */
#define ROW(y, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4)                                                                  \
  do {                                                                                                                   \
    v b0 = ROL(XOR3(s[i0], c[(i0 + 4) % 5], d[(i0 + 1) % 5]), r0), b1 = ROL(XOR3(s[i1], c[(i1 + 4) % 5], d[(i1 + 1) % 5]), r1); \
    v b2 = ROL(XOR3(s[i2], c[(i2 + 4) % 5], d[(i2 + 1) % 5]), r2), b3 = ROL(XOR3(s[i3], c[(i3 + 4) % 5], d[(i3 + 1) % 5]), r3); \
    v b4 = ROL(XOR3(s[i4], c[(i4 + 4) % 5], d[(i4 + 1) % 5]), r4);                                                        \
    n[y] = CHI(b0, b1, b2), n[y + 1] = CHI(b1, b2, b3), n[y + 2] = CHI(b2, b3, b4);                                       \
    n[y + 3] = CHI(b3, b4, b0), n[y + 4] = CHI(b4, b0, b1);                                                               \
  } while (0)

static inline __attribute__((always_inline)) void keccak(v s[25]) {
  for (int round = 0; round < 24; round++) {
    v c[5], d[5], n[25];
#pragma GCC unroll 5
    for (int x = 0; x < 5; x++) c[x] = XOR3(XOR3(s[x], s[x + 5], s[x + 10]), s[x + 15], s[x + 20]);
#pragma GCC unroll 5
    for (int x = 0; x < 5; x++) d[x] = ROL(c[x], 1);
    ROW(0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);
    ROW(5, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);
    ROW(10, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);
    ROW(15, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);
    ROW(20, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);
    n[0] = _mm512_xor_si512(n[0], _mm512_set1_epi64((long long)iota[round]));
#pragma GCC unroll 25
    for (int i = 0; i < 25; i++) s[i] = n[i];
  }
}

/* Which of the 8 messages of one half have a seal that begins with at most `head`, as a mask. */
static inline __attribute__((always_inline)) unsigned half(v l0, v l1, v l2, v l3, v swap64, v head) {
  v s[25] = {l0, l1, l2, l3, _mm512_set1_epi64(1)};
  for (int i = 5; i < 25; i++) s[i] = _mm512_setzero_si512();
  s[16] = _mm512_set1_epi64((long long)(UINT64_C(1) << 63));
  keccak(s);
  return _mm512_cmple_epu64_mask(_mm512_shuffle_epi8(s[0], swap64), head);
}

static int search(const uint32_t inner[8], uint64_t head, uint64_t from, uint64_t last, uint64_t *nonce) {
  /* Unpacking works within parts of 128 bits: bit i of the two masks belongs to this message. */
  static const unsigned message[16] = {0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15};
  const v swap32 = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  const v swap64 = _mm512_broadcast_i32x4(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  const v counting = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (uint64_t base = from; base <= last; base += 16) {
    v w[16], s[8];
    w[0] = _mm512_shuffle_epi8(ADD(_mm512_set1_epi32((int)base), counting), swap32);
    w[1] = _mm512_set1_epi32((int)__builtin_bswap32((uint32_t)(base >> 32)));
    for (int i = 0; i < 8; i++) w[2 + i] = _mm512_set1_epi32((int)inner[i]), s[i] = _mm512_set1_epi32((int)initial[i]);
    w[10] = _mm512_set1_epi32((int)0x80000000);
    for (int i = 11; i < 15; i++) w[i] = _mm512_setzero_si512();
    w[15] = _mm512_set1_epi32(320);
    sha256(s, w);
    for (int i = 0; i < 8; i++) s[i] = _mm512_shuffle_epi8(s[i], swap32);
    v top = _mm512_set1_epi64((long long)head);
    unsigned hits = half(_mm512_unpacklo_epi32(s[0], s[1]), _mm512_unpacklo_epi32(s[2], s[3]), _mm512_unpacklo_epi32(s[4], s[5]),
                         _mm512_unpacklo_epi32(s[6], s[7]), swap64, top) |
                    half(_mm512_unpackhi_epi32(s[0], s[1]), _mm512_unpackhi_epi32(s[2], s[3]), _mm512_unpackhi_epi32(s[4], s[5]),
                         _mm512_unpackhi_epi32(s[6], s[7]), swap64, top) << 8;
    unsigned best = 16;
    for (unsigned bit = 0; hits != 0 && bit < 16; bit++)
      if ((hits >> bit & 1) && message[bit] < best) best = message[bit];
    if (best < 16 && base + best <= last) return *nonce = base + best, 1;
  }
  return 0;
}

int main(void) {
  char hex[65];
  uint64_t head, from, last, nonce;
  while (scanf("%64s %" SCNu64 " %" SCNu64 " %" SCNu64, hex, &head, &from, &last) == 4) {
    uint32_t inner[8];
    for (int i = 0; i < 8; i++)
      if (sscanf(hex + 8 * i, "%8" SCNx32, &inner[i]) != 1) return 1;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int found = search(inner, head, from, last, &nonce);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long long nanoseconds = (ended.tv_sec - begun.tv_sec) * 1000000000LL + (ended.tv_nsec - begun.tv_nsec);
    if (found) printf("%" PRIu64 " %lld\n", nonce, nanoseconds);
    else printf("none %lld\n", nanoseconds);
    fflush(stdout);
  }
  return 0;
}

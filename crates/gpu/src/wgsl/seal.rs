//! WGSL of the seal kernels. A lane of 64 bits is a `vec2<u32>` (low, high).
use std::fmt::Write;

use crate::seal::{INITIAL, K};

/// Rotation of lane x + 5y (FIPS 202, table 2).
const ROTATIONS: [u32; 25] =
    [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14];

const HEADER: &str = "
struct Params {
  first: u32, count: u32, stride: u32, unused: u32,
  head: vec4<u32>,
  start: array<vec4<u32>, 2>,
  round: array<vec4<u32>, 4>,
  part: array<vec4<u32>, 4>,
  later: vec4<u32>,
  unused2: vec4<u32>,
  iota: array<vec4<u32>, 12>,
}
@group(0) @binding(0) var<uniform> p: Params;

fn ror(w: u32, n: u32) -> u32 { return (w >> n) | (w << (32u - n)); }
fn big0(a: u32) -> u32 { return ror(a, 2u) ^ ror(a, 13u) ^ ror(a, 22u); }
fn big1(e: u32) -> u32 { return ror(e, 6u) ^ ror(e, 11u) ^ ror(e, 25u); }
fn small0(w: u32) -> u32 { return ror(w, 7u) ^ ror(w, 18u) ^ (w >> 3u); }
fn small1(w: u32) -> u32 { return ror(w, 17u) ^ ror(w, 19u) ^ (w >> 10u); }
fn choice(e: u32, f: u32, g: u32) -> u32 { return g ^ (e & (f ^ g)); }
fn majority(a: u32, b: u32, c: u32) -> u32 { return (a & b) | (c & (a | b)); }
fn swap(w: u32) -> u32 { return (ror(w, 8u) & 0xff00ff00u) | (ror(w, 24u) & 0x00ff00ffu); }
fn left(v: vec2<u32>, n: u32) -> vec2<u32> { return (v << vec2<u32>(n)) | (v.yx >> vec2<u32>(32u - n)); }
";

/// `seal_search`: see [`crate::seal::SEARCH`].
pub fn search() -> String {
    format!(
        "{HEADER}
@group(0) @binding(1) var<storage, read_write> best: array<atomic<u32>>;
{}
@compute @workgroup_size(128)
fn seal_search(@builtin(global_invocation_id) id: vec3<u32>) {{
  for (var i = id.x; i < p.count; i += p.stride) {{
    // A smaller nonce than this thread's was found: no larger one matters.
    if (atomicLoad(&best[0]) < i) {{ return; }}
    let h = head(swap(p.first + i));
    if (h.x < p.head.x || (h.x == p.head.x && h.y <= p.head.y)) {{
      atomicMin(&best[0], i);
      return;
    }}
  }}
}}
",
        hash()
    )
}

/// `seal_heads`: see [`crate::seal::HEADS`].
pub fn heads() -> String {
    format!(
        "{HEADER}
@group(0) @binding(1) var<storage, read_write> heads: array<vec2<u32>>;
{}
@compute @workgroup_size(128)
fn seal_heads(@builtin(global_invocation_id) id: vec3<u32>) {{
  for (var i = id.x; i < p.count; i += p.stride) {{
    heads[i] = head(swap(p.first + i)).yx;
  }}
}}
",
        hash()
    )
}

/// `fn head(w0) -> (high, low)`: the first eight bytes of the seal whose block begins with the word w0.
fn hash() -> String {
    let mut out = String::from("fn head(w0: u32) -> vec2<u32> {\n");
    sha256(&mut out);
    keccak(&mut out);
    out.push_str("}\n");
    out
}

/// Writes to a string, which cannot fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => {{ let _ = writeln!($out, $($text)*); }};
}

/// Names of the working variables before round t: the eight names move along by one each round.
fn variables(t: usize) -> [char; 8] {
    std::array::from_fn(|i| char::from(b"abcdefgh"[(i + 64 - t) % 8]))
}

/// Component of a uniform array of vectors.
fn word(name: &str, at: usize) -> String {
    format!("p.{name}[{}][{}]", at / 4, at % 4)
}

fn sha256(out: &mut String) {
    // After round 0, what was a is called b and so on: `start` holds a..h in the order of round 1.
    for (at, name) in variables(1).into_iter().enumerate() {
        let plus = if at % 4 == 0 { " + w0" } else { "" };
        line!(out, "  var {name} = {}{plus};", word("start", at));
    }
    for t in 0..16 {
        if t > 0 {
            round(out, t, &word("round", t));
        }
    }
    for (t, constant) in K.iter().enumerate().skip(16) {
        let i = t % 16;
        let (w2, w7, w15) = ((t + 14) % 16, (t + 9) % 16, (t + 1) % 16);
        let part = word("part", i);
        match t {
            17 | 19 | 21 => {
                line!(out, "  var w{i} = {part};");
                round(out, t, &format!("p.later[{}]", (t - 17) / 2));
                continue;
            }
            16 => line!(out, "  var w0_ = {part} + w0;"),
            18 => line!(out, "  var w2 = {part} + small1(w0_);"),
            20 => line!(out, "  var w4 = {part} + small1(w2);"),
            22 => line!(out, "  var w6 = {part} + small1(w4);"),
            23 => line!(out, "  var w7 = {part} + w0_;"),
            24 => line!(out, "  var w8 = {part} + small1(w6);"),
            25 => line!(out, "  var w9 = {part} + small1(w7) + w2;"),
            26 => line!(out, "  var w10 = {part} + small1(w8);"),
            27 => line!(out, "  var w11 = {part} + small1(w9) + w4;"),
            28 => line!(out, "  var w12 = {part} + small1(w10);"),
            29 => line!(out, "  var w13 = {part} + small1(w11) + w6;"),
            30 => line!(out, "  var w14 = {part} + small1(w12) + w7;"),
            31 => line!(out, "  var w15 = {part} + small1(w13) + w8 + small0(w0_);"),
            _ => {
                let name = |i: usize| if i == 0 { String::from("w0_") } else { format!("w{i}") };
                line!(out, "  {} += small1({}) + {} + small0({});", name(i), name(w2), name(w7), name(w15));
            }
        }
        let name = if i == 0 { String::from("w0_") } else { format!("w{i}") };
        round(out, t, &format!("{name} + {constant:#x}u"));
    }
    // 64 rounds later the names are in their places again.
    for (name, initial) in variables(64).into_iter().zip(INITIAL) {
        line!(out, "  {name} += {initial:#x}u;");
    }
}

/// One round; `kw` is K[t] + W[t].
fn round(out: &mut String, t: usize, kw: &str) {
    let [a, b, c, d, e, f, g, h] = variables(t);
    line!(
        out,
        "  {h} += {kw} + choice({e}, {f}, {g}) + big1({e}); {d} += {h}; {h} += big0({a}) + majority({a}, {b}, {c});"
    );
}

fn left(lane: &str, by: u32) -> String {
    match by {
        0 => String::from(lane),
        1..32 => format!("left({lane}, {by}u)"),
        _ => format!("left(({lane}).yx, {}u)", by - 32),
    }
}

/// Theta: the columns' parities c0..c4 and what is mixed in, d0..d4.
fn mix(out: &mut String, columns: &[String; 5]) {
    for (x, column) in columns.iter().enumerate() {
        line!(out, "    let c{x} = {column};");
    }
    for x in 0..5 {
        line!(out, "    let d{x} = c{} ^ {};", (x + 4) % 5, left(&format!("c{}", (x + 1) % 5), 1));
    }
}

/// Rho and pi: b holds what the lanes become; `lane` says what lane i is with theta applied.
fn moved(out: &mut String, lanes: impl Iterator<Item = usize>, lane: impl Fn(usize) -> String) {
    for from in lanes {
        let (x, y) = (from % 5, from / 5);
        let to = y + 5 * ((2 * x + 3 * y) % 5);
        line!(out, "    let b{to} = {};", left(&lane(from), ROTATIONS[from]));
    }
}

/// Chi of lane i.
fn chi(i: usize) -> String {
    let row = i - i % 5;
    format!("b{i} ^ (~b{} & b{})", row + (i + 1) % 5, row + (i + 2) % 5)
}

fn keccak(out: &mut String) {
    let lane = |i: usize, name: char, next: char| format!("  let m{i} = vec2<u32>(swap({name}), swap({next}));");
    let names = variables(64);
    for i in 0..4 {
        line!(out, "{}", lane(i, names[2 * i], names[2 * i + 1]));
    }
    for i in 0..25 {
        line!(out, "  var s{i}: vec2<u32>;");
    }
    // The first round starts from four lanes of the digest, lane 4 = 1 and lane 16 = 2⁶³; all others are 0.
    line!(out, "  {{");
    let columns = ["m0", "m1 ^ vec2<u32>(0u, 0x80000000u)", "m2", "m3", "vec2<u32>(1u, 0u)"];
    mix(out, &columns.map(String::from));
    moved(out, 0..25, |i| match i {
        0..4 => format!("(m{i} ^ d{})", i % 5),
        4 => String::from("(d4 ^ vec2<u32>(1u, 0u))"),
        16 => String::from("(d1 ^ vec2<u32>(0u, 0x80000000u))"),
        _ => format!("d{}", i % 5),
    });
    for i in 0..25 {
        line!(out, "    s{i} = {};", chi(i));
    }
    line!(out, "    s0 ^= p.iota[0].xy;\n  }}");

    let columns: [String; 5] =
        std::array::from_fn(|x| format!("s{x} ^ s{} ^ s{} ^ s{} ^ s{}", x + 5, x + 10, x + 15, x + 20));
    let mixed = |i: usize| format!("(s{i} ^ d{})", i % 5);
    line!(out, "  for (var r = 1u; r < 23u; r++) {{");
    mix(out, &columns);
    moved(out, 0..25, mixed);
    for i in 0..25 {
        line!(out, "    s{i} = {};", chi(i));
    }
    line!(out, "    let rc = p.iota[r >> 1u];");
    line!(out, "    s0 ^= select(rc.xy, rc.zw, (r & 1u) == 1u);\n  }}");

    // Of the last round lane 0 alone is wanted.
    mix(out, &columns);
    moved(out, [0, 6, 12].into_iter(), mixed);
    line!(out, "  let lane = {} ^ p.iota[11].zw;", chi(0));
    line!(out, "  return vec2<u32>(swap(lane.x), swap(lane.y));");
}

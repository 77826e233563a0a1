//! WGSL of the steps of training that are no products. One thread per element or per row; a row's sums run in order, so
//! that a device gives the same bits twice. The mathematics is that of `expert`'s networks.
use std::fmt::Write;

/// Threads of a group.
pub const GROUP: u32 = 64;

/// A kernel over `n` items: its parameters (after `across` and `n`), its buffers (a `*` before those that are written,
/// `u32` elements where the name ends in `tokens`), and what thread `i` does.
fn text(name: &str, params: &[&str], buffers: &[&str], body: &str) -> String {
    let mut out = String::from("struct Params { across: u32, n: u32");
    for param in params {
        let _ = write!(out, ", {param}: u32");
    }
    out.push_str(" }\n@group(0) @binding(0) var<uniform> p: Params;\n");
    for (index, buffer) in buffers.iter().enumerate() {
        let (access, name) = buffer.strip_prefix('*').map_or(("read", *buffer), |name| ("read_write", name));
        let element = if name.ends_with("tokens") { "u32" } else { "f32" };
        let _ = writeln!(out, "@group(0) @binding({}) var<storage, {access}> {name}: array<{element}>;", index + 1);
    }
    let _ = writeln!(
        out,
        "@compute @workgroup_size({GROUP})
fn {name}(@builtin(workgroup_id) g: vec3<u32>, @builtin(local_invocation_id) l: vec3<u32>) {{
  let i = (g.y * p.across + g.x) * {GROUP}u + l.x;
  if (i >= p.n) {{ return; }}
{body}
}}"
    );
    out
}

pub fn train_one_hot() -> String {
    let body = "  out[i] = select(0.0, 1.0, tokens[i / p.width] == i % p.width);";
    text("train_one_hot", &["width"], &["tokens", "*out"], body)
}

pub fn train_multiply() -> String {
    text("train_multiply", &[], &["x", "*y"], "  y[i] = y[i] * x[i];")
}

/// Adds a bias to each row.
pub fn train_bias() -> String {
    text("train_bias", &["width"], &["bias", "*x"], "  x[i] = x[i] + bias[i % p.width];")
}

pub fn train_norm() -> String {
    let body = "  let at = i * p.d;
  var s = 0.0;
  for (var c = 0u; c < p.d; c++) { let v = x[at + c]; s += v * v; }
  let r = 1.0 / sqrt(s / f32(p.d) + 1e-6);
  inverse[i] = r;
  for (var c = 0u; c < p.d; c++) { y[at + c] = x[at + c] * r * gain[c]; }";
    text("train_norm", &["d"], &["x", "gain", "*y", "*inverse"], body)
}

/// dx += the gradient of a norm's input; `share` is what each row adds to the gain's.
pub fn train_norm_back() -> String {
    let body = "  let at = i * p.d;
  let r = inverse[i];
  var s = 0.0;
  for (var c = 0u; c < p.d; c++) { s += dy[at + c] * gain[c] * x[at + c]; }
  let k = r * r * s / f32(p.d);
  for (var c = 0u; c < p.d; c++) {
    dx[at + c] = dx[at + c] + r * (dy[at + c] * gain[c] - x[at + c] * k);
    share[at + c] = dy[at + c] * x[at + c] * r;
  }";
    text("train_norm_back", &["d"], &["x", "gain", "inverse", "dy", "*dx", "*share"], body)
}

/// Row sums of `each` rows at a time: item = (chunk, column).
pub fn train_column_sum() -> String {
    let body = "  let column = i % p.columns;
  let first = (i / p.columns) * p.each;
  let last = min(p.rows, first + p.each);
  var s = 0.0;
  for (var row = first; row < last; row++) { s += x[row * p.columns + column]; }
  out[i] = s;";
    text("train_column_sum", &["rows", "columns", "each"], &["x", "*out"], body)
}

/// What both directions of `place` begin with: item = (row, head); where its numbers are, and the scale of queries.
const PLACE: &str = "  let e = p.head;
  let half = e / 2u;
  let row = i / p.heads;
  let t = row % p.length;
  let own = row * 3u * p.heads * e + p.part * p.heads * e + (i % p.heads) * e;
  let to = (((row / p.length) * p.heads + i % p.heads) * p.length + t) * e;
  let scale = select(1.0, 1.0 / sqrt(f32(e)), p.part == 0u);
";

/// Queries (part 0) and keys (part 1): normed, scaled, turned, and laid out head by head.
pub fn train_place() -> String {
    let body = "  var s = 0.0;
  for (var c = 0u; c < e; c++) { let v = qkv[own + c]; s += v * v; }
  let r = 1.0 / sqrt(s / f32(e) + 1e-6);
  inverse[i] = r;
  for (var c = 0u; c < half; c++) {
    let x = qkv[own + c] * r * gain[c] * scale;
    let y = qkv[own + half + c] * r * gain[half + c] * scale;
    let cosine = turns[t * e + c];
    let sine = turns[t * e + half + c];
    out[to + c] = x * cosine - y * sine;
    out[to + half + c] = x * sine + y * cosine;
  }";
    let params = ["head", "heads", "length", "part"];
    text("train_place", &params, &["qkv", "gain", "turns", "*out", "*inverse"], &format!("{PLACE}{body}"))
}

pub fn train_place_back() -> String {
    let body = "  let r = inverse[i];
  var s = 0.0;
  for (var c = 0u; c < half; c++) {
    let cosine = turns[t * e + c];
    let sine = turns[t * e + half + c];
    let x = (dy[to + c] * cosine + dy[to + half + c] * sine) * scale;
    let y = (dy[to + half + c] * cosine - dy[to + c] * sine) * scale;
    s += x * gain[c] * qkv[own + c] + y * gain[half + c] * qkv[own + half + c];
  }
  let k = r * r * s / f32(e);
  for (var c = 0u; c < half; c++) {
    let cosine = turns[t * e + c];
    let sine = turns[t * e + half + c];
    let x = (dy[to + c] * cosine + dy[to + half + c] * sine) * scale;
    let y = (dy[to + half + c] * cosine - dy[to + c] * sine) * scale;
    dqkv[own + c] = r * (x * gain[c] - qkv[own + c] * k);
    dqkv[own + half + c] = r * (y * gain[half + c] - qkv[own + half + c] * k);
    share[i * e + c] = x * qkv[own + c] * r;
    share[i * e + half + c] = y * qkv[own + half + c] * r;
  }";
    let params = ["head", "heads", "length", "part"];
    let buffers = ["qkv", "gain", "turns", "inverse", "dy", "*dqkv", "*share"];
    text("train_place_back", &params, &buffers, &format!("{PLACE}{body}"))
}

/// Copies between rows (`stride` wide, from column `offset` on) and the layout head by head; item = one number of the latter.
fn heads(name: &str, body: &str) -> String {
    let place = "  let e = p.head;
  let t = (i / e) % p.length;
  let which = i / (e * p.length);
  let at = ((which / p.heads) * p.length + t) * p.stride + p.offset + (which % p.heads) * e + i % e;
";
    text(name, &["head", "heads", "length", "stride", "offset"], &["x", "*y"], &format!("{place}{body}"))
}

pub fn train_split() -> String {
    heads("train_split", "  y[i] = x[at];")
}

pub fn train_merge() -> String {
    heads("train_merge", "  y[at] = x[i];")
}

/// Rows of scores become probabilities over the positions up to their own.
pub fn train_softmax() -> String {
    let body = "  let at = i * p.length;
  let t = i % p.length;
  var most = x[at];
  for (var c = 1u; c <= t; c++) { most = max(most, x[at + c]); }
  var s = 0.0;
  for (var c = 0u; c <= t; c++) { let v = exp(x[at + c] - most); x[at + c] = v; s += v; }
  for (var c = 0u; c < p.length; c++) { x[at + c] = select(0.0, x[at + c] / s, c <= t); }";
    text("train_softmax", &["length"], &["*x"], body)
}

/// Gradients of probabilities become those of scores.
pub fn train_softmax_back() -> String {
    let body = "  let at = i * p.length;
  let t = i % p.length;
  var s = 0.0;
  for (var c = 0u; c <= t; c++) { s += x[at + c] * dx[at + c]; }
  for (var c = 0u; c < p.length; c++) { dx[at + c] = select(0.0, x[at + c] * (dx[at + c] - s), c <= t); }";
    text("train_softmax_back", &["length"], &["x", "*dx"], body)
}

/// GELU, and its slope in place of its input.
pub fn train_gelu() -> String {
    let body = "  let a = x[i];
  let s = 1.0 / (1.0 + exp(-1.5957691216057308 * (a + 0.044715 * a * a * a)));
  y[i] = a * s;
  x[i] = s + a * s * (1.0 - s) * 1.5957691216057308 * (1.0 + 0.134145 * a * a);";
    text("train_gelu", &[], &["*x", "*y"], body)
}

/// Rows of 256 logits become their gradients; the loss of each row in nats.
pub fn train_loss() -> String {
    let body = "  let at = i * 256u;
  let right = next_tokens[i];
  var most = x[at];
  for (var c = 1u; c < 256u; c++) { most = max(most, x[at + c]); }
  let own = x[at + right] - most;
  var s = 0.0;
  for (var c = 0u; c < 256u; c++) { let v = exp(x[at + c] - most); x[at + c] = v; s += v; }
  for (var c = 0u; c < 256u; c++) { x[at + c] = x[at + c] / s - select(0.0, 1.0, c == right); }
  loss[i] = log(s) - own;";
    text("train_loss", &[], &["next_tokens", "*x", "*loss"], body)
}

/// What both directions of a GRU's cell begin with: item = (window, unit); `at` and `a` are its places among all rows, the
/// first of this time being `first`, and `b` its place among the rows of this time.
const CELL: &str = "  let w = p.width;
  let row = p.first + i / w;
  let at = row * w + i % w;
  let a = row * 3u * w + i % w;
  let b = (i / w) * 3u * w + i % w;
";

/// One time forward: the inputs of gates become the gates, and states what they are after it.
pub fn train_gru() -> String {
    let body = "  let r = 1.0 / (1.0 + exp(-(gates[a] + u[b])));
  let z = 1.0 / (1.0 + exp(-(gates[a + w] + u[b + w])));
  let m = u[b + 2u * w] + bias[i % w];
  let n = 1.0 - 2.0 / (1.0 + exp(2.0 * clamp(gates[a + 2u * w] + r * m, -15.0, 15.0)));
  let h = state[i];
  let next = (1.0 - z) * n + z * h;
  gates[a] = r;
  gates[a + w] = z;
  gates[a + 2u * w] = n;
  inner[at] = m;
  before[at] = h;
  after[at] = next;
  state[i] = next;";
    let buffers = ["u", "bias", "*gates", "*inner", "*state", "*before", "*after"];
    text("train_gru", &["width", "first"], &buffers, &format!("{CELL}{body}"))
}

/// One time back: gates become gradients of their inputs, `du` and `here` get those of h·U, and `carried` what goes
/// straight through to the state before.
pub fn train_gru_back() -> String {
    let body = "  let r = gates[a];
  let z = gates[a + w];
  let n = gates[a + 2u * w];
  let dh = dafter[at] + carried[i];
  let dn = dh * (1.0 - z) * (1.0 - n * n);
  let dz = dh * (before[at] - n) * z * (1.0 - z);
  let dr = dn * inner[at] * r * (1.0 - r);
  gates[a] = dr;
  gates[a + w] = dz;
  gates[a + 2u * w] = dn;
  du[a] = dr;
  du[a + w] = dz;
  du[a + 2u * w] = dn * r;
  here[b] = dr;
  here[b + w] = dz;
  here[b + 2u * w] = dn * r;
  carried[i] = dh * z;";
    let buffers = ["inner", "before", "dafter", "*gates", "*carried", "*du", "*here"];
    text("train_gru_back", &["width", "first"], &buffers, &format!("{CELL}{body}"))
}

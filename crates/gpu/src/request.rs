//! What the other side may ask: headers are decoded strictly, unknown and missing fields are refused.
use std::time::Duration;

use expert::model::{CHECKPOINT_BYTES_MAX, GruShape, Mode, TEXT_BYTES_MAX, TransformerShape};
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::shape::{Dtype, Shape};
use crate::train;

/// Nonces of one `seal.heads`.
pub const HEADS_MAX: u64 = 1_000_000;
/// No slice of training runs longer than an hour.
const BUDGET_MS_MAX: u64 = 3_600_000;

/// A number of 64 bits: a JSON integer, or its decimal digits as text (JavaScript's numbers are too short).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub u64);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Decimal;
            fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
                to.write_str("decimal digits of a number of 64 bits")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Decimal, E> {
                Ok(Decimal(value))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
                let plain = text == "0" || !text.starts_with(['0', '+']);
                text.parse().ok().filter(|_| plain).map(Decimal).ok_or_else(|| E::custom("not a decimal number"))
            }
        }
        from.deserialize_any(Digits)
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// 32 bytes as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex32(pub [u8; 32]);

impl<'de> Deserialize<'de> for Hex32 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text).as_bytes();
        let nibble = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
        let bytes = bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom("not 64 hexadecimal digits"))
    }
}

/// A header that was asked for by name; see the variants' fields for the rest of the header.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Header {
    Hello {
        id: u32,
    },
    Ping {
        id: u32,
    },
    Devices {
        id: u32,
    },
    Cancel {
        #[serde(default)]
        id: u32,
        cancel: u32,
    },
    #[serde(rename = "seal.search")]
    SealSearch {
        id: u32,
        device: String,
        inner: Hex32,
        difficulty: Decimal,
        start: Decimal,
        count: Decimal,
    },
    #[serde(rename = "seal.heads")]
    SealHeads {
        id: u32,
        device: String,
        inner: Hex32,
        start: Decimal,
        count: Decimal,
    },
    #[serde(rename_all = "camelCase")]
    Matmul {
        id: u32,
        device: String,
        dtype: Dtype,
        m: usize,
        k: usize,
        n: usize,
        #[serde(default = "one")]
        batch: usize,
        #[serde(default)]
        transpose_a: bool,
        #[serde(default)]
        transpose_b: bool,
    },
    #[serde(rename_all = "camelCase")]
    Train {
        id: u32,
        device: String,
        model: Architecture,
        seed: Decimal,
        steps: u32,
        total_steps: u32,
        budget_ms: u64,
        checkpoint: usize,
    },
}

/// The model of a `train`, with the sizes of its kind.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Architecture {
    Transformer { width: usize, layers: usize, heads: usize, context: usize },
    Gru { embedding: usize, width: usize, context: usize },
}

impl From<Architecture> for train::Architecture {
    fn from(model: Architecture) -> Self {
        let mode = Mode::Fast;
        match model {
            Architecture::Transformer { width, layers, heads, context } => {
                TransformerShape { width, layers, heads, context, mode }.into()
            }
            Architecture::Gru { embedding, width, context } => GruShape { embedding, width, context, mode }.into(),
        }
    }
}

fn one() -> usize {
    1
}

/// A search for a nonce in [start, start + count), which wraps around at 2⁶⁴.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    pub inner: [u8; 32],
    pub difficulty: u64,
    pub start: u64,
    pub count: u64,
}

/// The first eight bytes, big-endian, of the seals of nonces [start, start + count).
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub inner: [u8; 32],
    pub start: u64,
    pub count: u64,
}

/// A slice of training; the payload is the checkpoint and after it the text.
#[derive(Debug, Clone, Copy)]
pub struct Training {
    pub job: train::Job,
    /// Bytes of the checkpoint.
    pub checkpoint: usize,
}

/// Work for a device.
#[derive(Debug, Clone, Copy)]
pub enum Job {
    Search(Search),
    Heads(Heads),
    Matmul(Shape),
    Train(Training),
}

#[derive(Debug)]
pub enum Op {
    Hello,
    Ping,
    Devices,
    /// Ends the request of that id; has no answer of its own.
    Cancel(u32),
    Work {
        device: String,
        job: Job,
    },
}

#[derive(Debug)]
pub struct Request {
    pub id: u32,
    pub op: Op,
}

/// The id alone, to answer a request that is otherwise refused.
#[derive(Deserialize)]
struct Id {
    id: u32,
}

impl Request {
    /// Decodes a header and compares the size of its payload with what it promises.
    ///
    /// # Errors
    /// The id to answer and why it is refused; the id is 0 where there is none, and then nothing can be answered.
    pub fn decode(header: &[u8], payload: usize) -> Result<Self, (u32, Error)> {
        let header: Header = serde_json::from_slice(header).map_err(|error| {
            let id = serde_json::from_slice::<Id>(header).map_or(0, |one| one.id);
            (id, Error::Request(error.to_string()))
        })?;
        let (id, op) = header.into_op();
        if id == 0 && !matches!(op, Op::Cancel(_)) {
            return Err((0, Error::Request(String::from("an id is at least 1"))));
        }
        op.check(payload).map_err(|error| (id, error))?;
        Ok(Self { id, op })
    }
}

impl Header {
    fn into_op(self) -> (u32, Op) {
        match self {
            Self::Hello { id } => (id, Op::Hello),
            Self::Ping { id } => (id, Op::Ping),
            Self::Devices { id } => (id, Op::Devices),
            Self::Cancel { id, cancel } => (id, Op::Cancel(cancel)),
            Self::SealSearch { id, device, inner, difficulty, start, count } => {
                let search = Search { inner: inner.0, difficulty: difficulty.0, start: start.0, count: count.0 };
                (id, Op::Work { device, job: Job::Search(search) })
            }
            Self::SealHeads { id, device, inner, start, count } => {
                let heads = Heads { inner: inner.0, start: start.0, count: count.0 };
                (id, Op::Work { device, job: Job::Heads(heads) })
            }
            Self::Matmul { id, device, dtype, m, k, n, batch, transpose_a, transpose_b } => {
                let shape = Shape { dtype, m, k, n, batch, transpose_a, transpose_b };
                (id, Op::Work { device, job: Job::Matmul(shape) })
            }
            Self::Train { id, device, model, seed, steps, total_steps, budget_ms, checkpoint } => {
                let job = train::Job {
                    architecture: model.into(),
                    seed: seed.0,
                    steps: u64::from(steps),
                    total_steps: u64::from(total_steps),
                    budget: Duration::from_millis(budget_ms.min(BUDGET_MS_MAX)),
                };
                (id, Op::Work { device, job: Job::Train(Training { job, checkpoint }) })
            }
        }
    }
}

impl Op {
    /// Whether `payload` bytes may come with it.
    fn check(&self, payload: usize) -> Result<(), Error> {
        let expected = match self {
            Self::Work { job: Job::Matmul(shape), .. } => shape.sizes().map(|(a, b, _)| a + b)?,
            Self::Work { job: Job::Heads(heads), .. } if heads.count > HEADS_MAX => {
                return Err(Error::Request(format!("{} nonces, at most {HEADS_MAX}", heads.count)));
            }
            Self::Work { job: Job::Train(training), .. } => return training.check(payload),
            _ => 0,
        };
        if expected == payload {
            return Ok(());
        }
        Err(Error::Request(format!("{payload} bytes of payload, {expected} expected")))
    }
}

impl Training {
    fn check(&self, payload: usize) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::Request(text));
        let Some(text) = payload.checked_sub(self.checkpoint) else {
            return refuse(format!("{payload} bytes of payload, {} of them a checkpoint", self.checkpoint));
        };
        if self.checkpoint > CHECKPOINT_BYTES_MAX {
            return refuse(format!("a checkpoint has {CHECKPOINT_BYTES_MAX} bytes at most"));
        }
        if text > TEXT_BYTES_MAX {
            return refuse(format!("a text has {TEXT_BYTES_MAX} bytes at most"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn refused(header: &str) -> (u32, &'static str) {
        let (id, error) = Request::decode(header.as_bytes(), 0).unwrap_err();
        (id, error.code())
    }

    #[test]
    fn every_op_is_decoded() {
        let search = format!(
            r#"{{"id":7,"op":"seal.search","device":"cuda:0","inner":"{INNER}","difficulty":"18446744073709551615","start":"0","count":"5"}}"#
        );
        let Request { id: 7, op: Op::Work { device, job: Job::Search(search) } } =
            Request::decode(search.as_bytes(), 0).unwrap()
        else {
            unreachable!()
        };
        assert_eq!((device.as_str(), search.inner[1], search.difficulty), ("cuda:0", 0x11, u64::MAX));
        let product = br#"{"id":1,"op":"matmul","device":"x","dtype":"bf16","m":2,"k":3,"n":1,"transposeB":true}"#;
        let Request { op: Op::Work { job: Job::Matmul(shape), .. }, .. } = Request::decode(product, 18).unwrap() else {
            unreachable!()
        };
        assert!(shape.transpose_b && !shape.transpose_a && shape.batch == 1);
        assert!(matches!(
            Request::decode(br#"{"op":"cancel","cancel":3}"#, 0),
            Ok(Request { id: 0, op: Op::Cancel(3) })
        ));
    }

    #[test]
    fn whatever_is_malformed_is_refused_with_its_id() {
        assert_eq!(refused("{}"), (0, "GPU_REQUEST"));
        assert_eq!(refused(r#"{"id":0,"op":"ping"}"#), (0, "GPU_REQUEST"));
        assert_eq!(refused(r#"{"id":-1,"op":"ping"}"#), (0, "GPU_REQUEST"));
        assert_eq!(refused(r#"{"id":4,"op":"ping","more":1}"#), (4, "GPU_REQUEST"));
        assert_eq!(refused(r#"{"id":4,"op":"ping"} x"#).1, "GPU_REQUEST");
        assert_eq!(refused(r#"{"id":4,"id":4,"op":"ping"}"#), (0, "GPU_REQUEST"));
        assert_eq!(refused(r#"{"id":5,"op":"dance"}"#), (5, "GPU_REQUEST"));
        for number in [r#""""#, r#""+1""#, r#""01""#, r#""18446744073709551616""#, "1.5", "-1", "null"] {
            let heads =
                format!(r#"{{"id":6,"op":"seal.heads","device":"d","inner":"{INNER}","start":{number},"count":1}}"#);
            assert_eq!(refused(&heads), (6, "GPU_REQUEST"), "{number}");
        }
        let many = format!(r#"{{"id":6,"op":"seal.heads","device":"d","inner":"{INNER}","start":0,"count":1000001}}"#);
        assert_eq!(refused(&many), (6, "GPU_REQUEST"));
        let short = format!(r#"{{"id":6,"op":"seal.heads","device":"d","inner":"{}","start":0,"count":1}}"#, "a0");
        assert_eq!(refused(&short), (6, "GPU_REQUEST"));
    }

    #[test]
    fn a_slice_of_training_comes_with_its_checkpoint_and_a_text_within_their_limits() {
        let header = |checkpoint: usize| {
            format!(
                r#"{{"id":3,"op":"train","device":"x","model":{{"kind":"transformer","width":64,"layers":3,"heads":4,"context":256}},"seed":"18446744073709551615","steps":2,"totalSteps":9,"budgetMs":5000,"checkpoint":{checkpoint}}}"#
            )
        };
        let Request { op: Op::Work { job: Job::Train(training), .. }, .. } =
            Request::decode(header(10).as_bytes(), 13).unwrap()
        else {
            unreachable!()
        };
        let train::Job { seed, steps, total_steps, budget, .. } = training.job;
        assert_eq!((seed, steps, total_steps, budget.as_secs(), training.checkpoint), (u64::MAX, 2, 9, 5, 10));
        let decode = |checkpoint: usize, payload| Request::decode(header(checkpoint).as_bytes(), payload).map(drop);
        assert!(decode(CHECKPOINT_BYTES_MAX, CHECKPOINT_BYTES_MAX + TEXT_BYTES_MAX).is_ok());
        for (checkpoint, payload) in
            [(11, 10), (CHECKPOINT_BYTES_MAX + 1, CHECKPOINT_BYTES_MAX + 1), (0, TEXT_BYTES_MAX + 1), (usize::MAX, 5)]
        {
            let (id, error) = decode(checkpoint, payload).unwrap_err();
            assert_eq!((id, error.code()), (3, "GPU_REQUEST"), "{checkpoint} of {payload}");
        }
        assert_eq!(refused(&header(0).replace("\"steps\":2", "\"steps\":-2")), (3, "GPU_REQUEST"));
        assert_eq!(refused(&header(0).replace("\"steps\":2,", "")), (3, "GPU_REQUEST"));
    }

    #[test]
    fn a_payload_of_another_size_is_refused_before_it_is_read() {
        let header = br#"{"id":1,"op":"matmul","device":"x","dtype":"int8","m":2,"k":3,"n":1}"#;
        assert!(Request::decode(header, 9).is_ok());
        assert_eq!(Request::decode(header, 10).unwrap_err().0, 1);
        let huge = br#"{"id":2,"op":"matmul","device":"x","dtype":"int8","m":40000,"k":40000,"n":1}"#;
        assert_eq!(Request::decode(huge, 0).unwrap_err().1.code(), "GPU_SHAPE");
    }
}

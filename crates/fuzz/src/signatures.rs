//! Signatures (N6, N7): whatever bytes come, a batch says what one by one says, a signature of ours is valid, and one with
//! a bit changed is not.
use signature::{Item, KeyPair, Scheme, derive_hard, derive_soft, from_secret, key_pair, sign, verify, verify_batch};

use crate::reader::Reader;

pub fn ed25519(bytes: &[u8]) {
    agree(Scheme::Ed25519, bytes);
}

pub fn sr25519(bytes: &[u8]) {
    agree(Scheme::Sr25519, bytes);
}

struct Case {
    public: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
    /// What must be said, where it is known.
    expected: Option<bool>,
}

fn case(scheme: Scheme, reader: &mut Reader<'_>) -> Case {
    let how = reader.u8();
    let length = reader.up_to(80);
    let mut message = reader.bytes(length).to_vec();
    if how & 16 != 0 {
        message = [b"<Bytes>", &message[..], b"</Bytes>"].concat();
    }
    if how & 3 == 3 {
        // Nothing of it is ours.
        return Case { public: reader.array(), message, signature: reader.array(), expected: None };
    }
    let seed = reader.array::<32>();
    let Ok(pair) = key_pair(scheme, &seed) else { panic!("a seed that gives no key: {seed:?}") };
    let Ok(mut signature) = sign(scheme, &pair.secret, &message) else {
        assert!(message.starts_with(b"<Bytes>"), "a plain message is not signed");
        return Case { public: pair.public, message, signature: reader.array(), expected: Some(false) };
    };
    let mut public = pair.public;
    let mut changed = false;
    match how & 3 {
        1 => {
            let at = reader.up_to(511);
            signature[at / 8] ^= 1 << (at % 8);
            changed = true;
        }
        2 => {
            let at = reader.up_to(255);
            public[at / 8] ^= 1 << (at % 8);
            changed = true;
        }
        _ => {}
    }
    Case { public, message, signature, expected: Some(!changed) }
}

fn agree(scheme: Scheme, bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let cases: Vec<Case> = (0..=reader.up_to(5)).map(|_| case(scheme, &mut reader)).collect();
    let single: Vec<bool> = cases
        .iter()
        .map(|case| {
            verify(scheme, &case.public, &case.message, &case.signature).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    for (case, &valid) in cases.iter().zip(&single) {
        assert!(case.expected.is_none_or(|expected| expected == valid), "a signature is {valid}, and should not be");
    }
    let items: Vec<Item<'_>> = cases
        .iter()
        .map(|case| Item { scheme, public: &case.public, message: &case.message, signature: &case.signature })
        .collect();
    assert_eq!(verify_batch(&items), Ok(single), "a batch differs from one by one");
}

/// A secret is refused, or it signs, is read again as itself, and has the children that its parent says.
pub fn secrets(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let scheme = if reader.u8() & 1 == 0 { Scheme::Sr25519 } else { Scheme::Ed25519 };
    let (how, code, mut secret) = (reader.u8(), reader.array::<32>(), reader.array::<64>());
    if how & 1 == 1
        && let Ok(pair) = key_pair(scheme, secret.first_chunk().unwrap_or(&[0; 32]))
    {
        // A good one, or one that is off by a bit.
        secret = *pair.secret;
        if how & 2 == 2 {
            let at = reader.up_to(511);
            secret[at / 8] ^= 1 << (at % 8);
        }
    }
    let rest = reader.rest();
    let pair = from_secret(scheme, &secret);
    if let Ok(pair) = &pair {
        works(scheme, pair);
    }
    assert!(how & 3 != 1 || pair.is_ok(), "a secret of ours is refused");

    for parent in [rest, &secret[..32], &secret] {
        match derive_hard(parent, &code) {
            Ok(child) => {
                assert!(matches!(parent.len(), 32 | 64), "a secret of {} bytes has a child", parent.len());
                assert_eq!(derive_hard(parent, &code).as_ref(), Ok(&child), "two hard children of one secret");
                key_pair(Scheme::Sr25519, &child)
                    .map_or_else(|error| panic!("{error}"), |pair| works(Scheme::Sr25519, &pair));
            }
            Err(_) => assert!(parent.len() != 32, "a mini-secret has no child"),
        }
    }
    let child = || derive_soft(&secret, &code).and_then(|child| from_secret(Scheme::Sr25519, &child));
    assert!(scheme == Scheme::Ed25519 || pair.is_err() || child().is_ok(), "a secret has no soft child");
    if let (Ok(one), Ok(other)) = (child(), child()) {
        assert_eq!(one.public, other.public, "two soft children of one secret");
        works(Scheme::Sr25519, &one);
    }
}

/// What it signs is valid, and its secret gives the same pair.
fn works(scheme: Scheme, pair: &KeyPair) {
    let signature = sign(scheme, &pair.secret, b"message").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(verify(scheme, &pair.public, b"message", &signature), Ok(true), "what a secret signs is not valid");
    let again = from_secret(scheme, &pair.secret).unwrap_or_else(|error| panic!("{error}"));
    assert!(again.public == pair.public && again.secret == pair.secret, "a secret is read as another");
}

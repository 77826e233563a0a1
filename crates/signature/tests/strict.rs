//! What the verifier must accept and refuse (reliability.md T14, T61; wire.md section 6).
#![allow(clippy::unwrap_used)] // a test may fail where it stands

use signature::{Item, Scheme, derive_hard, derive_soft, from_secret, key_pair, sign, verify, verify_batch};

const BOTH: [Scheme; 2] = [Scheme::Sr25519, Scheme::Ed25519];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

/// L = 2²⁵² + 27742317777372353535851937790883648493, little-endian.
fn order() -> [u8; 32] {
    bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
}

fn add_order(scalar: &mut [u8]) {
    let mut carry = 0;
    for (byte, l) in scalar.iter_mut().zip(order()) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

#[test]
fn derives_the_published_keys_from_their_seeds() {
    let dev = bytes("fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e");
    let pair = key_pair(Scheme::Sr25519, &dev).unwrap();
    assert_eq!(pair.public, bytes("46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a"));
    let phrase = bytes("023d5fbd7981676587a9f7232aeae1087ac7c265f9658fb643b6f5e61961dfbf");
    let pair = key_pair(Scheme::Sr25519, &phrase).unwrap();
    assert_eq!(pair.public, bytes("86eb46a3f42935d901acc3b8910ca301d969b76cfc2a80f0eac733a8eda7ed24"));
    assert_eq!(
        *pair.secret,
        bytes(
            "2b400f61c21cbaad4d5cb2dcbb4ef4fcdc238b98d04d48c6d2a451ebfd306c0eed845edcc69b0a19a6905afed0dd84c16ebd0f458928f2e91a6b67b95fc0b42f"
        )
    );
    // RFC 8032, 7.1, test 1
    let pair = key_pair(Scheme::Ed25519, &bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    assert_eq!(pair.unwrap().public, bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
}

#[test]
fn derives_alice_and_bob_by_hard_junctions() {
    let dev: [u8; 32] = bytes("fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e");
    let names = [
        ("Alice", "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"),
        ("Bob", "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48"),
    ];
    for (name, public) in names {
        let mut code = [0; 32];
        code[0] = 4 * name.len() as u8;
        code[1..=name.len()].copy_from_slice(name.as_bytes());
        let mini = derive_hard(&dev, &code).unwrap();
        assert_eq!(key_pair(Scheme::Sr25519, &mini).unwrap().public, bytes(public));
        let expanded = key_pair(Scheme::Sr25519, &dev).unwrap().secret;
        assert_eq!(*derive_hard(&*expanded, &code).unwrap(), *mini, "a secret derives as its mini-secret does");
    }
    assert_eq!(derive_hard(&[1; 33], &[0; 32]).unwrap_err().code(), "SIGNATURE_SECRET_INVALID");
}

#[test]
fn a_soft_child_signs_and_its_public_key_is_always_the_same() {
    let parent = key_pair(Scheme::Sr25519, &[7; 32]).unwrap().secret;
    let children: Vec<_> = (0..2).map(|_| derive_soft(&parent, &[3; 32]).unwrap()).collect();
    let publics: Vec<_> = children.iter().map(|child| from_secret(Scheme::Sr25519, child).unwrap().public).collect();
    assert_eq!(publics[0], publics[1]);
    let signature = sign(Scheme::Sr25519, &children[0], b"m").unwrap();
    assert!(verify(Scheme::Sr25519, &publics[0], b"m", &signature).unwrap());
}

#[test]
fn accepts_a_published_signature_of_alice() {
    let text = "1700000000000000000.5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY.5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty.5ecbd69c-1cec-11ee-b0dc-e29ce36fec1a.a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a";
    let alice = bytes("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
    let signature = bytes(
        "246b67cb2add6cbd1143514167ade6895440d20476b7dabeee6fbc739f18a333c731866aaf6abfc050e1bcbcd639a89b75ff89e0cf85fc6635d3e852a64fdc84",
    );
    assert!(verify(Scheme::Sr25519, &alice, text.as_bytes(), &signature).unwrap());
    assert!(!verify(Scheme::Ed25519, &alice, text.as_bytes(), &signature).unwrap());
}

#[test]
fn refuses_every_flipped_bit_of_key_and_signature_and_a_changed_message() {
    for scheme in BOTH {
        let pair = key_pair(scheme, &[5; 32]).unwrap();
        let signature = sign(scheme, &pair.secret, b"message").unwrap();
        assert!(verify(scheme, &pair.public, b"message", &signature).unwrap());
        assert!(!verify(scheme, &pair.public, b"messagf", &signature).unwrap());
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(scheme, &pair.public, b"message", &changed).unwrap(), "{scheme:?} bit {bit}");
        }
        for bit in 0..256 {
            let mut changed = pair.public;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(scheme, &changed, b"message", &signature).unwrap(), "{scheme:?} key bit {bit}");
        }
    }
}

#[test]
fn refuses_a_signature_whose_scalar_is_not_reduced() {
    for scheme in BOTH {
        let pair = key_pair(scheme, &[6; 32]).unwrap();
        let mut signature = sign(scheme, &pair.secret, b"m").unwrap();
        let marker = signature[63] & 0x80;
        signature[63] &= 0x7f;
        add_order(&mut signature[32..]);
        signature[63] |= marker;
        assert!(!verify(scheme, &pair.public, b"m", &signature).unwrap(), "{scheme:?}");
    }
}

#[test]
fn refuses_a_missing_marker_bit() {
    let pair = key_pair(Scheme::Sr25519, &[8; 32]).unwrap();
    let mut signature = sign(Scheme::Sr25519, &pair.secret, b"m").unwrap();
    assert_eq!(signature[63] & 0x80, 0x80);
    signature[63] &= 0x7f;
    assert!(!verify(Scheme::Sr25519, &pair.public, b"m", &signature).unwrap());
}

/// For the identity key R = s·B makes any message's equation hold: the signature of s = 0 has R = identity.
#[test]
fn refuses_the_all_zero_key_whatever_is_signed() {
    let mut signature = [0; 64];
    signature[63] = 0x80;
    for message in 0..1000_u32 {
        assert!(!verify(Scheme::Sr25519, &[0; 32], &message.to_le_bytes(), &signature).unwrap());
    }
    let item = Item { scheme: Scheme::Sr25519, public: &[0; 32], message: b"x", signature: &signature };
    assert_eq!(verify_batch(&[item; 3]).unwrap(), [false; 3]);
}

#[test]
fn refuses_small_order_and_non_canonical_ed25519_keys() {
    // The eight points of small order, and the encodings of them that are not canonical.
    let keys = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    // R = identity, s = 0 satisfies the equation of every small-order key whose multiple by k is the identity.
    let mut signature = [0; 64];
    signature[0] = 1;
    for key in keys {
        for message in 0..64_u8 {
            assert!(!verify(Scheme::Ed25519, &bytes(key), &[message], &signature).unwrap(), "{key}");
        }
    }
}

#[test]
fn refuses_wrapped_text_to_sign_and_to_verify() {
    let message = b"<Bytes>hello</Bytes>";
    for scheme in BOTH {
        let pair = key_pair(scheme, &[9; 32]).unwrap();
        assert_eq!(sign(scheme, &pair.secret, message).unwrap_err().code(), "SIGNATURE_MESSAGE_WRAPPED");
        let almost = sign(scheme, &pair.secret, b"<Bytes>hello").unwrap();
        assert!(verify(scheme, &pair.public, b"<Bytes>hello", &almost).unwrap());
    }
    // What a wallet would hand over: valid signatures over wrapped text, made by the libraries themselves.
    let pair =
        schnorrkel::MiniSecretKey::from_bytes(&[9; 32]).unwrap().expand_to_keypair(schnorrkel::ExpansionMode::Ed25519);
    let signature = pair.sign_simple(b"substrate", message).to_bytes();
    assert!(!verify(Scheme::Sr25519, &pair.public.to_bytes(), message, &signature).unwrap());
    let public = pair.public.to_bytes();
    let item = Item { scheme: Scheme::Sr25519, public: &public, message, signature: &signature };
    assert_eq!(verify_batch(&[item, item]).unwrap(), [false, false]);
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, message).to_bytes();
    assert!(!verify(Scheme::Ed25519, &key.verifying_key().to_bytes(), message, &signature).unwrap());
}

#[test]
fn refuses_one_byte_more_than_the_longest_message() {
    let pair = key_pair(Scheme::Ed25519, &[1; 32]).unwrap();
    let longest = vec![0; signature::MESSAGE_MAX];
    let by = sign(Scheme::Ed25519, &pair.secret, &longest).unwrap();
    assert!(verify(Scheme::Ed25519, &pair.public, &longest, &by).unwrap());
    let longer = vec![0; signature::MESSAGE_MAX + 1];
    assert_eq!(verify(Scheme::Ed25519, &pair.public, &longer, &by).unwrap_err().code(), "SIGNATURE_MESSAGE_TOO_LONG");
    let item = Item { scheme: Scheme::Ed25519, public: &pair.public, message: &longer, signature: &by };
    assert_eq!(verify_batch(&[item]).unwrap_err().code(), "SIGNATURE_MESSAGE_TOO_LONG");
}

#[test]
fn a_batch_accepts_exactly_what_single_verification_accepts() {
    let pairs: Vec<_> = BOTH.iter().map(|scheme| (*scheme, key_pair(*scheme, &[4; 32]).unwrap())).collect();
    let messages: Vec<Vec<u8>> = (0..300_u16).map(|i| i.to_le_bytes().repeat(usize::from(i % 7))).collect();
    let mut signatures: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(i, message)| sign(pairs[i % 2].0, &pairs[i % 2].1.secret, message).unwrap())
        .collect();
    // The first two groups stay whole; later ones get one flipped bit here and there.
    for i in (130..300).step_by(37) {
        signatures[i][i % 64] ^= 1 << (i % 8);
    }
    let items: Vec<Item> = (0..300)
        .map(|i| Item {
            scheme: pairs[i % 2].0,
            public: &pairs[i % 2].1.public,
            message: &messages[i],
            signature: &signatures[i],
        })
        .collect();
    let single: Vec<bool> =
        items.iter().map(|item| verify(item.scheme, item.public, item.message, item.signature).unwrap()).collect();
    assert!(single.contains(&false) && single[..130].iter().all(|valid| *valid));
    assert_eq!(verify_batch(&items).unwrap(), single);
}

#[test]
fn refuses_secrets_that_are_none() {
    // A scalar that is not reduced; a public half that does not belong to the seed.
    assert_eq!(from_secret(Scheme::Sr25519, &[0xff; 64]).err().unwrap().code(), "SIGNATURE_SECRET_INVALID");
    assert_eq!(from_secret(Scheme::Sr25519, &[0; 64]).err().unwrap().code(), "SIGNATURE_SECRET_INVALID");
    assert_eq!(from_secret(Scheme::Ed25519, &[1; 64]).err().unwrap().code(), "SIGNATURE_SECRET_INVALID");
}

/// s = r + k·a for the key a·B + a point of small order and the commitment r·B: the equation holds where k cancels it.
fn twisted(a: u64, key_twist: usize, r: u64, message: &[u8]) -> ([u8; 32], [u8; 64]) {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::scalar::Scalar;
    use sha2::{Digest, Sha512};
    let public = (ED25519_BASEPOINT_POINT * Scalar::from(a) + EIGHT_TORSION[key_twist]).compress().to_bytes();
    let commitment = (ED25519_BASEPOINT_POINT * Scalar::from(r)).compress().to_bytes();
    let wide = Sha512::new().chain_update(commitment).chain_update(public).chain_update(message).finalize();
    let k = Scalar::from_bytes_mod_order_wide(&wide.into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice((Scalar::from(r) + k * Scalar::from(a)).as_bytes());
    (public, signature)
}

#[test]
fn refuses_small_order_in_the_key_alone_and_in_the_commitment_alone() {
    let (public, signature) = twisted(5, 0, 7, b"m");
    assert!(verify(Scheme::Ed25519, &public, b"m", &signature).unwrap(), "the construction itself is sound");
    let (public, signature) = twisted(5, 0, 0, b"m");
    assert!(!verify(Scheme::Ed25519, &public, b"m", &signature).unwrap(), "commitment of order one");
    for twist in 0..8 {
        for message in 0..64_u8 {
            let (public, signature) = twisted(0, twist, 7, &[message]);
            assert!(!verify(Scheme::Ed25519, &public, &[message], &signature).unwrap(), "key of twist {twist}");
        }
    }
}

#[test]
fn refuses_small_order_keys_that_are_written_above_the_prime() {
    // y = p and y = p + 1 stand for 0 (order four) and 1 (the identity); R = s·B holds where k cancels the key.
    let (_, signature) = twisted(0, 0, 7, b"");
    for first in [0xed, 0xee] {
        for last in [0x7f, 0xff] {
            let mut public = [0xff; 32];
            (public[0], public[31]) = (first, last);
            for message in 0..64_u8 {
                assert!(!verify(Scheme::Ed25519, &public, &[message], &signature).unwrap(), "{public:?}");
            }
        }
    }
}

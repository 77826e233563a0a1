//! Commit, then reveal (2.2, 6.1): the tree over the visible leaves, what binds it, and what a validator checks.
use std::sync::LazyLock;

use blake3::Hasher;

use crate::error::Error;
use crate::leaf::{LEAF, LENGTH_MAX, claim, leaves};

/// Openings in one reveal.
const OPENINGS_MAX: usize = 16;
/// Bytes of a hash.
const HASH: usize = 32;
type Hash = [u8; HASH];
/// What pads the leaves to a power of two.
const PAD: Hash = [0; HASH];

static LEAF_KDF: LazyLock<Hasher> = LazyLock::new(|| Hasher::new_derive_key("taumesh v1 leaf"));
static NODE_KDF: LazyLock<Hasher> = LazyLock::new(|| Hasher::new_derive_key("taumesh v1 node"));
static CLAIM_KDF: LazyLock<Hasher> = LazyLock::new(|| Hasher::new_derive_key("taumesh v1 claim"));

fn leaf_hash(position: usize, leaf: &[u8; LEAF]) -> Hash {
    let mut hasher = LEAF_KDF.clone();
    hasher.update(&(position as u32).to_le_bytes()).update(leaf);
    hasher.finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = NODE_KDF.clone();
    hasher.update(left).update(right);
    hasher.finalize().into()
}

/// Levels between the leaves and the root, for `count` visible leaves.
pub fn depth(count: usize) -> usize {
    count.max(1).next_power_of_two().trailing_zeros() as usize
}

/// All levels of the tree, leaves first, the root last.
fn tree(visible: &[[u8; LEAF]]) -> Vec<Vec<Hash>> {
    let mut level: Vec<Hash> = visible.iter().enumerate().map(|(t, leaf)| leaf_hash(t, leaf)).collect();
    level.resize(visible.len().next_power_of_two(), PAD);
    let mut levels = vec![level];
    while let Some(below) = levels.last()
        && below.len() > 1
    {
        let (pairs, _) = below.as_chunks::<2>();
        levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
    }
    levels
}

/// The leaves of a span of 2..=4,096 positions.
fn span_leaves(bytes: &[u8]) -> Result<&[[u8; LEAF]], Error> {
    let leaves = leaves(bytes)?;
    if leaves.len() < 2 {
        return Err(Error::Argument("a span has at least two positions"));
    }
    if leaves.len() > LENGTH_MAX {
        return Err(Error::TooLarge { what: "positions of a span", found: leaves.len(), max: LENGTH_MAX });
    }
    Ok(leaves)
}

/// Merkle root over the first T-1 of T·256 leaf bytes.
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` when the leaves are not those of a span.
pub fn root(bytes: &[u8]) -> Result<Hash, Error> {
    let leaves = span_leaves(bytes)?;
    Ok(top(&tree(&leaves[..leaves.len() - 1])))
}

fn top(levels: &[Vec<Hash>]) -> Hash {
    levels.last().and_then(|level| level.first()).copied().unwrap_or(PAD)
}

/// What a claim binds beside its leaves.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// 16 bytes.
    pub query_id: &'a [u8],
    /// 32 bytes.
    pub hotkey: &'a [u8],
    /// The T-1 visible claims.
    pub claims: &'a [u16],
    /// 32 bytes.
    pub salt: &'a [u8],
}

impl Claim<'_> {
    /// KDF\[claim\](`query_id` ‖ hotkey ‖ root ‖ claims ‖ `last_leaf` ‖ salt)
    fn commit(&self, root: &[u8], last_leaf: &[u8]) -> Hash {
        let mut hasher = CLAIM_KDF.clone();
        hasher.update(self.query_id).update(self.hotkey).update(root);
        let claims: Vec<u8> = self.claims.iter().flat_map(|claim| claim.to_le_bytes()).collect();
        hasher.update(&claims).update(last_leaf).update(self.salt);
        hasher.finalize().into()
    }

    fn check_names(&self) -> Result<(), Error> {
        if self.query_id.len() != 16 || self.hotkey.len() != HASH {
            return Err(Error::Argument("a query id has 16 bytes, a hotkey 32"));
        }
        Ok(())
    }
}

/// Root and commit of a span's T·256 leaf bytes.
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` when a part has the wrong size.
pub fn commit(claim: &Claim<'_>, bytes: &[u8]) -> Result<(Hash, Hash), Error> {
    let leaves = span_leaves(bytes)?;
    claim.check_names()?;
    if claim.salt.len() != HASH {
        return Err(Error::Argument("a salt has 32 bytes"));
    }
    let (visible, last) = leaves.split_at(leaves.len() - 1);
    if claim.claims.len() != visible.len() {
        return Err(Error::Argument("there is not one claim for each visible leaf"));
    }
    let root = top(&tree(visible));
    Ok((root, claim.commit(&root, last.as_flattened())))
}

fn check_positions(positions: &[u16], visible: usize) -> Result<(), Error> {
    if positions.len() > OPENINGS_MAX {
        return Err(Error::TooLarge { what: "openings", found: positions.len(), max: OPENINGS_MAX });
    }
    if positions.iter().any(|&t| usize::from(t) >= visible) {
        return Err(Error::Argument("a position is not that of a visible leaf"));
    }
    Ok(())
}

/// For each position the sibling hashes from leaf to root, concatenated; `bytes` are the T-1 visible leaves.
///
/// # Errors
/// `MIXTURE_ARGUMENT` for a position without a visible leaf, `MIXTURE_TOO_LARGE` for more than 16 openings.
pub fn paths(bytes: &[u8], positions: &[u16]) -> Result<Vec<Vec<u8>>, Error> {
    let visible = leaves(bytes)?;
    if visible.is_empty() {
        return Err(Error::Argument("a span has at least two positions"));
    }
    if visible.len() >= LENGTH_MAX {
        return Err(Error::TooLarge { what: "visible leaves", found: visible.len(), max: LENGTH_MAX - 1 });
    }
    check_positions(positions, visible.len())?;
    let levels = tree(visible);
    let path = |&position: &u16| {
        let siblings = levels.iter().take(levels.len() - 1).enumerate();
        siblings.flat_map(|(height, level)| level[(usize::from(position) >> height) ^ 1]).collect()
    };
    Ok(positions.iter().map(path).collect())
}

/// A reveal and what it must fit.
#[derive(Clone, Copy, Debug)]
pub struct Reveal<'a> {
    /// The commitment that the miner sent before the beacon.
    pub commit: &'a [u8],
    /// What it claims.
    pub claim: Claim<'a>,
    /// Root as the miner states it.
    pub root: &'a [u8],
    /// The leaf of the sealed byte.
    pub last_leaf: &'a [u8],
    /// The span's T bytes, the last of which was never sent.
    pub span: &'a [u8],
    /// Positions asked for, in order.
    pub positions: &'a [u16],
    /// Their leaves.
    pub leaves: &'a [u8],
    /// Their paths.
    pub paths: &'a [&'a [u8]],
}

/// What is wrong with a reveal; the first that holds, in this order: shape, commit, path, claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything fits.
    Ok,
    /// A part of the wrong size or number.
    Shape,
    /// Not what was committed to.
    Commit,
    /// A leaf that is not in the tree.
    Path,
    /// A leaf that does not decode to its claim.
    Claim,
}

fn climbs(position: usize, leaf: &[u8; LEAF], path: &[Hash], root: &[u8]) -> bool {
    let mut hash = leaf_hash(position, leaf);
    for (height, sibling) in path.iter().enumerate() {
        hash = if (position >> height) & 1 == 0 { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) };
    }
    hash == root
}

/// Checks a reveal (6.1 step 6) and computes the claim of the sealed byte (0 where the shape is wrong).
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` for what is the validator's own: query, hotkey, span and positions.
pub fn check_reveal(reveal: &Reveal<'_>) -> Result<(Status, u16), Error> {
    let length = reveal.span.len();
    if length > LENGTH_MAX {
        return Err(Error::TooLarge { what: "positions of a span", found: length, max: LENGTH_MAX });
    }
    let [visible @ .., sealed] = reveal.span else {
        return Err(Error::Argument("a span has at least two positions"));
    };
    if visible.is_empty() {
        return Err(Error::Argument("a span has at least two positions"));
    }
    reveal.claim.check_names()?;
    check_positions(reveal.positions, visible.len())?;

    let claims = reveal.claim.claims;
    let (opened, rest) = reveal.leaves.as_chunks::<LEAF>();
    let Ok(last_leaf) = <&[u8; LEAF]>::try_from(reveal.last_leaf) else {
        return Ok((Status::Shape, 0));
    };
    let hashes = [reveal.commit.len(), reveal.root.len(), reveal.claim.salt.len()];
    if hashes != [HASH; 3]
        || claims.len() != visible.len()
        || !rest.is_empty()
        || opened.len() != reveal.positions.len()
        || reveal.paths.len() != opened.len()
        || reveal.paths.iter().any(|path| path.len() != HASH * depth(visible.len()))
    {
        return Ok((Status::Shape, 0));
    }
    let last = claim(last_leaf, *sealed);
    if reveal.claim.commit(reveal.root, reveal.last_leaf) != reveal.commit {
        return Ok((Status::Commit, last));
    }
    let openings = || reveal.positions.iter().map(|&t| usize::from(t)).zip(opened);
    if !openings().zip(reveal.paths).all(|((t, leaf), path)| climbs(t, leaf, path.as_chunks::<HASH>().0, reveal.root)) {
        return Ok((Status::Path, last));
    }
    if !openings().all(|(t, leaf)| claim(leaf, visible[t]) == claims[t]) {
        return Ok((Status::Claim, last));
    }
    Ok((Status::Ok, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: [u8; 16] = [3; 16];
    const KEY: [u8; 32] = [4; 32];
    const SALT: [u8; 32] = [5; 32];

    struct Answer {
        leaves: Vec<u8>,
        span: Vec<u8>,
        claims: Vec<u16>,
        root: Hash,
        commit: Hash,
    }

    fn answer(length: usize) -> Answer {
        let leaves: Vec<u8> = (0..length * LEAF).map(|i| (i * 31 % 199) as u8).collect();
        let span: Vec<u8> = (0..length).map(|t| (t * 57 % 256) as u8).collect();
        let mut claims = crate::claims(&leaves, &span).unwrap_or_default();
        claims.pop();
        let claim = Claim { query_id: &QUERY, hotkey: &KEY, claims: &claims, salt: &SALT };
        let (root, commit) = commit(&claim, &leaves).unwrap_or_default();
        Answer { leaves, span, claims, root, commit }
    }

    /// Checks a reveal of `positions` after `spoil` changed it.
    fn check(
        answer: &Answer,
        positions: &[u16],
        spoil: impl FnOnce(&mut Vec<u8>, &mut Vec<Vec<u8>>, &mut Vec<u16>),
    ) -> Status {
        let visible = &answer.leaves[..answer.leaves.len() - LEAF];
        let mut paths = paths(visible, positions).unwrap_or_default();
        let mut opened: Vec<u8> =
            positions.iter().flat_map(|&t| answer.leaves[usize::from(t) * LEAF..][..LEAF].to_vec()).collect();
        let mut claims = answer.claims.clone();
        spoil(&mut opened, &mut paths, &mut claims);
        let paths: Vec<&[u8]> = paths.iter().map(Vec::as_slice).collect();
        let reveal = Reveal {
            commit: &answer.commit,
            claim: Claim { query_id: &QUERY, hotkey: &KEY, claims: &claims, salt: &SALT },
            root: &answer.root,
            last_leaf: &answer.leaves[answer.leaves.len() - LEAF..],
            span: &answer.span,
            positions,
            leaves: &opened,
            paths: &paths,
        };
        check_reveal(&reveal).unwrap().0
    }

    #[test]
    fn an_honest_reveal_passes_at_every_length_and_position() {
        for length in [2, 3, 4, 5, 64, 256, 257] {
            let answer = answer(length);
            for t in 0..length - 1 {
                assert_eq!(check(&answer, &[t as u16], |_, _, _| ()), Status::Ok, "{length} {t}");
            }
        }
    }

    #[test]
    fn every_part_is_bound() {
        let answer = answer(64);
        let positions = [0, 7, 62, 33];
        assert_eq!(check(&answer, &positions, |_, _, _| ()), Status::Ok);
        assert_eq!(check(&answer, &positions, |leaves, _, _| leaves[300] ^= 1), Status::Path);
        assert_eq!(check(&answer, &positions, |_, paths, _| paths[2][40] ^= 1), Status::Path);
        assert_eq!(check(&answer, &positions, |_, _, claims| claims[50] += 1), Status::Commit);
        assert_eq!(check(&answer, &positions, |_, _, claims| claims.push(1)), Status::Shape);
        assert_eq!(check(&answer, &positions, |_, paths, _| paths[1].truncate(32)), Status::Shape);
        assert_eq!(check(&answer, &positions, |leaves, _, _| leaves.truncate(512)), Status::Shape);
    }

    #[test]
    fn a_claim_that_its_leaf_does_not_make_is_found_where_it_is_opened() {
        let mut answer = answer(64);
        answer.claims[7] -= 1;
        let claim = Claim { query_id: &QUERY, hotkey: &KEY, claims: &answer.claims, salt: &SALT };
        answer.commit = commit(&claim, &answer.leaves).unwrap().1;
        assert_eq!(check(&answer, &[6, 8], |_, _, _| ()), Status::Ok);
        assert_eq!(check(&answer, &[6, 7], |_, _, _| ()), Status::Claim);
    }

    #[test]
    fn what_is_the_validators_own_mistake_is_not_blamed_on_the_peer() {
        let answer = answer(64);
        let visible = &answer.leaves[..63 * LEAF];
        assert!(matches!(paths(visible, &[63]), Err(Error::Argument(_))));
        assert!(matches!(paths(visible, &[0; 17]), Err(Error::TooLarge { .. })));
        assert!(matches!(paths(&[], &[]), Err(Error::Argument(_))));
    }
}

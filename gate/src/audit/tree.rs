//! The Merkle tree of RFC 6962 section 2.1, as much of it as appending needs: the roots of its
//! perfect subtrees.

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// A tree that grows at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees, largest first: one for each bit that is set in `size`.
    peaks: Vec<Hash>,
}

/// The hash of a leaf: `SHA-256(0x00 || text)`.
#[must_use]
pub fn leaf(text: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(text).finalize().into()
}

pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Tree {
    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Two subtrees of one size become one of the next.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree's head.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node(left, &right))
    }

    /// As stored: the peaks one after the other.
    #[must_use]
    pub fn frontier(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Reads what [`Tree::frontier`] wrote; `None` when size and peaks do not belong together.
    #[must_use]
    pub fn stored(size: u64, frontier: &[u8]) -> Option<Tree> {
        let (peaks, rest) = frontier.as_chunks::<32>();
        (rest.is_empty() && peaks.len() == size.count_ones() as usize).then(|| Tree { size, peaks: peaks.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word by word.
    fn slow(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let split = more.len().next_power_of_two() / 2;
                node(&slow(&more[..split]), &slow(&more[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_the_one_of_the_definition() {
        let leaves: Vec<Hash> = (0_u8..70).map(|n| leaf(&[n])).collect();
        let mut tree = Tree::default();
        for end in 0..leaves.len() {
            assert_eq!(tree.root(), slow(&leaves[..end]), "{end} leaves");
            assert_eq!(Tree::stored(tree.size(), &tree.frontier()), Some(tree.clone()));
            tree.push(leaves[end]);
        }
    }

    #[test]
    fn peaks_that_do_not_belong_to_the_size_are_refused() {
        assert_eq!(Tree::stored(3, &[0; 32]), None);
        assert_eq!(Tree::stored(1, &[0; 33]), None);
    }
}

//! That a leaf stands in a tree (RFC 9162 sections 2.1.3.1 and 2.1.3.2).
//!
//! A proof needs the roots of subtrees all over the log. Whole ones of [`CHUNK`] leaves never change, so they are
//! computed once and kept; leaves themselves are read only where a proof passes through.

use std::collections::BTreeMap;

use super::tree::{Hash, node};

/// Leaves of a subtree whose root is kept: a power of two.
pub(crate) const CHUNK: u64 = 1024;

/// What is known of a log: the roots of its whole chunks, and the leaves of some.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) roots: Vec<Hash>,
    pub(crate) leaves: BTreeMap<u64, Vec<Hash>>,
}

impl Known {
    /// The path from the leaf at `index` to the root of the first `size` leaves, nearest sibling first; `None` where
    /// something that it needs is not known.
    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        let (mut from, mut to, mut path) = (0, size, Vec::new());
        if index >= size {
            return None;
        }
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                path.push(self.root(middle, to)?);
                to = middle;
            } else {
                path.push(self.root(from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The root over `from..to`, a subtree of the log's tree.
    pub(crate) fn root(&self, from: u64, to: u64) -> Option<Hash> {
        let (chunk, within) = (from / CHUNK, from % CHUNK);
        match to - from {
            CHUNK if within == 0 => {
                if let Some(root) = self.roots.get(usize::try_from(chunk).ok()?) {
                    return Some(*root);
                }
            }
            1 => return self.leaves.get(&chunk)?.get(usize::try_from(within).ok()?).copied(),
            _ => {}
        }
        let middle = from + split(to - from);
        Some(node(&self.root(from, middle)?, &self.root(middle, to)?))
    }
}

/// The largest power of two below `count`, which is 2 or more.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root that follows from a leaf and its path; `None` where the path does not fit the place.
#[must_use]
pub fn root(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            // A right edge without a sibling of its own moves up as it is.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Tree, leaf};
    use super::*;

    fn log(size: u64) -> (Tree, Vec<Hash>, Known) {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf(&n.to_be_bytes())).collect();
        let (mut tree, mut known) = (Tree::default(), Known::default());
        for leaf in &leaves {
            tree.push(*leaf);
        }
        for (n, chunk) in leaves.chunks(CHUNK as usize).enumerate() {
            known.leaves.insert(n as u64, chunk.to_vec());
        }
        known.roots = (0..size / CHUNK).map(|n| known.root(n * CHUNK, (n + 1) * CHUNK).unwrap()).collect();
        (tree, leaves, known)
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_no_other() {
        for size in 1..40 {
            let (tree, leaves, known) = log(size);
            for index in 0..size {
                let path = known.inclusion(index, size).unwrap();
                let found = root(leaves[index as usize], index, size, &path);
                assert_eq!(found, Some(tree.root()), "leaf {index} of {size}");
                assert_ne!(root(leaf(b"forged"), index, size, &path), Some(tree.root()));
                for other in (0..size + 1).filter(|other| *other != index) {
                    assert_ne!(
                        root(leaves[index as usize], other, size, &path),
                        Some(tree.root()),
                        "{index} at {other}"
                    );
                }
                if let Some((_, shorter)) = path.split_last() {
                    assert_ne!(root(leaves[index as usize], index, size, shorter), Some(tree.root()));
                }
            }
            assert_eq!(known.inclusion(size, size), None);
        }
    }

    #[test]
    fn a_long_log_is_proven_from_kept_roots_and_the_leaves_on_the_way() {
        let size = 5 * CHUNK + 77;
        let (tree, leaves, mut known) = log(size);
        for index in [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 500, 5 * CHUNK, size - 1] {
            let all = std::mem::take(&mut known.leaves);
            known.leaves =
                all.iter().filter(|(n, _)| **n == index / CHUNK || **n == 5).map(|(n, l)| (*n, l.clone())).collect();
            let path = known.inclusion(index, size).unwrap();
            assert_eq!(root(leaves[index as usize], index, size, &path), Some(tree.root()));
            assert!(path.len() <= 13, "{}", path.len());
            known.leaves = all;
        }
        known.leaves.clear();
        assert_eq!(known.inclusion(3, size), None, "nothing is made up");
    }
}

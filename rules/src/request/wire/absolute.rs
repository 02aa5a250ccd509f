//! An absolute target (`GET http://host/path`), and the host header beside it.
//!
//! pingora answers where they differ in a single byte, and says nothing of why; so it is said here.

use super::headers::trim;
use super::{Malformed, TARGET};
use crate::request::{host, target};

/// More than a scheme and the longest host.
const KEPT: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Absolute {
    /// The start of the target.
    target: Vec<u8>,
    host: Vec<u8>,
}

impl Absolute {
    /// For a target that begins with these bytes; `None` where it is a path.
    pub(super) fn begin(part: &[u8]) -> Option<Box<Absolute>> {
        (part.first() != Some(&b'/')).then(Box::default)
    }

    pub(super) fn target(&mut self, part: &[u8]) {
        push(&mut self.target, part);
    }

    pub(super) fn host(&mut self, part: &[u8]) {
        push(&mut self.host, part);
    }

    /// Once the head is whole. Where no host was `named`, the head is refused for that.
    pub(super) fn agrees(&self, named: bool) -> Result<(), Malformed> {
        let authority = target::authority(&self.target)?;
        host::canonical(&authority, TARGET)?;
        if named && trim(&self.host) != authority.as_bytes() {
            return Err(Malformed::bad("the target must name the host in the same letters as the host header", TARGET));
        }
        Ok(())
    }
}

fn push(kept: &mut Vec<u8>, part: &[u8]) {
    kept.extend(part.iter().take(KEPT - kept.len().min(KEPT)));
}

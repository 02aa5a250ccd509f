//! The committed description of the API is the one that the routes declare.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

#[test]
fn the_committed_description_is_current() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let current = format!("{}\n", holdshort_admin::openapi().to_pretty_json().unwrap());
    if std::fs::read_to_string(&here).unwrap_or_default() != current {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        std::fs::write(&fresh, current).unwrap();
        panic!("the API has changed: look at the difference, then copy {} to {}", fresh.display(), here.display());
    }
}

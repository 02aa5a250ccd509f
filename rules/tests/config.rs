//! Reading configurations: what is accepted and becomes what, what is refused with which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "config/bad.rs"]
mod bad;
#[path = "config/committed.rs"]
mod committed;
#[path = "config/forms.rs"]
mod forms;
#[path = "config/hostile.rs"]
mod hostile;
#[path = "config/merge.rs"]
mod merge;
#[path = "config/printed.rs"]
mod printed;
#[path = "config/reference.rs"]
mod reference;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/support.rs"]
mod support;
#[path = "config/whole.rs"]
mod whole;

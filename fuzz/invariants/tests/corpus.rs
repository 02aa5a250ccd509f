//! Every invariant holds for its seeds and for a fixed number of mutations of them; and nothing is left out
//! between invariants, fuzz targets and seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use holdshort_invariants::mutation::Mutator;
use holdshort_invariants::{TARGETS, Target};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// In the order of their names; what a fuzzer left there is a seed as well.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let mut seeds: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

/// Says which bytes broke the invariant, so that they can be made a seed.
fn check(target: &Target, what: &str, bytes: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.check)(bytes))) {
        eprintln!("the invariant `{}` does not hold for {what}: b\"{}\"", target.name, bytes.escape_ascii());
        resume_unwind(panic);
    }
}

fn run(name: &str, start: u64) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("an invariant of that name");
    let seeds = seeds(name);
    for (file, bytes) in &seeds {
        check(target, file, bytes);
    }
    let texts: Vec<Vec<u8>> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(start);
    for at in 0..target.tries {
        check(target, &format!("mutation {at} of run {start}"), &mutator.mutate(&texts));
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), 1);
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

/// Half an hour instead of seconds: `cargo test -p holdshort-invariants -- --ignored`.
#[test]
#[ignore = "long: other mutations than those of every run"]
fn many_more_mutations() {
    for start in 2..200 {
        for target in &TARGETS {
            run(target.name, start);
        }
    }
}

targets! { head target wire json form multipart mcp graphql decide configuration permit display }

#[test]
fn every_invariant_has_a_fuzz_target_and_seeds_and_a_test() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(tested, names);

    let in_folder = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(in_folder("corpus"), names);
    assert_eq!(in_folder("fuzz_targets"), names.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(seeds(name).len() >= 3, "{name} has few seeds");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
        let text = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("invariants::{name}(bytes)")), "{name} runs something else");
    }
}

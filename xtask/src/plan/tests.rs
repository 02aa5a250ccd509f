use super::*;
use crate::need::{BUILDING, TESTING};

fn a_debian_container() -> Facts {
    Facts { missing: vec![], manager: Some(Manager::Apt), root: true, sudo: false, rustup: true }
}

fn shown(plan: &Plan) -> Vec<String> {
    match plan {
        Plan::Install(installation) => installation.lines.iter().map(Line::to_string).collect(),
        other => panic!("not an installation: {other:?}"),
    }
}

fn hint(plan: Plan) -> String {
    match plan {
        Plan::ByHand { why, hint } => format!("{why}\n{hint}"),
        other => panic!("not by hand: {other:?}"),
    }
}

#[test]
fn a_machine_that_has_everything_is_left_alone() {
    assert_eq!(plan(&a_debian_container()), Plan::Ready);
}

#[test]
fn root_installs_what_is_missing_and_nothing_else() {
    let facts = Facts { missing: vec![Need::Cmake], ..a_debian_container() };
    assert_eq!(
        shown(&plan(&facts)),
        ["env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends cmake"]
    );
}

#[test]
fn everybody_else_goes_through_sudo_also_for_the_lists() {
    let facts = Facts { missing: BUILDING.to_vec(), root: false, sudo: true, ..a_debian_container() };
    let Plan::Install(installation) = plan(&facts) else { panic!("not an installation") };
    assert_eq!(installation.packages, ["cmake", "gcc", "libc6-dev", "make"]);
    assert_eq!(installation.refresh.unwrap().to_string(), "sudo env DEBIAN_FRONTEND=noninteractive apt-get update");
    assert!(installation.lines.iter().all(|line| line.to_string().starts_with("sudo env ")));
}

#[test]
fn the_tests_bring_their_interpreters_and_a_browser() {
    let facts = Facts { missing: TESTING.to_vec(), ..a_debian_container() };
    let Plan::Install(installation) = plan(&facts) else { panic!("not an installation") };
    assert_eq!(installation.packages, ["python3", "python3-venv", "nodejs", "npm", "chromium", "curl"]);
}

#[test]
fn parts_of_rust_come_from_rustup_and_need_no_root() {
    let missing = vec![Need::Rustfmt, Need::Clippy];
    let facts = Facts { missing, root: false, sudo: false, ..a_debian_container() };
    assert_eq!(shown(&plan(&facts)), ["rustup component add rustfmt clippy"]);
}

#[test]
fn parts_of_rust_without_rustup_are_for_the_reader() {
    let facts = Facts { missing: vec![Need::Clippy], rustup: false, ..a_debian_container() };
    let hint = hint(plan(&facts));
    assert!(hint.contains("not one of rustup's"), "{hint}");
    assert!(hint.contains("rustup component add clippy"), "{hint}");
}

#[test]
fn without_root_or_sudo_the_line_is_printed_and_not_run() {
    let facts = Facts { missing: vec![Need::Cmake], root: false, sudo: false, ..a_debian_container() };
    let hint = hint(plan(&facts));
    assert!(hint.contains("missing: cmake; apt-get needs root or sudo"), "{hint}");
    assert!(hint.contains("\n    sudo apt-get install --yes --no-install-recommends cmake"), "{hint}");
}

#[test]
fn other_systems_get_their_own_line() {
    for (manager, line) in [
        (Manager::Dnf, "sudo dnf install cmake nodejs nodejs-npm"),
        (Manager::Pacman, "sudo pacman -S cmake nodejs npm"),
        (Manager::Apk, "sudo apk add cmake nodejs npm"),
        (Manager::Brew, "brew install cmake node"),
    ] {
        let missing = vec![Need::Cmake, Need::Node, Need::Npm];
        let hint = hint(plan(&Facts { missing, manager: Some(manager), ..a_debian_container() }));
        assert!(hint.ends_with(&format!("with\n    {line}")), "{hint}");
    }
}

#[test]
fn an_unknown_system_gets_every_line() {
    let hint = hint(plan(&Facts { missing: vec![Need::Make], manager: None, ..a_debian_container() }));
    for manager in Manager::ALL {
        assert!(hint.contains(manager.program()), "{hint}");
    }
}

#[test]
fn nothing_is_installed_behind_a_persons_back() {
    let (yes, ci, terminal, root) = (true, true, true, true);
    assert_eq!(consent(yes, false, false, false), Consent::Given);
    assert_eq!(consent(false, ci, terminal, false), Consent::Given);
    assert_eq!(consent(false, false, false, root), Consent::Given);
    assert_eq!(consent(false, false, terminal, root), Consent::Ask);
    assert_eq!(consent(false, false, terminal, false), Consent::Ask);
    assert_eq!(consent(false, false, false, false), Consent::Missing);
}

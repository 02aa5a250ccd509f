//! Several files as one configuration.

use crate::support::files;

const API: &str = "upstreams: { api: { url: http://api.test, at: /api } }\n";

#[test]
fn maps_merge_and_policies_stand_one_after_the_other() {
    let one = "upstreams: { a: { url: http://a.test, at: /a } }\npolicies: [{ name: one, decision: auto_deny }]\n\
               admin: { listen: 127.0.0.1:9091 }\nprojects: [p]\n";
    let two = "upstreams: { b: { url: http://b.test, at: /b } }\npolicies: [{ name: two, decision: auto_deny }]\n\
               admin: { url: https://gate.test }\nprojects: [q]\n";
    let (config, findings) = files(&[("1.yaml", one), ("2.yaml", two)]).unwrap();
    assert!(findings.list.is_empty(), "{findings}");
    assert_eq!(config.upstreams.keys().collect::<Vec<_>>(), ["a", "b"]);
    let policies: Vec<_> =
        config.policies.iter().map(|policy| (policy.name.as_str(), policy.place.file.as_str())).collect();
    assert_eq!(policies, [("one", "1.yaml"), ("two", "2.yaml")]);
    assert_eq!(config.admin.listen, "127.0.0.1:9091".parse().unwrap());
    assert_eq!(config.admin.url, "https://gate.test");
    assert_eq!(config.projects.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["p", "q", "default"]);
}

#[test]
fn a_name_defined_in_two_files_is_shown_with_both_places() {
    let said = files(&[("1.yaml", API), ("2.yaml", "\n\nupstreams:\n  api: { url: http://other.test, at: /other }\n")]);
    assert_eq!(
        said.unwrap_err().to_string(),
        "error[defined-twice]: `upstreams.api` is defined twice: first at 1.yaml:1:14\n \
         --> 2.yaml:4:3\n  \
           |\n\
         4 |   api: { url: http://other.test, at: /other }\n  \
           |   ^^^\n  \
           = help: keep one of them\n"
    );
}

#[test]
fn a_setting_given_in_two_files_is_refused() {
    let said = files(&[("1.yaml", &format!("enforce: true\n{API}")), ("2.yaml", "enforce: false\n")]).unwrap_err();
    assert_eq!(said.list.len(), 1, "{said}");
    assert_eq!(said.list[0].code, "defined-twice");
    let said =
        files(&[("1.yaml", &format!("hold: {{ timeout: auto }}\n{API}")), ("2.yaml", "hold: { timeout: 5s }\n")]);
    assert_eq!(said.unwrap_err().list[0].code, "defined-twice");
    let said = files(&[("1.yaml", &format!("policies: []\n{API}")), ("2.yaml", "policies: {}\n")]).unwrap_err();
    assert_eq!(said.list[0].code, "defined-twice");
}

#[test]
fn policies_of_two_files_cannot_share_a_name() {
    let one = format!("{API}policies: [{{ name: x, decision: auto_deny }}]\n");
    let said = files(&[("1.yaml", &one), ("2.yaml", "policies:\n  - { name: x, decision: auto_approve }\n")]);
    let said = said.unwrap_err().to_string();
    assert!(said.contains("the policy `x` is defined twice: first at 1.yaml:2:20"), "{said}");
    assert!(said.contains("--> 2.yaml:2:13"), "{said}");
}

#[test]
fn an_empty_file_among_others_is_nothing_wrong() {
    assert!(files(&[("0.yaml", "# later\n"), ("1.yaml", API)]).is_ok());
    assert_eq!(files(&[]).unwrap_err().list[0].code, "empty");
}

#[test]
fn each_broken_file_is_reported() {
    let said = files(&[("1.yaml", "\"x"), ("2.yaml", API), ("3.yaml", "[")]).unwrap_err();
    let places: Vec<&str> = said.list.iter().map(|finding| finding.place.file.as_str()).collect();
    assert_eq!(places, ["1.yaml", "3.yaml"]);
}

#[test]
fn the_digest_is_of_names_and_texts() {
    let digest = |list: &[(&str, &str)]| files(list).unwrap().0.digest;
    let first = digest(&[("1.yaml", API)]);
    assert_eq!(first, digest(&[("1.yaml", API)]));
    assert_ne!(first, digest(&[("2.yaml", API)]));
    assert_ne!(first, digest(&[("1.yaml", &format!("{API} "))]));
    assert_ne!(first, digest(&[("1.yaml", API), ("2.yaml", "")]));
}

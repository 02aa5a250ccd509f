//! A table of wrong configurations with the exact text that is printed for each.
//!
//! `bad.txt` holds `### what is wrong`, the file, `>>>`, and what is printed. `UPDATE_BAD=1 cargo test -p
//! holdshort-rules --test config bad` writes the printed parts anew; then read the difference.

use std::fs;
use std::path::Path;

use crate::support::findings;

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn each_is_refused_with_these_words() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad.txt");
    let table = fs::read_to_string(&path).unwrap();
    let mut printed = String::new();
    let mut cases = 0;
    for case in table.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once(">>>\n").unwrap_or_else(|| panic!("{title}: no `>>>`"));
        let said = findings(text);
        assert!(!said.is_empty(), "{title}: nothing was found");
        printed.push_str(&format!("### {title}\n{text}>>>\n{said}\n"));
        cases += 1;
    }
    assert!(cases >= 60, "{cases}");
    if std::env::var_os("UPDATE_BAD").is_some() {
        fs::write(&path, &printed).unwrap();
        return;
    }
    if let Some((line, (is, was))) = printed.lines().zip(table.lines()).enumerate().find(|(_, (is, was))| is != was) {
        panic!("bad.txt:{}\nprinted: {is}\ntable:   {was}", line + 1);
    }
    assert_eq!(printed.lines().count(), table.lines().count());
}

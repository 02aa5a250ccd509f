//! What is shown to people: nothing in it is invisible or moves other text, and what was there can be
//! read back from it, so that two texts never look the same.

use admin::display::json::lay_out;
use admin::display::{show, show_bytes};

/// Any bytes that somebody is to read.
pub fn display(bytes: &[u8]) {
    let shown = show_bytes(bytes);
    let html = shown.to_string();
    visible(&html);
    visible(&shown.text());
    same(&read_back(&html), &plain(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(show(text).to_string(), html, "text is shown as bytes are");
    }
    if let Some(json) = lay_out(bytes) {
        let html = json.shown.to_string();
        visible(&html);
        same(&significant(&read_back(&html)), &significant(&plain(bytes)));
    }
}

/// No character that is not seen, or that changes where others are seen. The list is of its own on purpose.
fn visible(text: &str) {
    for c in text.chars() {
        let hidden = matches!(
            c,
            '\0'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{A0}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'
                | '\u{1160}' | '\u{1680}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2000}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}' | '\u{205F}'..='\u{206F}' | '\u{2800}' | '\u{3000}' | '\u{3164}'
                | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}'
        );
        assert!(!hidden, "U+{:04X} is shown as it is in {text:?}", u32::from(c));
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Char(char),
    Byte(u8),
    /// So many spaces, tabs and line breaks, in any order.
    Run([usize; 3]),
    /// The start and the end of a token of JSON.
    Open,
    Close,
}

/// What the bytes are.
fn plain(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    for chunk in bytes.utf8_chunks() {
        items.extend(chunk.valid().chars().map(Item::Char));
        items.extend(chunk.invalid().iter().map(|byte| Item::Byte(*byte)));
    }
    items
}

/// What a page says they are.
fn read_back(html: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("<span class=\"esc\">") {
            let (name, after) = after.split_once("</span>").expect("a span is closed");
            escape(&unescaped(name), &mut items);
            rest = after;
            // A run with line breaks is followed by one that is ours.
            if matches!(items.last(), Some(Item::Run([_, _, breaks])) if *breaks > 0) {
                rest = rest.strip_prefix('\n').expect("a line break");
            }
        } else if let Some(after) = rest.strip_prefix("<span class=\"hint\">") {
            rest = after.split_once("</span>").expect("a span is closed").1;
        } else if let Some(after) = rest.strip_prefix("<span class=\"j-") {
            items.push(Item::Open);
            rest = after.split_once('>').expect("a tag is closed").1;
        } else if let Some(after) = rest.strip_prefix("</span>") {
            items.push(Item::Close);
            rest = after;
        } else {
            assert!(!matches!(c, '<' | '>' | '"' | '\''), "markup: {rest}");
            let length = if c == '&' { rest.find(';').expect("an entity") + 1 } else { c.len_utf8() };
            items.extend(unescaped(&rest[..length]).chars().map(Item::Char));
            rest = &rest[length..];
        }
    }
    items
}

fn unescaped(html: &str) -> String {
    let html = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    html.replace("&amp;", "&")
}

/// What stands in an escape: a run, a byte, a code point, or a name.
fn escape(name: &str, items: &mut Vec<Item>) {
    if let Some(run) = name.strip_prefix('+') {
        let mut counts = [0; 3];
        for part in run.split(", ") {
            let (count, what) = part.split_once(' ').expect("a count and a word");
            let at = ["spaces", "tabs", "line breaks"].iter().position(|known| *known == what).expect("white space");
            counts[at] = count.replace('\u{202F}', "").parse().expect("a count");
        }
        items.push(Item::Run(counts));
    } else if let Some(byte) = name.strip_prefix("\\x") {
        items.push(Item::Byte(u8::from_str_radix(byte, 16).expect("a byte")));
    } else {
        let point = name.split(' ').find_map(|word| word.strip_prefix("U+"));
        let named = match name {
            "NUL" => '\0',
            "\\r" => '\r',
            "ESC" => '\u{1B}',
            "DEL" => '\u{7F}',
            _ => char::from_u32(u32::from_str_radix(point.expect("a code point"), 16).expect("hexadecimal"))
                .expect("a character"),
        };
        items.push(Item::Char(named));
    }
}

/// Item by item, where a run stands for white space of the text.
fn same(shown: &[Item], meant: &[Item]) {
    let mut meant = meant.iter();
    for item in shown.iter().filter(|item| !matches!(item, Item::Open | Item::Close)) {
        if let Item::Run(counts) = item {
            let mut left = *counts;
            while left != [0; 3] {
                let at = match meant.next() {
                    Some(Item::Char(' ')) => 0,
                    Some(Item::Char('\t')) => 1,
                    Some(Item::Char('\n')) => 2,
                    other => panic!("a run of {counts:?} ends at {other:?}"),
                };
                left[at] = left[at].checked_sub(1).expect("a run has more than it says");
            }
        } else {
            assert_eq!(Some(item), meant.next(), "another text than what is shown");
        }
    }
    assert_eq!(meant.next(), None, "not all is shown");
}

/// JSON without the white space between its tokens.
fn significant(items: &[Item]) -> Vec<Item> {
    let (mut kept, mut inside, mut escaped) = (Vec::new(), false, false);
    for item in items {
        match item {
            Item::Open | Item::Close => continue,
            Item::Char(' ' | '\t' | '\n' | '\r') | Item::Run(_) if !inside => continue,
            Item::Char('"') if !escaped => inside = !inside,
            _ => {}
        }
        escaped = inside && !escaped && *item == Item::Char('\\');
        kept.push(item.clone());
    }
    kept
}

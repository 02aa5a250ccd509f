//! Names of others as names of ours.

use std::collections::HashSet;

const LONGEST_ACTION: usize = 100;

/// `deleteFile`, `delete-file`, `repos/Delete File` and `DeleteHTTPFile` become words of lower case.
pub(super) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let starts = c.is_ascii_uppercase()
            && (before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                || before.is_some_and(char::is_ascii_uppercase) && after.is_some_and(char::is_ascii_lowercase));
        if starts && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake.truncate(snake.trim_end_matches('_').len());
    snake
}

/// Action names that are good and used once.
#[derive(Debug, Default)]
pub(super) struct Actions(HashSet<String>);

impl Actions {
    pub(super) fn take(&mut self, name: &str) -> String {
        let mut action = snake_case(name);
        if !action.starts_with(|c: char| c.is_ascii_lowercase()) {
            action = format!("call_{action}");
        }
        // Room for a number.
        action.truncate(LONGEST_ACTION - 6);
        action.truncate(action.trim_end_matches('_').len());
        let mut free = action.clone();
        let mut next = 2_u32;
        while !self.0.insert(free.clone()) {
            free = format!("{action}_{next}");
            next += 1;
        }
        free
    }
}

/// A parameter's name, which conditions call `params.NAME`.
pub(super) fn param_name(name: &str) -> String {
    let mut plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        plain.insert(0, '_');
    }
    plain.truncate(60);
    plain
}

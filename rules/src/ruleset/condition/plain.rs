//! The plain part of CEL, answered without its interpreter.
//!
//! Most conditions compare a parameter with a number or a text. The interpreter makes a map of variables,
//! and an error beside each comparison in case it needs one: dozens of allocations for `params.amount > 100`.
//! What is of this form throughout is read into a [`Plain`] once.
//!
//! INVARIANT: where it has an answer, the interpreter has the same one (a test compares them). It has none
//! where a value is missing or of a kind that is not compared here; then the interpreter is asked.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Facts, selected};
use crate::ruleset::ParamValue;

#[derive(Debug)]
pub(super) enum Plain {
    And(Box<[Plain; 2]>),
    Or(Box<[Plain; 2]>),
    Not(Box<Plain>),
    Number { param: String, test: Test, with: i64 },
    Text { of: Text, test: TextTest, with: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Less,
    AtMost,
    More,
    AtLeast,
    Is,
    IsNot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    Is,
    IsNot,
    Starts,
    Ends,
}

/// Where a text comes from.
#[derive(Debug)]
pub(super) enum Text {
    Param(String),
    Method,
    Path,
    Host,
}

impl Plain {
    /// `None`: something else occurs in it.
    pub(super) fn read(expr: &IdedExpr) -> Option<Plain> {
        let Expr::Call(call) = &expr.expr else { return None };
        if call.target.is_some() {
            return Plain::method(call);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => Some(Plain::And(both(left, right)?)),
            (operators::LOGICAL_OR, [left, right]) => Some(Plain::Or(both(left, right)?)),
            (operators::LOGICAL_NOT, [inner]) => Some(Plain::Not(Box::new(Plain::read(inner)?))),
            (name, [left, right]) => Plain::comparison(name, left, right),
            _ => None,
        }
    }

    /// `text.startsWith("...")`.
    fn method(call: &CallExpr) -> Option<Plain> {
        let test = match call.func_name.as_str() {
            "startsWith" => TextTest::Starts,
            "endsWith" => TextTest::Ends,
            _ => return None,
        };
        match call.args.as_slice() {
            [IdedExpr { expr: Expr::Literal(LiteralValue::String(with)), .. }] => {
                Some(Plain::Text { of: Text::read(call.target.as_deref()?)?, test, with: with.inner().to_owned() })
            }
            _ => None,
        }
    }

    fn comparison(name: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Plain> {
        let test = match name {
            operators::LESS => Test::Less,
            operators::LESS_EQUALS => Test::AtMost,
            operators::GREATER => Test::More,
            operators::GREATER_EQUALS => Test::AtLeast,
            operators::EQUALS => Test::Is,
            operators::NOT_EQUALS => Test::IsNot,
            _ => return None,
        };
        match (&right.expr, test) {
            (Expr::Literal(LiteralValue::Int(with)), _) => match selected(left) {
                Some(("params", param, false)) => {
                    Some(Plain::Number { param: param.to_owned(), test, with: *with.inner() })
                }
                _ => None,
            },
            (Expr::Literal(LiteralValue::String(with)), Test::Is | Test::IsNot) => {
                let test = if test == Test::Is { TextTest::Is } else { TextTest::IsNot };
                Some(Plain::Text { of: Text::read(left)?, test, with: with.inner().to_owned() })
            }
            _ => None,
        }
    }

    /// Whether it holds; `None` where the interpreter must say.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            // Both sides must have an answer, although one may be enough: what fails is for the interpreter.
            Plain::And(both) => both.iter().try_fold(true, |all, one| Some(one.holds(facts)? && all)),
            Plain::Or(both) => both.iter().try_fold(false, |any, one| Some(one.holds(facts)? || any)),
            Plain::Not(inner) => inner.holds(facts).map(|holds| !holds),
            Plain::Number { param, test, with } => match facts.params.get(param)? {
                ParamValue::Integer(value) => Some(match test {
                    Test::Less => value < with,
                    Test::AtMost => value <= with,
                    Test::More => value > with,
                    Test::AtLeast => value >= with,
                    Test::Is => value == with,
                    Test::IsNot => value != with,
                }),
                _ => None,
            },
            Plain::Text { of, test, with } => {
                let value = of.value(facts)?;
                Some(match test {
                    TextTest::Is => value == with,
                    TextTest::IsNot => value != with,
                    TextTest::Starts => value.starts_with(with.as_str()),
                    TextTest::Ends => value.ends_with(with.as_str()),
                })
            }
        }
    }
}

fn both(left: &IdedExpr, right: &IdedExpr) -> Option<Box<[Plain; 2]>> {
    Some(Box::new([Plain::read(left)?, Plain::read(right)?]))
}

impl Text {
    fn read(expr: &IdedExpr) -> Option<Text> {
        match selected(expr)? {
            ("params", name, false) => Some(Text::Param(name.to_owned())),
            ("request", "method", false) => Some(Text::Method),
            ("request", "path", false) => Some(Text::Path),
            ("request", "host", false) => Some(Text::Host),
            _ => None,
        }
    }

    fn value<'a>(&self, facts: &Facts<'a>) -> Option<&'a str> {
        match self {
            Text::Param(name) => match facts.params.get(name)? {
                ParamValue::String(text) => Some(text),
                _ => None,
            },
            Text::Method => Some(&facts.request?.head.method),
            Text::Path => Some(&facts.request?.path),
            Text::Host => Some(&facts.request?.head.host),
        }
    }
}

//! `when`: CEL over `params`, `request`, `agent`, `risk` and `now`.
//!
//! CEL alone is no safe judge of values that a caller chose: a list is `!=` any text, `||` passes
//! over a missing field, and doubles merge numbers. So an expression is read once at load, and at
//! each evaluation every parameter it names must be there, be of the kind it is compared with, and
//! be a number that a double keeps apart from its neighbours. Whatever fails is an error, never a value.

use std::collections::HashMap;
use std::sync::LazyLock;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::{Context, Program, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive as _;

use super::params::{ParamValue, Params};
use crate::config::RiskTier;
use crate::config::findings::shortened;
use crate::decision::{Caller, Risk};
use crate::request::Request;

mod plain;

use plain::Plain;

const LONGEST: usize = 2000;
/// The parser and the interpreter recurse; these bound how deep.
const DEEPEST_BRACKETS: usize = 16;
const MOST_SIGNS: usize = 300;
const DEEPEST_TREE: usize = 40;
const TOO_LARGE: &str = "the expression is too large: split it into several policies";
/// `all` within `all`: three would let a caller's lists cost cubic time.
const DEEPEST_MACROS: usize = 2;
/// So many rounds of macros are a fraction of a second.
const MOST_ROUNDS: usize = 100_000;
/// A double keeps all decimals of so many digits apart.
const EXACT_DIGITS: usize = 15;

/// The standard functions. Making them takes ten times as long as most evaluations.
static ROOT: LazyLock<Context<'static, 'static>> = LazyLock::new(Context::default);

/// A compiled expression and what it needs to know.
#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    /// The same, where it needs no interpreter.
    plain: Option<Plain>,
    /// Parameters that must be there.
    needs: Vec<String>,
    /// Parameters it asks for with `has()`.
    may_need: Vec<String>,
    guards: Vec<Guard>,
    /// `params` as a whole.
    all_params: bool,
    request: Vec<String>,
    agent: bool,
    risk: bool,
    now: bool,
    /// How deep macros such as `all()` stand within each other.
    macros: u32,
}

/// A parameter is compared, so it must be of a kind that the comparison means.
#[derive(Debug, PartialEq, Eq)]
struct Guard {
    param: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bool,
    /// `x in params.list`
    Container,
}

/// What an expression may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) params: &'a Params,
    pub(super) tier: RiskTier,
    pub(super) request: Option<&'a Request>,
    pub(super) caller: &'a Caller,
    pub(super) risk: &'a Risk,
    pub(super) at: Timestamp,
}

impl Facts<'_> {
    /// What a policy's `paths` are held against.
    pub(super) fn path(&self, upstream: Option<&str>) -> Option<String> {
        match (self.request, upstream, self.params.get("path")) {
            (Some(request), Some(upstream), _) => Some([upstream, &request.path].concat()),
            (None, _, Some(ParamValue::String(path))) => Some(path.trim_start_matches('/').to_owned()),
            _ => None,
        }
    }
}

impl Condition {
    /// # Errors
    /// What is wrong with the expression, in a sentence.
    pub(super) fn compile(source: &str) -> Result<Condition, String> {
        bounds(source)?;
        let program = parse(source)?;
        let mut reader = Reader::default();
        reader.read(program.expression(), &mut Vec::new(), 0)?;
        let Reader { mut needs, may_need, guards, all_params, request, agent, risk, now, macros, .. } = reader;
        needs.retain(|name| !may_need.contains(name));
        let plain = Plain::read(program.expression());
        Ok(Condition { program, plain, needs, may_need, guards, all_params, request, agent, risk, now, macros })
    }

    /// The parameters it looks at; `None`: at all of them.
    pub(super) fn params(&self) -> Option<impl Iterator<Item = &str>> {
        (!self.all_params).then(|| self.needs.iter().chain(&self.may_need).map(String::as_str))
    }

    /// That it is false, with the values that it looked at.
    pub(super) fn is_false(&self, source: &str, facts: &Facts<'_>) -> String {
        let names = self.needs.iter().chain(&self.may_need);
        let mut values: Vec<String> = names
            .map(|name| match facts.params.get(name) {
                Some(value) => format!("params.{name} is {}", shortened(&value.to_string())),
                None => format!("params.{name} is missing"),
            })
            .collect();
        if self.risk {
            values.push(format!("risk.score is {}", facts.risk.score));
        }
        if self.now {
            values.push(format!("now is {}", facts.at.strftime("%a %Y-%m-%d %H:%M UTC")));
        }
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        format!("`{}` is false{values}", shortened(source))
    }

    /// # Errors
    /// Why it has no value: the call is then for people.
    pub(super) fn holds(&self, facts: &Facts<'_>, zone: &TimeZone) -> Result<bool, String> {
        if let Some(missing) = self.needs.iter().find(|name| !facts.params.contains_key(*name)) {
            return Err(format!("params.{missing} is missing"));
        }
        for guard in &self.guards {
            if let Some(value) = facts.params.get(&guard.param)
                && !guard.kind.admits(value)
            {
                return Err(format!("params.{} is {}", guard.param, value.kind()));
            }
        }
        self.affordable(facts)?;
        match self.plain.as_ref().and_then(|plain| plain.holds(facts)) {
            Some(holds) => Ok(holds),
            None => self.interpreted(facts, zone),
        }
    }

    fn interpreted(&self, facts: &Facts<'_>, zone: &TimeZone) -> Result<bool, String> {
        let mut scope = ROOT.new_inner_scope();
        self.bind(facts, zone, &mut scope)?;
        match self.program.execute(&scope) {
            Ok(Value::Bool(value)) => Ok(value),
            Ok(_) => Err("the condition is neither true nor false".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What macros go through is the caller's: its size bounds the time that an evaluation takes.
    fn affordable(&self, facts: &Facts<'_>) -> Result<(), String> {
        if self.macros == 0 {
            return Ok(());
        }
        let named = |name: &String| self.all_params || self.needs.contains(name) || self.may_need.contains(name);
        let values = facts.params.iter().filter(|(name, _)| named(name)).map(|(_, value)| count(value)).sum::<usize>();
        match values.checked_pow(self.macros) {
            Some(rounds) if rounds <= MOST_ROUNDS => Ok(()),
            _ => Err(format!("{values} values are too many for this condition")),
        }
    }

    /// Only what the expression names is converted.
    fn bind(&self, facts: &Facts<'_>, zone: &TimeZone, scope: &mut Context<'_, '_>) -> Result<(), String> {
        let named = || self.needs.iter().chain(&self.may_need);
        if self.all_params || named().next().is_some() {
            let mut params: HashMap<String, Value> = HashMap::new();
            for (name, value) in facts.params {
                if self.all_params || named().any(|named| named == name) {
                    params.insert(name.clone(), to_cel(value).map_err(|why| format!("params.{name} {why}"))?);
                }
            }
            scope.add_variable_from_value("params", params);
        }
        if !self.request.is_empty() {
            let request = facts.request.ok_or("there is no request: the call was declared")?;
            let fields = self.request.iter().map(|field| (field.clone(), field_of(request, field)));
            scope.add_variable_from_value("request", fields.collect::<HashMap<String, Value>>());
        }
        if self.agent {
            let caller = facts.caller;
            let text = |text: &Option<String>| Value::from(text.clone().unwrap_or_default());
            let fields: HashMap<String, Value> = [
                ("name", Value::from(caller.name.clone())),
                ("fingerprint", Value::from(caller.fingerprint.clone())),
                ("project", Value::from(caller.project.clone())),
                ("trust", Value::from(caller.trust.as_str())),
                ("framework", text(&caller.framework)),
                ("owner", text(&caller.owner)),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
            scope.add_variable_from_value("agent", fields);
        }
        if self.risk {
            let fields: HashMap<String, Value> = HashMap::from([
                ("tier".to_owned(), Value::from(facts.tier.as_str())),
                ("score".to_owned(), Value::Int(i64::from(facts.risk.score))),
            ]);
            scope.add_variable_from_value("risk", fields);
        }
        if self.now {
            let now = local(facts.at, zone).ok_or("the time is out of range")?;
            scope.add_variable_from_value("now", Value::Timestamp(now));
        }
        Ok(())
    }
}

impl Kind {
    fn admits(self, value: &ParamValue) -> bool {
        matches!(
            (self, value),
            (Kind::Text, ParamValue::String(_))
                | (Kind::Number, ParamValue::Integer(_) | ParamValue::Decimal(_))
                | (Kind::Bool, ParamValue::Bool(_))
                | (Kind::Container, ParamValue::List(_) | ParamValue::Object(_))
        )
    }
}

/// Walks an expression once and notes what it looks at.
#[derive(Debug, Default)]
struct Reader {
    needs: Vec<String>,
    may_need: Vec<String>,
    guards: Vec<Guard>,
    all_params: bool,
    request: Vec<String>,
    agent: bool,
    risk: bool,
    now: bool,
    macros: u32,
    /// Of the node that is being read.
    depth: usize,
}

const REQUEST: [&str; 6] = ["method", "path", "query", "host", "headers", "client"];
const AGENT: [&str; 6] = ["name", "fingerprint", "project", "trust", "framework", "owner"];
const RISK: [&str; 2] = ["tier", "score"];

impl Reader {
    fn read<'e>(&mut self, expr: &'e IdedExpr, bound: &mut Vec<&'e str>, macros: usize) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST_TREE {
            return Err(TOO_LARGE.to_owned());
        }
        self.look(expr, bound, macros)?;
        self.depth -= 1;
        Ok(())
    }

    fn look<'e>(&mut self, expr: &'e IdedExpr, bound: &mut Vec<&'e str>, macros: usize) -> Result<(), String> {
        if let Some((root, field, test)) = selected(expr)
            && !bound.contains(&root)
        {
            return self.field(root, field, test);
        }
        match &expr.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.whole(name, bound)?,
            Expr::Select(select) => self.read(&select.operand, bound, macros)?,
            Expr::Call(call) => {
                if let [left, right] = call.args.as_slice()
                    && call.target.is_none()
                {
                    self.guard(&call.func_name, left, right, bound);
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.read(part, bound, macros)?;
                }
            }
            Expr::List(list) => {
                for element in &list.elements {
                    self.read(element, bound, macros)?;
                }
            }
            Expr::Comprehension(comprehension) => {
                if macros == DEEPEST_MACROS {
                    return Err(format!("macros such as all() nest at most {DEEPEST_MACROS} deep"));
                }
                self.macros = self.macros.max(u32::try_from(macros + 1).unwrap_or(u32::MAX));
                self.read(&comprehension.iter_range, bound, macros)?;
                self.read(&comprehension.accu_init, bound, macros)?;
                let outer = bound.len();
                bound.push(&comprehension.iter_var);
                bound.extend(comprehension.iter_var2.as_deref());
                bound.push(&comprehension.accu_var);
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.read(part, bound, macros + 1)?;
                }
                bound.truncate(outer);
            }
            Expr::Map(_) | Expr::Struct(_) => {
                return Err("maps and messages cannot be written in conditions".to_owned());
            }
        }
        Ok(())
    }

    /// `root.field`, or `has(root.field)`.
    fn field(&mut self, root: &str, field: &str, test: bool) -> Result<(), String> {
        let known = |fields: &[&str]| {
            if fields.contains(&field) {
                Ok(())
            } else {
                Err(format!("{root} has no \"{field}\"; it has {}", fields.join(", ")))
            }
        };
        match root {
            "params" => {
                let list = if test { &mut self.may_need } else { &mut self.needs };
                if !list.iter().any(|name| name == field) {
                    list.push(field.to_owned());
                }
            }
            "request" => {
                known(&REQUEST)?;
                if !self.request.iter().any(|name| name == field) {
                    self.request.push(field.to_owned());
                }
            }
            "agent" => {
                known(&AGENT)?;
                self.agent = true;
            }
            "risk" => {
                known(&RISK)?;
                self.risk = true;
            }
            _ => return Err(unknown(root)),
        }
        Ok(())
    }

    /// A variable as it is.
    fn whole(&mut self, name: &str, bound: &[&str]) -> Result<(), String> {
        const TYPES: [&str; 9] = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"];
        match name {
            _ if bound.contains(&name) || TYPES.contains(&name) => {}
            "params" => self.all_params = true,
            "request" => self.request = REQUEST.map(str::to_owned).to_vec(),
            "agent" => self.agent = true,
            "risk" => self.risk = true,
            "now" => self.now = true,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn guard(&mut self, function: &str, left: &IdedExpr, right: &IdedExpr, bound: &[&str]) {
        let param = |expr| match selected(expr) {
            Some(("params", field, false)) if !bound.contains(&"params") => Some(field.to_owned()),
            _ => None,
        };
        let mut note = |param: Option<String>, kind: Option<Kind>| {
            if let (Some(param), Some(kind)) = (param, kind) {
                self.guards.push(Guard { param, kind });
            }
        };
        match function {
            "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" => {
                note(param(left), kind_of(right));
                note(param(right), kind_of(left));
            }
            "@in" => {
                if let Expr::List(list) = &right.expr {
                    note(param(left), list.elements.first().and_then(kind_of));
                }
                note(param(right), Some(Kind::Container));
            }
            _ => {}
        }
    }
}

/// The parser takes some hundred kilobytes of stack for each level of brackets, so it gets its own.
fn parse(source: &str) -> Result<Program, String> {
    const STACK: usize = 64 * 1024 * 1024;
    let compile = || {
        Program::compile(source).map_err(|errors| {
            let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
            format!("\"{source}\" is not a CEL expression: {first}")
        })
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, compile);
        thread
            .map_err(|error| format!("cannot read conditions: {error}"))?
            .join()
            .map_err(|_| format!("\"{source}\" is not a CEL expression"))?
    })
}

/// Bounds what the parser is given. Brackets within strings count too: that only refuses more.
fn bounds(source: &str) -> Result<(), String> {
    if source.len() > LONGEST {
        return Err(format!("the expression is longer than {LONGEST} characters"));
    }
    let (mut depth, mut signs) = (0_usize, 0_usize);
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            c if c.is_alphanumeric() || c.is_whitespace() || matches!(c, '_' | '"' | '\'') => {}
            _ => signs += 1,
        }
        if depth > DEEPEST_BRACKETS || signs > MOST_SIGNS {
            return Err(TOO_LARGE.to_owned());
        }
    }
    Ok(())
}

/// `root.field` and `root["field"]`.
fn selected(expr: &IdedExpr) -> Option<(&str, &str, bool)> {
    match &expr.expr {
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(root) => Some((root, &select.field, select.test)),
            _ => None,
        },
        Expr::Call(call) if call.func_name == "_[_]" => match call.args.as_slice() {
            [
                IdedExpr { expr: Expr::Ident(root), .. },
                IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. },
            ] => Some((root, key.inner(), false)),
            _ => None,
        },
        _ => None,
    }
}

/// The kind of value an expression has, where that can be told from its text.
fn kind_of(expr: &IdedExpr) -> Option<Kind> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(_)) => Some(Kind::Text),
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_)) => Some(Kind::Number),
        Expr::Literal(LiteralValue::Boolean(_)) => Some(Kind::Bool),
        Expr::Call(call) if call.func_name == "-_" => Some(Kind::Number),
        _ => match selected(expr) {
            Some(("agent", ..)) => Some(Kind::Text),
            Some(("risk", "score", _)) => Some(Kind::Number),
            Some(("risk", ..)) => Some(Kind::Text),
            Some(("request", field, _)) if field != "headers" => Some(Kind::Text),
            _ => None,
        },
    }
}

fn unknown(name: &str) -> String {
    format!("\"{name}\" is unknown; there are params, request, agent, risk and now")
}

fn field_of(request: &Request, field: &str) -> Value {
    match field {
        "method" => Value::from(request.head.method.as_str()),
        "path" => Value::from(request.path.as_str()),
        "query" => Value::from(request.head.query.as_deref().unwrap_or_default()),
        "host" => Value::from(request.head.host.as_str()),
        "client" => Value::from(request.head.client.map(|client| client.to_string()).unwrap_or_default()),
        // A header that came twice, or is not text, has no one value: it is not there.
        "headers" => {
            let headers = &request.head.headers;
            let once = |name: &str| headers.iter().filter(|(other, _)| other == name).count() == 1;
            let text = |value: &[u8]| std::str::from_utf8(value).map(str::to_owned).ok();
            let fields = headers.iter().filter(|(name, _)| once(name));
            let fields: HashMap<String, Value> =
                fields.filter_map(|(name, value)| Some((name.clone(), Value::from(text(value)?)))).collect();
            Value::from(fields)
        }
        _ => Value::Null,
    }
}

fn to_cel(value: &ParamValue) -> Result<Value, String> {
    Ok(match value {
        ParamValue::Null => Value::Null,
        ParamValue::Bool(value) => Value::Bool(*value),
        ParamValue::Integer(value) => Value::Int(*value),
        ParamValue::Decimal(value) => {
            let digits = value.normalize().mantissa().unsigned_abs().checked_ilog10().unwrap_or_default() + 1;
            match value.to_f64() {
                Some(double) if usize::try_from(digits).is_ok_and(|digits| digits <= EXACT_DIGITS) => {
                    Value::Float(double)
                }
                _ => return Err("has too many digits to be compared exactly".to_owned()),
            }
        }
        ParamValue::String(text) => Value::from(text.as_str()),
        ParamValue::List(items) => Value::from(items.iter().map(to_cel).collect::<Result<Vec<_>, _>>()?),
        ParamValue::Object(members) => {
            let members = members.iter().map(|(key, value)| Ok((key.clone(), to_cel(value)?)));
            Value::from(members.collect::<Result<HashMap<String, Value>, String>>()?)
        }
    })
}

/// Values within a value, itself included.
fn count(value: &ParamValue) -> usize {
    match value {
        ParamValue::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        ParamValue::Object(members) => 1 + members.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

/// CEL's timestamps are chrono's.
fn local(at: Timestamp, zone: &TimeZone) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    let offset = chrono::FixedOffset::east_opt(zone.to_offset(at).seconds())?;
    chrono::DateTime::from_timestamp_micros(at.as_microsecond()).map(|utc| utc.with_timezone(&offset))
}

#[cfg(test)]
mod tests;
